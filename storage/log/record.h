/* SPDX-License-Identifier: GPL-3.0-or-later */
/* record.h -- a record of the log, and the head of a segment, as bytes (docs/formats.md).
 *
 * A record is a head of NC_RECORD_HEAD_SIZE bytes, its payload, and zeros up to a multiple of 8.
 * Its CRC32C covers all of that but itself. The head has the CRC of the record before it, so
 * records form a chain. The computation starts from the segment's salt, a random number that
 * clients never see: so no payload of theirs can pass for a record.
 *
 * Threads: none; no state. Ownership: what is read points into the bytes it was read from.
 */
#ifndef NC_STORAGE_LOG_RECORD_H
#define NC_STORAGE_LOG_RECORD_H

#include "core/raft/log.h"

#define NC_RECORD_HEAD_SIZE  40u
#define NC_SEGMENT_HEAD_SIZE 4096u /* bytes at the front of a segment, one page */

enum nc_record_kind {
	NC_RECORD_ENTRY = 1,
	NC_RECORD_HARD = 2, /* index is the term, term is the vote */
	NC_RECORD_MARK = 3  /* vouches for the durability of all before it */
};

struct nc_record {
	enum nc_record_kind kind;
	uint8_t entry_kind; /* of an entry: enum nc_log_kind */
	uint64_t index, term;
	uint64_t durable; /* a place: when the record was written, all before it was durable */
	struct nc_slice payload;
	uint32_t crc;    /* the record's own */
	uint32_t before; /* that of the record before it */
	size_t size;     /* bytes in the file, padding included */
};

/* A place in the log: the number of a segment and an offset in it. Later places are larger. */
static inline uint64_t nc_place(uint64_t segment, size_t offset)
{
	return segment << 32 | (uint64_t)offset;
}

/* How many bytes a record takes whose payload has so many. */
size_t nc_record_size(size_t payload_size);

/* Append `record` to `buf`; its crc and size are not read. Returns its CRC, which is `before` of
 * the next record. */
uint32_t nc_record_put(struct nc_buf *buf, const struct nc_record *record, uint32_t salt);

/* Read the record at the front of `bytes`. Errors: NC_NOTFOUND, where its head should be there are
 * only zeros; NC_CORRUPT, anything else that is no record. */
int nc_record_get(struct nc_slice bytes, uint32_t salt, struct nc_record *record_out);

/* Whether NC_RECORD_HEAD_SIZE bytes may be the head of a record in segment `number`. Quick, and
 * only sure if the answer is no. */
bool nc_record_may_be(const uint8_t *at, uint64_t number);

/* Whether a record was begun at `place`, where `bytes` stand, whatever became of its payload. It
 * was, if they have a head that follows on the record with the CRC `before`. That head is of the
 * same batch, and then has the same `durable`, or it is the first of a batch. One damaged field of
 * the head does not hide it. Returns how many bytes of the record there may be; 0 if none was
 * begun. */
size_t nc_record_begun(struct nc_slice bytes, uint32_t before, uint64_t place, uint64_t durable);

/* The head of a segment: where the log stood when it was begun. */
struct nc_segment_head {
	uint64_t number;                /* of the segment, from 1 */
	uint64_t oldest;                /* the oldest segment that is still part of the log */
	uint64_t base_index, base_term; /* of the last entry before it */
	struct nc_log_hard hard;
	uint32_t before; /* CRC of the last record before it */
	uint32_t salt;   /* from which the CRCs of its records start */
	uint32_t size;   /* bytes of the file */
	bool marked; /* its first record is a mark, and was made durable together with the head */
};

void nc_segment_head_put(uint8_t page[NC_SEGMENT_HEAD_SIZE], const struct nc_segment_head *head);
/* Errors: NC_CORRUPT; NC_UNSUPPORTED, a newer format. */
int nc_segment_head_get(const uint8_t page[NC_SEGMENT_HEAD_SIZE], struct nc_segment_head *head_out);

/* A note in a segment's head page, written when another segment has been begun behind it: the
 * number of that one. Reading gives 0 if there is no such note. */
#define NC_SEGMENT_NEXT_AT   512u /* where in the page it stands */
#define NC_SEGMENT_NEXT_SIZE 16u  /* bytes */
void nc_segment_next_put(uint8_t bytes[NC_SEGMENT_NEXT_SIZE], uint64_t next, uint32_t salt);
uint64_t nc_segment_next_get(const uint8_t bytes[NC_SEGMENT_NEXT_SIZE], uint32_t salt);

#endif
