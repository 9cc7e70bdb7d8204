/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/unit/state/model.h"

#include <inttypes.h>
#include <stdio.h>

#include "tests/unit/state/rows.h"

static uint64_t mix(uint64_t value)
{
	value = (value + 1) * UINT64_C(0x9e3779b97f4a7c15);
	value = (value ^ value >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	return value ^ value >> 27;
}

/* A counter in a space: 0 when it is not there. */
static int counter_get(struct nc_state *state, enum nc_space space, struct nc_slice key,
                       uint64_t *value_out)
{
	struct nc_buf value = { 0 };
	int err = nc_state_get(nc_state_writer(state), space, key, &value);
	*value_out = err == NC_OK ? nc_get_u64(value.data) : 0;
	nc_buf_release(&value);
	return err == NC_NOTFOUND ? NC_OK : err;
}

static int counter_put(struct nc_state *state, enum nc_space space, struct nc_slice key,
                       uint64_t value)
{
	uint8_t bytes[8];
	nc_set_u64(bytes, value);
	return nc_state_put(state, space, key, nc_slice(bytes, sizeof bytes));
}

static void id_text(char *text, size_t size, uint64_t position)
{
	snprintf(text, size, "id-%" PRIu64, mix(position) % 100000 * 100000 + position);
}

static int event_apply(struct nc_state *state, uint64_t position)
{
	uint64_t random = mix(position);
	uint64_t stream = 1 + random % MODEL_STREAMS;
	struct nc_slice name = nc_slice(&stream, 1);
	uint64_t version;
	int err = counter_get(state, NC_SPACE_STREAMS, name, &version);
	if (err != NC_OK)
		return err;
	char id[40];
	id_text(id, sizeof id, position);
	uint64_t tags[2] = { 1 + random / 16 % MODEL_TAGS, 1 + random / 256 % MODEL_TAGS };
	struct nc_event_keys keys = { .stream_id = stream,
		                      .version = version + 1,
		                      .type_id = 1 + random / 4096 % MODEL_TYPES,
		                      .category_id = 1 + stream % MODEL_CATEGORIES,
		                      .tag_ids = tags,
		                      .tag_count = random / 65536 % 3,
		                      .id = position % 4 == 0 ? nc_slice(NULL, 0)
		                                              : nc_slice_str(id) };
	nc_set_u64(keys.digest, random);
	struct nc_buf row = { 0 };
	row_write(&row, &keys, random >> 32 & 1023);
	err = nc_state_event_put(state, position, nc_buf_slice(&row), &keys);
	nc_buf_release(&row);
	return err != NC_OK ? err : counter_put(state, NC_SPACE_STREAMS, name, version + 1);
}

static int rows_apply(struct nc_state *state, uint64_t index)
{
	uint64_t random = mix(index * 977);
	enum nc_space space = random & 1 ? NC_SPACE_PARKED : NC_SPACE_SUBS;
	uint8_t key[2] = { (uint8_t)(random >> 8 & 7), (uint8_t)(random >> 16 & 7) };
	size_t size = 1 + (random >> 24 & 1);
	if ((random >> 32 & 3) == 0)
		return nc_state_del(state, space, nc_slice(key, size));
	return counter_put(state, space, nc_slice(key, size), index);
}

int model_apply(struct nc_state *state, uint64_t index)
{
	const struct nc_slice last_key = NC_SLICE("last");
	uint64_t last;
	int err = nc_state_begin(state);
	if (err != NC_OK)
		return err;
	err = counter_get(state, NC_SPACE_META, last_key, &last);
	for (uint64_t count = mix(index) % 6; err == NC_OK && count > 0; count--)
		err = event_apply(state, ++last);
	if (err == NC_OK && index % 5 == 0 && last > 2)
		err = nc_state_event_del(state, last - 2, last - 1);
	if (err == NC_OK && index % 37 == 0 && last > 40)
		err = nc_state_event_del(state, last / 2, last / 2 + 3);
	if (err == NC_OK)
		err = counter_put(state, NC_SPACE_META, last_key, last);
	if (err == NC_OK)
		err = rows_apply(state, index);
	if (err != NC_OK) {
		nc_state_rollback(state);
		return err;
	}
	return nc_state_commit(state, (struct nc_state_applied){ index, 1 + index / 100 });
}

struct dump {
	struct nc_state_reader *reader;
	struct nc_buf *text;
	bool backward;
};

static bool dump_pair(void *ctx, struct nc_slice key, struct nc_slice value)
{
	struct dump *dump = ctx;
	for (size_t i = 0; i < key.size; i++)
		nc_buf_printf(dump->text, "%02x", key.data[i]);
	nc_buf_printf(dump->text, "=%" PRIu64 " ", nc_get_u64(value.data));
	return true;
}

static bool dump_event(void *ctx, uint64_t position, struct nc_slice row)
{
	struct dump *dump = ctx;
	nc_buf_printf(dump->text, "%" PRIu64 ":%zu ", position, row.size);
	return true;
}

static bool dump_index(void *ctx, uint64_t ordinal, uint64_t position)
{
	struct dump *dump = ctx;
	struct nc_buf row = { 0 };
	if (nc_state_event_get(dump->reader, position, &row) == NC_OK)
		nc_buf_printf(dump->text, "%" PRIu64 "@%" PRIu64 " ", ordinal, position);
	nc_buf_release(&row);
	return true;
}

static bool dump_id(void *ctx, const struct nc_id_row *row)
{
	struct dump *dump = ctx;
	nc_buf_printf(dump->text, "%" PRIu64 ":%" PRIu64 "@%" PRIu64 "/%" PRIx64 " ",
	              row->stream_id, row->version, row->position, nc_get_u64(row->digest));
	return true;
}

static int dump_direction(struct dump *dump, uint64_t *last_out)
{
	static const uint64_t id_counts[NC_INDEX_COUNT] = { MODEL_STREAMS, MODEL_TYPES,
		                                            MODEL_CATEGORIES, MODEL_TAGS };
	struct nc_slice nothing = nc_slice(NULL, 0);
	uint64_t from = dump->backward ? UINT64_MAX : 0;
	int err = NC_OK;
	for (int space = 0; err == NC_OK && space < NC_SPACE_COUNT; space++) {
		nc_buf_printf(dump->text, "\nspace %d: ", space);
		err = nc_state_scan(dump->reader, (enum nc_space)space, nothing, dump->backward,
		                    dump_pair, dump);
	}
	nc_buf_put_str(dump->text, "\nevents: ");
	if (err == NC_OK)
		err = nc_state_events(dump->reader, from, dump->backward, dump_event, dump);
	for (int index = 0; index < NC_INDEX_COUNT; index++) {
		for (uint64_t id = 0; err == NC_OK && id <= id_counts[index] + 1; id++) {
			nc_buf_printf(dump->text, "\nindex %d of %" PRIu64 ": ", index, id);
			err = nc_state_index(dump->reader,
			                     (struct nc_index_walk){ (enum nc_index)index, id, from,
			                                             dump->backward },
			                     dump_index, dump);
		}
	}
	struct nc_buf value = { 0 };
	*last_out = 0;
	if (err == NC_OK &&
	    nc_state_get(dump->reader, NC_SPACE_META, NC_SLICE("last"), &value) == NC_OK)
		*last_out = nc_get_u64(value.data);
	nc_buf_release(&value);
	return err;
}

int model_dump(struct nc_state_reader *reader, struct nc_buf *text)
{
	struct dump dump = { .reader = reader, .text = text };
	uint64_t last;
	int err = dump_direction(&dump, &last);
	dump.backward = true;
	if (err == NC_OK)
		err = dump_direction(&dump, &last);
	for (uint64_t position = 1; err == NC_OK && position <= last + 5; position++) {
		char id[40];
		id_text(id, sizeof id, position);
		nc_buf_printf(text, "\n%s: ", id);
		err = nc_state_ids(reader, nc_slice_str(id), 0, dump_id, &dump);
	}
	nc_buf_put_u8(text, 0);
	return err != NC_OK ? err : nc_buf_status(text);
}
