/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The chain of digests, and its marks. */
#include "core/engine/digest.h"

#define MARK_FORMAT   1
#define MARK_KEY      "digest" /* and its NUL, then the position */
#define MARK_KEY_SIZE (sizeof MARK_KEY + 8)

void nc_digest_add(uint8_t digest[NC_SHA256_SIZE], uint64_t position, uint64_t version,
                   uint64_t time_ns, struct nc_slice record_head)
{
	uint8_t link[NC_SHA256_SIZE + 24];
	memcpy(link, digest, NC_SHA256_SIZE);
	nc_set_u64(link + NC_SHA256_SIZE, position);
	nc_set_u64(link + NC_SHA256_SIZE + 8, version);
	nc_set_u64(link + NC_SHA256_SIZE + 16, time_ns);
	const struct nc_slice parts[] = { nc_slice(link, sizeof link), record_head };
	nc_sha256(parts, 2, digest);
}

static struct nc_slice key_of(uint64_t position, uint8_t room[MARK_KEY_SIZE])
{
	memcpy(room, MARK_KEY, sizeof MARK_KEY);
	nc_set_be64(room + sizeof MARK_KEY, position);
	return nc_slice(room, MARK_KEY_SIZE);
}

int nc_digest_mark_put(struct nc_state *state, uint64_t position,
                       const uint8_t digest[NC_SHA256_SIZE])
{
	uint8_t room[MARK_KEY_SIZE], value[1 + NC_SHA256_SIZE] = { MARK_FORMAT };
	memcpy(value + 1, digest, NC_SHA256_SIZE);
	return nc_state_put(state, NC_SPACE_META, key_of(position, room),
	                    nc_slice(value, sizeof value));
}

int nc_digest_mark_get(struct nc_state_reader *reader, uint64_t position,
                       uint8_t digest_out[NC_SHA256_SIZE])
{
	uint8_t room[MARK_KEY_SIZE];
	struct nc_buf value = { 0 };
	int err = nc_state_get(reader, NC_SPACE_META, key_of(position, room), &value);
	if (err == NC_OK && (value.size == 0 || value.data[0] != MARK_FORMAT))
		err = NC_UNSUPPORTED;
	if (err == NC_OK && value.size != 1 + NC_SHA256_SIZE)
		err = NC_CORRUPT;
	if (err == NC_OK)
		memcpy(digest_out, value.data + 1, NC_SHA256_SIZE);
	nc_buf_release(&value);
	return err;
}
