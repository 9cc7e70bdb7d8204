/* SPDX-License-Identifier: Apache-2.0 */
/* pack.h -- the part of MessagePack that frames between nodes and packed events are made of: whole
 * numbers from 0 on, strings, binaries, arrays, maps (written only). Written in the shortest form;
 * read in any.
 *
 * Reading is by hand, and allocates nothing: a count or a size that is more than what is there is a
 * failure, so that nobody can ask for memory. Like nc_reader_u8() and the others, a getter that
 * fails gives zeros, and `failed` stays set.
 */
#ifndef NC_CORE_BASE_PACK_H
#define NC_CORE_BASE_PACK_H

#include "core/base/buf.h"

void nc_pack_uint(struct nc_buf *buf, uint64_t value);
void nc_pack_str(struct nc_buf *buf, struct nc_slice text);
void nc_pack_bin(struct nc_buf *buf, struct nc_slice bytes);
void nc_pack_array(struct nc_buf *buf, uint32_t count); /* its items follow */
void nc_pack_map(struct nc_buf *buf, uint32_t count);   /* so many keys follow, each with a value */

uint64_t nc_unpack_uint(struct nc_reader *reader);
struct nc_slice nc_unpack_str(struct nc_reader *reader); /* not checked to be UTF-8 */
struct nc_slice nc_unpack_bin(struct nc_reader *reader);
/* The count of its items, each of which takes at least one byte of what is left. */
size_t nc_unpack_array(struct nc_reader *reader);

#endif
