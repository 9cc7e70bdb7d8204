/* SPDX-License-Identifier: Apache-2.0 */
/* The few forms of MessagePack that a batch is written in. */
#include <string.h>

#include "transport/client/client_private.h"

static void put_be(struct nc_buf *buf, uint64_t value, unsigned bytes)
{
	while (bytes-- > 0)
		nc_buf_put_u8(buf, (uint8_t)(value >> 8 * bytes));
}

void nc_pack_map(struct nc_buf *buf, uint32_t count)
{
	nc_buf_put_u8(buf, 0xdf);
	put_be(buf, count, 4);
}

void nc_pack_array(struct nc_buf *buf, uint32_t count)
{
	nc_buf_put_u8(buf, 0xdd);
	put_be(buf, count, 4);
}

void nc_pack_text(struct nc_buf *buf, const char *text)
{
	size_t size = strlen(text);
	if (size < 32) {
		nc_buf_put_u8(buf, (uint8_t)(0xa0 | size));
	} else {
		nc_buf_put_u8(buf, 0xdb);
		put_be(buf, size, 4);
	}
	nc_buf_put(buf, text, size);
}

void nc_pack_bytes(struct nc_buf *buf, const void *data, size_t size)
{
	nc_buf_put_u8(buf, 0xc6);
	put_be(buf, size, 4);
	nc_buf_put(buf, data, size);
}

void nc_pack_number(struct nc_buf *buf, uint64_t number)
{
	nc_buf_put_u8(buf, 0xcf);
	put_be(buf, number, 8);
}
