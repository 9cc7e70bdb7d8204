/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Records and heads of segments to bytes and back. */
#include "storage/log/record.h"

#include "core/base/assert.h"
#include "core/base/crc32c.h"
#include "storage/log/mutants_private.h"

#define FORMAT         1u
#define HEAD_USED_SIZE 80u /* bytes of a segment's head before its CRC */

static const uint8_t magic[8] = { 'N', 'A', 'C', 'R', 'E', 'L', 'O', 'G' };

size_t nc_record_size(size_t payload_size)
{
	return (NC_RECORD_HEAD_SIZE + payload_size + 7) & ~(size_t)7;
}

uint32_t nc_record_put(struct nc_buf *buf, const struct nc_record *record, uint32_t salt)
{
	size_t size = nc_record_size(record->payload.size);
	uint8_t *at = nc_buf_extend(buf, size);
	if (at == NULL)
		return 0;
	nc_set_u32(at + 4, record->before);
	nc_set_u32(at + 8, (uint32_t)record->payload.size);
	at[12] = (uint8_t)record->kind;
	at[13] = record->entry_kind;
	nc_set_u16(at + 14, 0);
	nc_set_u64(at + 16, record->index);
	nc_set_u64(at + 24, record->term);
	nc_set_u64(at + 32, record->durable);
	if (record->payload.size > 0)
		memcpy(at + NC_RECORD_HEAD_SIZE, record->payload.data, record->payload.size);
	size_t used = NC_RECORD_HEAD_SIZE + record->payload.size;
	memset(at + used, 0, size - used);
	uint32_t crc = nc_crc32c(salt, at + 4, size - 4);
	nc_set_u32(at, crc);
	return crc;
}

static bool zeros(const uint8_t *at, size_t size)
{
	for (size_t i = 0; i < size; i++) {
		if (at[i] != 0)
			return false;
	}
	return true;
}

static bool head_plausible(const uint8_t *at)
{
	return at[12] >= NC_RECORD_ENTRY && at[12] <= NC_RECORD_MARK && nc_get_u16(at + 14) == 0 &&
	       nc_get_u32(at + 8) <= NC_LOG_PAYLOAD_SIZE_MAX;
}

int nc_record_get(struct nc_slice bytes, uint32_t salt, struct nc_record *record_out)
{
	if (bytes.size < NC_RECORD_HEAD_SIZE)
		return zeros(bytes.data, bytes.size) ? NC_NOTFOUND : NC_CORRUPT;
	const uint8_t *at = bytes.data;
	if (zeros(at, NC_RECORD_HEAD_SIZE))
		return NC_NOTFOUND;
	if (!head_plausible(at))
		return NC_CORRUPT;
	size_t payload_size = nc_get_u32(at + 8);
	size_t size = nc_record_size(payload_size);
	if (size > bytes.size || (nc_crc32c(salt, at + 4, size - 4) != nc_get_u32(at) &&
	                          !NC_LOG_MUTANT(CHECKSUM_IGNORED)))
		return NC_CORRUPT;
	*record_out = (struct nc_record){
		.kind = (enum nc_record_kind)at[12],
		.entry_kind = at[13],
		.index = nc_get_u64(at + 16),
		.term = nc_get_u64(at + 24),
		.durable = nc_get_u64(at + 32),
		.payload = nc_slice(at + NC_RECORD_HEAD_SIZE, payload_size),
		.crc = nc_get_u32(at),
		.before = nc_get_u32(at + 4),
		.size = size,
	};
	return NC_OK;
}

bool nc_record_may_be(const uint8_t *at, uint64_t number)
{
	return nc_get_u64(at + 32) >> 32 == number && head_plausible(at);
}

size_t nc_record_begun(struct nc_slice bytes, uint32_t before, uint64_t place, uint64_t durable)
{
	if (bytes.size < NC_RECORD_HEAD_SIZE || zeros(bytes.data, NC_RECORD_HEAD_SIZE))
		return 0;
	uint64_t said = nc_get_u64(bytes.data + 32);
	if (nc_get_u32(bytes.data + 4) != before && said != place && said != durable)
		return 0;
	size_t payload_size = nc_get_u32(bytes.data + 8);
	size_t size = payload_size > bytes.size ? bytes.size : nc_record_size(payload_size);
	return size > bytes.size ? bytes.size : size;
}

void nc_segment_head_put(uint8_t page[NC_SEGMENT_HEAD_SIZE], const struct nc_segment_head *head)
{
	memset(page, 0, NC_SEGMENT_HEAD_SIZE);
	memcpy(page, magic, sizeof magic);
	nc_set_u32(page + 8, FORMAT);
	nc_set_u32(page + 12, head->size);
	nc_set_u64(page + 16, head->number);
	nc_set_u64(page + 24, head->oldest);
	nc_set_u64(page + 32, head->base_index);
	nc_set_u64(page + 40, head->base_term);
	nc_set_u64(page + 48, head->hard.term);
	nc_set_u64(page + 56, head->hard.vote);
	nc_set_u32(page + 64, head->before);
	nc_set_u32(page + 68, head->salt);
	nc_set_u32(page + 72, head->marked);
	nc_set_u32(page + HEAD_USED_SIZE, nc_crc32c(0, page, HEAD_USED_SIZE));
}

int nc_segment_head_get(const uint8_t page[NC_SEGMENT_HEAD_SIZE], struct nc_segment_head *head_out)
{
	if (memcmp(page, magic, sizeof magic) != 0 ||
	    nc_crc32c(0, page, HEAD_USED_SIZE) != nc_get_u32(page + HEAD_USED_SIZE))
		return NC_CORRUPT;
	if (nc_get_u32(page + 8) != FORMAT)
		return NC_UNSUPPORTED;
	*head_out = (struct nc_segment_head){
		.size = nc_get_u32(page + 12),
		.number = nc_get_u64(page + 16),
		.oldest = nc_get_u64(page + 24),
		.base_index = nc_get_u64(page + 32),
		.base_term = nc_get_u64(page + 40),
		.hard = { .term = nc_get_u64(page + 48), .vote = nc_get_u64(page + 56) },
		.before = nc_get_u32(page + 64),
		.salt = nc_get_u32(page + 68),
		.marked = nc_get_u32(page + 72) != 0,
	};
	return NC_OK;
}

void nc_segment_next_put(uint8_t bytes[NC_SEGMENT_NEXT_SIZE], uint64_t next, uint32_t salt)
{
	memset(bytes, 0, NC_SEGMENT_NEXT_SIZE);
	nc_set_u64(bytes, next);
	nc_set_u32(bytes + 8, nc_crc32c(salt, bytes, 8));
}

uint64_t nc_segment_next_get(const uint8_t bytes[NC_SEGMENT_NEXT_SIZE], uint32_t salt)
{
	return nc_get_u32(bytes + 8) == nc_crc32c(salt, bytes, 8) ? nc_get_u64(bytes) : 0;
}
