/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Which start of a member was the last is not forgotten, and two of one number are told apart. */
#include "core/node/cluster/heard.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static const uint8_t ours[NC_PEER_CLUSTER_ID_SIZE] = "0123456789abcde";
static const uint8_t foreign[NC_PEER_CLUSTER_ID_SIZE] = "0123456789abcdX";
static char directory[] = "/tmp/nacre-heard-XXXXXX";
static char path[64];
static struct nc_heard heard;

static void setup(void)
{
	cr_assert_not_null(mkdtemp(directory));
	(void)snprintf(path, sizeof path, "%s/heard", directory);
	heard = (struct nc_heard){ 0 };
}

static void teardown(void)
{
	(void)unlink(path);
	(void)rmdir(directory);
}

TestSuite(heard, .init = setup, .fini = teardown);

static enum nc_heard_as put(uint64_t number, uint64_t epoch, uint64_t run)
{
	return nc_heard_put(&heard, &(struct nc_heard_life){ number, epoch, run, false });
}

Test(heard, is_a_later_start)
{
	cr_expect_eq(put(7, 3, 100), NC_HEARD_LATER);
	cr_expect_eq(put(7, 3, 100), NC_HEARD_SAME);
	cr_expect_eq(put(7, 5, 101), NC_HEARD_LATER);
	cr_expect_eq(put(8, 1, 102), NC_HEARD_LATER);
	cr_expect_eq(heard.count, 2);
	cr_expect_eq(nc_heard_find(&heard, 7)->epoch, 5);
	cr_expect_null(nc_heard_find(&heard, 9));
}

Test(heard, an_earlier_start_is_not_believed)
{
	put(7, 5, 101);
	cr_expect_eq(put(7, 4, 102), NC_HEARD_OLDER);
	cr_expect_not(nc_heard_trusts(&heard, 7, 4));
	cr_expect(nc_heard_trusts(&heard, 7, 5));
	cr_expect(nc_heard_trusts(&heard, 7, 6));
	cr_expect(nc_heard_trusts(&heard, 8, 1));
	cr_expect_eq(nc_heard_find(&heard, 7)->run, 101);
}

Test(heard, another_process_in_the_same_start_is_not_believed)
{
	put(7, 5, 101);
	cr_expect_eq(put(7, 5, 102), NC_HEARD_OLDER);
	cr_expect_not(nc_heard_trusts(&heard, 7, 5));
	cr_expect_eq(nc_heard_find(&heard, 7)->run, 101, "which is what it is told");
	cr_expect_eq(put(7, 5, 101), NC_HEARD_SAME);
	cr_expect(nc_heard_trusts(&heard, 7, 5));
	put(7, 5, 102);
	cr_expect_eq(put(7, 6, 103), NC_HEARD_LATER);
	cr_expect(nc_heard_trusts(&heard, 7, 6));
}

Test(heard, who_began_longest_ago_makes_room)
{
	for (uint64_t i = 1; i <= NC_PEER_NODES_MAX; i++)
		put(i, 1, i);
	put(1, 2, 9);
	put(1000, 1, 1);
	cr_expect_eq(heard.count, NC_PEER_NODES_MAX);
	cr_expect_null(nc_heard_find(&heard, 2));
	cr_expect_eq(nc_heard_find(&heard, 1)->epoch, 2);
	cr_expect_not_null(nc_heard_find(&heard, 1000));
}

Test(heard, comes_back_as_it_was_to_the_same_cluster)
{
	struct nc_heard got;
	cr_expect_eq(nc_heard_read(directory, ours, &got), NC_NOTFOUND);
	put(7, 3, 100);
	put(UINT64_MAX, 1, UINT64_MAX);
	put(7, 3, 101); /* forked: not for long */
	cr_assert_eq(nc_heard_write(directory, ours, &heard), NC_OK);
	cr_assert_eq(nc_heard_read(directory, ours, &got), NC_OK);
	cr_expect_eq(got.count, 2);
	cr_expect(got.at[0].number == 7 && got.at[0].epoch == 3 && got.at[0].run == 100);
	cr_expect_not(got.at[0].forked);
	cr_expect_eq(got.at[1].run, UINT64_MAX);
	cr_expect_eq(nc_heard_read(directory, foreign, &got), NC_NOTFOUND);
	cr_expect_eq(nc_heard_write("/nonexistent", ours, &heard), NC_IO);
}

Test(heard, with_a_flipped_bit_or_cut_short_is_corrupt)
{
	struct nc_heard got;
	uint8_t bytes[256];
	put(7, 3, 100);
	cr_assert_eq(nc_heard_write(directory, ours, &heard), NC_OK);
	FILE *file = fopen(path, "rb");
	size_t size = fread(bytes, 1, sizeof bytes, file);
	fclose(file);
	for (size_t at = 0; at < 2 * size; at++) {
		size_t kept = at < size ? size : at - size;
		if (at < size)
			bytes[at] ^= 4;
		file = fopen(path, "wb");
		cr_assert_eq(fwrite(bytes, 1, kept, file), kept);
		fclose(file);
		if (at < size)
			bytes[at] ^= 4;
		cr_expect_eq(nc_heard_read(directory, ours, &got), NC_CORRUPT, "%zu", at);
	}
}
