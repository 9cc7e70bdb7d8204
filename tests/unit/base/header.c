/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Header blocks, as they come over the wire and as nats.c leaves them. */
#include <criterion/criterion.h>
#include <stdio.h>

#include "core/base/header.h"

/* "name=value|…" of a block, with its status and description before, or what is wrong with it. */
static const char *read_block(struct nc_slice block)
{
	static char line[512];
	struct nc_headers headers;
	struct nc_header header;
	size_t size = 0;
	int err = nc_headers_begin(block, &headers);
	if (err != NC_OK)
		return nc_err_name(err);
	line[0] = '\0';
	if (headers.status.size > 0) {
		size += (size_t)snprintf(
		        line, sizeof line, "<%.*s><%.*s>", (int)headers.status.size,
		        (const char *)headers.status.data, (int)headers.description.size,
		        (const char *)headers.description.data);
	}
	while ((err = nc_headers_next(&headers, &header)) == NC_OK) {
		size += (size_t)snprintf(line + size, sizeof line - size, "%.*s=%.*s|",
		                         (int)header.name.size, (const char *)header.name.data,
		                         (int)header.value.size, (const char *)header.value.data);
	}
	if (err != NC_NOTFOUND)
		return nc_err_name(err);
	cr_expect_eq(nc_headers_next(&headers, &header), NC_NOTFOUND, "asked once more");
	return line;
}

#define READ(block) read_block(NC_SLICE(block))

Test(header, gives_names_and_values_in_their_order)
{
	cr_expect_str_eq(READ("NATS/1.0\r\nB: 2\r\nA: 1\r\nB: 3\r\n\r\n"), "B=2|A=1|B=3|");
	cr_expect_str_eq(READ("NATS/1.0\r\nA:1\r\nB: \t 2 : 2 \t\r\n\r\n"), "A=1|B=2 : 2|");
	cr_expect_str_eq(READ("NATS/1.0\r\n\r\n"), "");
	cr_expect_str_eq(READ(""), "", "none at all");
}

Test(header, takes_no_line_for_the_value_of_the_one_before)
{
	cr_expect_str_eq(READ("NATS/1.0\r\nA: \r\nB: 2\r\n\r\n"), "A=|B=2|");
	cr_expect_str_eq(READ("NATS/1.0\r\nA:\r\nB:\r\n\r\n"), "A=|B=|");
}

Test(header, reads_a_status_line)
{
	cr_expect_str_eq(READ("NATS/1.0 503\r\n\r\n"), "<503><>");
	cr_expect_str_eq(READ("NATS/1.0 404 No Messages\r\nA: 1\r\n\r\n"),
	                 "<404><No Messages>A=1|");
}

/* As nats.c 3.4.1 leaves it when it has looked for "Status". */
Test(header, reads_what_nats_c_has_written_to)
{
	cr_expect_str_eq(READ("NATS/1.0\0\nOne\0 \r\nTwo: 2\0\nThree\0 3\0\n\r\n"),
	                 "One=|Two=2|Three=3|");
	cr_expect_str_eq(READ("NATS/1.0 204 EOB\0\nEs-Head\0 7\0\n\r\n"), "<204><EOB>Es-Head=7|");
	cr_expect_str_eq(READ("NATS/1.0\r\nA\0 1\r\n\r\n"), "invalid", "a NUL of its own is none");
}

Test(header, refuses_what_is_no_block)
{
	static const char *const blocks[] = { "garbage\r\n\r\n",
		                              "NATS/1.0",
		                              "NATS/1.0\r\n",
		                              "NATS/1.0\n\n",
		                              "NATS/1.00\r\n\r\n",
		                              "NATS/1.0\r\nA: 1\r\n",
		                              "NATS/1.0\r\nA: 1",
		                              "NATS/1.0\r\nA\r\n\r\n",
		                              "NATS/1.0\r\n: 1\r\n\r\n",
		                              "NATS/1.0\r\nA: 1\r\n 2\r\n\r\n",
		                              "NATS/1.0\r\nA: 1\r\n\r\nB: 2\r\n\r\n",
		                              "\r\n",
		                              "\n",
		                              "N" };
	for (size_t i = 0; i < sizeof blocks / sizeof blocks[0]; i++)
		cr_expect_str_eq(read_block(nc_slice_str(blocks[i])), "invalid", "%s", blocks[i]);
}

/* No byte beyond the block is read: the sanitizer looks at it. */
Test(header, ends_where_the_block_does)
{
	static const char whole[] = "NATS/1.0 100 Idle\r\nA: \r\nB: 2\r\n\r\n";
	for (size_t size = 1; size < sizeof whole - 1; size++) {
		char *part = malloc(size);
		memcpy(part, whole, size);
		cr_expect_str_eq(read_block(nc_slice(part, size)), "invalid");
		free(part);
	}
}

Test(header, finds_a_block_beside_its_message)
{
	static const char message[] = "subject\0reply\0NATS/1.0\r\nA: 1\r\n\r\n\0data";
	const char *reply = message + strlen("subject") + 1, *data = message + sizeof message - 5;
	struct nc_slice value = { 0 };
	cr_expect(nc_headers_find(nc_header_block(nc_slice_str(reply), data), "A", &value));
	cr_expect(nc_slice_is(value, "1"));
	cr_expect_not(nc_headers_find(nc_header_block(nc_slice_str(reply), data), "a", &value));
	static const char bare[] = "subject\0data";
	cr_expect_eq(nc_header_block(nc_slice_str(bare), bare + strlen("subject") + 1).size, 0u);
}
