/* SPDX-License-Identifier: Apache-2.0 */
/* unpack.h -- MessagePack read a value at a time, for answers: every length is checked against what
 * is there, nothing is allocated, nesting is bounded. After a fault every call fails.
 */
#ifndef NC_TRANSPORT_CLIENT_UNPACK_H
#define NC_TRANSPORT_CLIENT_UNPACK_H

#include "core/base/slice.h"

#define NC_UNPACK_DEPTH_MAX 64

struct nc_unpack {
	const uint8_t *at, *end;
};

static inline struct nc_unpack nc_unpack(struct nc_slice bytes)
{
	return (struct nc_unpack){ bytes.data,
		                   bytes.size == 0 ? bytes.data : bytes.data + bytes.size };
}

/* Each of these takes the next value. False if it is of another kind, or is cut off; *unpack then
 * stays where it was. */
bool nc_unpack_array(struct nc_unpack *unpack, uint32_t *count_out);
bool nc_unpack_map(struct nc_unpack *unpack, uint32_t *count_out);             /* of pairs */
bool nc_unpack_text_long(struct nc_unpack *unpack, struct nc_slice *text_out); /* any length */
bool nc_unpack_bytes(struct nc_unpack *unpack, struct nc_slice *bytes_out);
bool nc_unpack_number(struct nc_unpack *unpack, uint64_t *number_out);
/* Most are of less than 32 bytes. */
static inline bool nc_unpack_text(struct nc_unpack *unpack, struct nc_slice *text_out)
{
	if (unpack->at == unpack->end || (*unpack->at & 0xe0) != 0xa0)
		return nc_unpack_text_long(unpack, text_out);
	size_t size = *unpack->at & 0x1f;
	if ((size_t)(unpack->end - unpack->at) <= size)
		return false;
	*text_out = nc_slice(unpack->at + 1, size);
	unpack->at += 1 + size;
	return true;
}

/* Go past a value, whatever it is, with all that is in it. */
bool nc_unpack_skip(struct nc_unpack *unpack);

#endif
