/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Which lives of others were heard. */
#include "core/node/cluster/heard.h"

#include "core/base/buf.h"
#include "core/base/crc32c.h"
#include "core/node/cluster/kept_file.h"

#define NAME      "heard"
#define MAGIC     NC_SLICE("NACREHD1")
#define HEAD_SIZE 28u /* bytes */
#define LIFE_SIZE 24u
#define FILE_MAX  (HEAD_SIZE + NC_PEER_NODES_MAX * LIFE_SIZE + 4)
#define ID_AT     8u
#define COUNT_AT  24u

/* ---- The table ------------------------------------------------------------------------------ */

static uint32_t place_of(const struct nc_heard *heard, uint64_t number)
{
	uint32_t at = 0;
	while (at < heard->count && heard->at[at].number != number)
		at++;
	return at;
}

const struct nc_heard_life *nc_heard_find(const struct nc_heard *heard, uint64_t number)
{
	uint32_t at = place_of(heard, number);
	return at < heard->count ? &heard->at[at] : NULL;
}

/* Put a life into the last place. The one that it follows on, `old`, is removed; if there is none
 * and all places are taken, the first one is. */
static void add(struct nc_heard *heard, struct nc_heard_life *old, const struct nc_heard_life *life)
{
	if (old == NULL && heard->count == NC_PEER_NODES_MAX)
		old = &heard->at[0];
	if (old != NULL) {
		size_t behind = (size_t)(&heard->at[heard->count] - (old + 1));
		memmove(old, old + 1, behind * sizeof *old);
		heard->count--;
	}
	heard->at[heard->count++] = *life;
}

enum nc_heard_as nc_heard_put(struct nc_heard *heard, const struct nc_heard_life *life)
{
	uint32_t at = place_of(heard, life->number);
	struct nc_heard_life *known = at < heard->count ? &heard->at[at] : NULL;
	if (known == NULL || life->epoch > known->epoch) {
		add(heard, known, life);
		return NC_HEARD_LATER;
	}
	if (life->epoch < known->epoch)
		return NC_HEARD_OLDER;
	known->forked = life->run != known->run;
	return known->forked ? NC_HEARD_OLDER : NC_HEARD_SAME;
}

bool nc_heard_trusts(const struct nc_heard *heard, uint64_t number, uint64_t epoch)
{
	const struct nc_heard_life *known = nc_heard_find(heard, number);
	return known == NULL || epoch > known->epoch || (epoch == known->epoch && !known->forked);
}

/* ---- The file ------------------------------------------------------------------------------- */

static size_t encode(const uint8_t *cluster_id, const struct nc_heard *heard,
                     uint8_t bytes[FILE_MAX])
{
	uint8_t *at = bytes + HEAD_SIZE;
	memcpy(bytes, MAGIC.data, MAGIC.size);
	memcpy(bytes + ID_AT, cluster_id, NC_PEER_CLUSTER_ID_SIZE);
	nc_set_u32(bytes + COUNT_AT, heard->count);
	for (uint32_t i = 0; i < heard->count; i++, at += LIFE_SIZE) {
		nc_set_u64(at, heard->at[i].number);
		nc_set_u64(at + 8, heard->at[i].epoch);
		nc_set_u64(at + 16, heard->at[i].run);
	}
	nc_set_u32(at, nc_crc32c(0, bytes, (size_t)(at - bytes)));
	return (size_t)(at - bytes) + 4;
}

static int decode(const uint8_t *cluster_id, const uint8_t *bytes, size_t size,
                  struct nc_heard *heard_out)
{
	if (size < HEAD_SIZE + 4 || memcmp(bytes, MAGIC.data, MAGIC.size) != 0 ||
	    nc_crc32c(0, bytes, size - 4) != nc_get_u32(bytes + size - 4))
		return NC_CORRUPT;
	struct nc_heard heard = { .count = nc_get_u32(bytes + COUNT_AT) };
	if (heard.count > NC_PEER_NODES_MAX || size != HEAD_SIZE + heard.count * LIFE_SIZE + 4)
		return NC_CORRUPT;
	if (memcmp(bytes + ID_AT, cluster_id, NC_PEER_CLUSTER_ID_SIZE) != 0)
		return NC_NOTFOUND;
	for (uint32_t i = 0; i < heard.count; i++) {
		const uint8_t *at = bytes + HEAD_SIZE + (size_t)i * LIFE_SIZE;
		heard.at[i] = (struct nc_heard_life){ .number = nc_get_u64(at),
			                              .epoch = nc_get_u64(at + 8),
			                              .run = nc_get_u64(at + 16) };
	}
	*heard_out = heard;
	return NC_OK;
}

int nc_heard_read(const char *data_dir, const uint8_t cluster_id[NC_PEER_CLUSTER_ID_SIZE],
                  struct nc_heard *heard_out)
{
	uint8_t bytes[FILE_MAX + 1];
	size_t size;
	int err = nc_kept_file_read(data_dir, NAME, bytes, sizeof bytes, &size);
	return err == NC_OK ? decode(cluster_id, bytes, size, heard_out) : err;
}

int nc_heard_write(const char *data_dir, const uint8_t cluster_id[NC_PEER_CLUSTER_ID_SIZE],
                   const struct nc_heard *heard)
{
	uint8_t bytes[FILE_MAX];
	size_t size = encode(cluster_id, heard, bytes);
	return nc_kept_file_write(data_dir, NAME, nc_slice(bytes, size));
}
