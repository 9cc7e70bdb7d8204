/* SPDX-License-Identifier: GPL-3.0-or-later */
/* record.h -- a record of the log, and the head of a segment, as bytes (docs/formats.md).
 *
 * A record is NC_RECORD_HEAD_SIZE bytes, its payload, and zeros up to a multiple of 8. Its CRC32C
 * covers all of that but itself, the CRC of the record before it included: a chain. It starts from
 * its segment's salt, a random number that clients never see: none of their payloads can pass for a
 * record.
 */
#ifndef NC_STORAGE_LOG_RECORD_H
#define NC_STORAGE_LOG_RECORD_H

#include "core/raft/log.h"

#define NC_RECORD_HEAD_SIZE  40u
#define NC_SEGMENT_HEAD_SIZE 4096u /* bytes at the front of a segment, one page */

enum nc_record_kind {
	NC_RECORD_ENTRY = 1,
	NC_RECORD_HARD = 2, /* index is the term, term is the vote */
	NC_RECORD_MARK = 3  /* vouches for what is before it */
};

struct nc_record {
	enum nc_record_kind kind;
	uint8_t entry_kind;
	uint64_t index, term;
	uint64_t durable; /* place (see nc_place()) before which all was durable when it was written
	                   */
	struct nc_slice payload;
	uint32_t crc;    /* its own */
	uint32_t before; /* of the record before it */
	size_t size;     /* bytes in the file, padding included */
};

/* A place in the log: the number of a segment and an offset in it, ordered. */
static inline uint64_t nc_place(uint64_t segment, size_t offset)
{
	return segment << 32 | (uint64_t)offset;
}

/* Bytes that a record with such a payload takes. */
size_t nc_record_size(size_t payload_size);

/* Append `record` (its crc and size are not read) to `buf`; gives its CRC, to be the next one's
 * `before`. */
uint32_t nc_record_put(struct nc_buf *buf, const struct nc_record *record, uint32_t salt);

/* Read the record at the front of `bytes`. Errors: NC_NOTFOUND, only zeros stand where its head
 * should; NC_CORRUPT, anything else that is no record. */
int nc_record_get(struct nc_slice bytes, uint32_t salt, struct nc_record *record_out);

/* Whether NC_RECORD_HEAD_SIZE bytes may be the head of a record of segment `number`: for a quick
 * no. */
bool nc_record_may_be(const uint8_t *at, uint64_t number);

/* Whether the head at the front of `bytes`, which stand at `place`, is that of a record behind the
 * one with CRC `before`, in the batch of that one, which says `durable`, or in one of its own: then
 * the record was begun, whatever became of its payload. One damaged field does not hide that. How
 * many bytes of it there may be; 0: it is none. */
size_t nc_record_begun(struct nc_slice bytes, uint32_t before, uint64_t place, uint64_t durable);

/* The head of a segment: where the log stood when it was begun. */
struct nc_segment_head {
	uint64_t number;                /* of the segment, from 1 */
	uint64_t oldest;                /* the oldest segment that is still part of the log */
	uint64_t base_index, base_term; /* of the last entry before it */
	struct nc_log_hard hard;
	uint32_t before; /* CRC of the last record before it */
	uint32_t salt;   /* of the CRCs of its records */
	uint32_t size;   /* bytes of the file */
	bool marked;     /* its first record is a mark, as durable as this */
};

void nc_segment_head_put(uint8_t page[NC_SEGMENT_HEAD_SIZE], const struct nc_segment_head *head);
/* Errors: NC_CORRUPT; NC_UNSUPPORTED, a newer format. */
int nc_segment_head_get(const uint8_t page[NC_SEGMENT_HEAD_SIZE], struct nc_segment_head *head_out);

/* In a segment's head page, when another has been begun behind it: which one. */
#define NC_SEGMENT_NEXT_AT   512u /* byte of the page */
#define NC_SEGMENT_NEXT_SIZE 16u
void nc_segment_next_put(uint8_t bytes[NC_SEGMENT_NEXT_SIZE], uint64_t next, uint32_t salt);
/* 0: none is known. */
uint64_t nc_segment_next_get(const uint8_t bytes[NC_SEGMENT_NEXT_SIZE], uint32_t salt);

#endif
