/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Hellos come back as they were; what is not one is refused. */
#include "transport/peer/hello.h"

#include <criterion/criterion.h>

static void sample(struct nc_hello *hello)
{
	*hello = (struct nc_hello){ .phase = NC_HELLO_MEMBER,
		                    .run = UINT64_MAX,
		                    .echo = 3,
		                    .expect = 5,
		                    .founding_id = "0123456789abcde",
		                    .proposer = 9,
		                    .term = 4,
		                    .leader = 7,
		                    .commit = 100,
		                    .applied = 99,
		                    .clock_ns = 1700000000000000000,
		                    .engine_version = 2,
		                    .version = "0.1.0",
		                    .draining = true,
		                    .node_count = 2 };
	hello->nodes[0] = (struct nc_hello_node){ 7, "n1", NC_HELLO_VOTER, 3, 12 };
	hello->nodes[1] = (struct nc_hello_node){ UINT64_MAX, "", NC_HELLO_LEARNER, 0, 0 };
}

Test(hello, comes_back_as_it_was)
{
	static struct nc_hello hello, got;
	struct nc_buf buf = { 0 };
	sample(&hello);
	nc_hello_put(&buf, &hello);
	cr_assert_eq(nc_hello_get(nc_buf_slice(&buf), &got), NC_OK);
	cr_expect(got.phase == hello.phase && got.run == hello.run && got.echo == 3);
	cr_expect(got.expect == 5 && got.proposer == 9 && got.term == 4 && got.leader == 7);
	cr_expect(got.commit == 100 && got.applied == 99 && got.engine_version == 2);
	cr_expect_eq(got.clock_ns, hello.clock_ns);
	cr_expect_str_eq(got.version, "0.1.0");
	cr_expect(got.draining);
	cr_assert_eq(got.node_count, 2);
	cr_expect_str_eq(nc_hello_find(&got, 7)->name, "n1");
	cr_expect(nc_hello_find(&got, 7)->epoch == 3 && nc_hello_find(&got, 7)->run == 12);
	cr_expect_str_eq(nc_hello_find(&got, UINT64_MAX)->name, "");
	cr_expect_null(nc_hello_find(&got, 8));
	nc_buf_release(&buf);
}

Test(hello, cut_short_anywhere_is_refused)
{
	static struct nc_hello hello, got;
	struct nc_buf buf = { 0 };
	sample(&hello);
	nc_hello_put(&buf, &hello);
	for (size_t size = 0; size < buf.size; size++)
		cr_expect_eq(nc_hello_get(nc_slice(buf.data, size), &got), NC_INVALID, "%zu", size);
	nc_buf_release(&buf);
}

Test(hello, names_and_versions_that_are_no_words_are_refused)
{
	static struct nc_hello hello, got;
	struct nc_buf buf = { 0 };
	sample(&hello);
	memcpy(hello.version, "\"},", 4);
	nc_hello_put(&buf, &hello);
	cr_expect_eq(nc_hello_get(nc_buf_slice(&buf), &got), NC_INVALID);
	sample(&hello);
	memcpy(hello.nodes[0].name, "a.b", 4);
	nc_buf_clear(&buf);
	nc_hello_put(&buf, &hello);
	cr_expect_eq(nc_hello_get(nc_buf_slice(&buf), &got), NC_INVALID);
	nc_buf_release(&buf);
}

/* The array says how many there are; what came later stands at its end. */
Test(hello, of_an_earlier_version_ends_with_the_nodes_or_what_follows_them)
{
	static struct nc_hello hello, got;
	struct nc_buf buf = { 0 };
	sample(&hello);
	nc_hello_put(&buf, &hello);
	cr_assert_arr_eq(buf.data, "\xdc\x00\x10", 3, "an array of sixteen");
	size_t runs = 1 + 1 + 1; /* an array of two, each one byte */
	buf.data[2] = 15;
	cr_assert_eq(nc_hello_get(nc_slice(buf.data, buf.size - runs), &got), NC_OK);
	cr_expect(got.draining);
	cr_expect_eq(got.nodes[0].run, 0);
	buf.data[2] = 14;
	cr_assert_eq(nc_hello_get(nc_slice(buf.data, buf.size - runs - 1), &got), NC_OK);
	cr_expect_not(got.draining);
	cr_expect_eq(got.node_count, 2);
	nc_buf_release(&buf);
}

Test(hello, with_more_runs_than_nodes_is_refused)
{
	static struct nc_hello hello, got;
	struct nc_buf buf = { 0 };
	sample(&hello);
	nc_hello_put(&buf, &hello);
	cr_assert_eq(buf.data[buf.size - 3], 0x92, "an array of two");
	buf.data[buf.size - 3] = 0x93;
	nc_buf_put(&buf, "\x05", 1);
	cr_expect_eq(nc_hello_get(nc_buf_slice(&buf), &got), NC_INVALID);
	nc_buf_release(&buf);
}
