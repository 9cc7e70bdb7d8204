/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The engine's life and its transactions; what a command does is in files of their own. */
#include <stdlib.h>

#include "core/base/assert.h"
#include "core/engine/digest.h"
#include "core/engine/engine_private.h"
#include "core/engine/seen.h"

#define META_KEY    NC_SLICE("engine")
#define META_FORMAT 2

uint32_t nc_engine_version_can(void)
{
	return NC_ENGINE_VERSION;
}

#ifdef NC_ENGINE_MUTANTS
enum nc_engine_mutant nc_engine_mutant;
#endif

static void meta_encode(struct nc_buf *buf, const struct nc_engine_head *head, uint64_t names,
                        uint64_t epochs)
{
	nc_buf_clear(buf);
	nc_buf_put_u8(buf, META_FORMAT);
	nc_buf_put_u64(buf, head->position);
	nc_buf_put_u64(buf, head->time_ns);
	nc_buf_put_u64(buf, head->streams);
	nc_buf_put_u64(buf, head->events);
	nc_buf_put_u64(buf, head->bytes);
	nc_buf_put_u64(buf, names);
	nc_buf_put_u64(buf, epochs);
	nc_buf_put_u32(buf, head->version);
	nc_buf_put(buf, head->digest, sizeof head->digest);
}

static int meta_decode(struct nc_slice value, struct nc_engine_head *head_out, uint64_t *names_out,
                       uint64_t *epochs_out)
{
	struct nc_reader reader = nc_reader(value);
	uint8_t format = nc_reader_u8(&reader);
	if (!reader.failed && format != META_FORMAT)
		return NC_UNSUPPORTED;
	struct nc_engine_head head;
	head.position = nc_reader_u64(&reader);
	head.time_ns = nc_reader_u64(&reader);
	head.streams = nc_reader_u64(&reader);
	head.events = nc_reader_u64(&reader);
	head.bytes = nc_reader_u64(&reader);
	uint64_t names = nc_reader_u64(&reader);
	uint64_t epochs = nc_reader_u64(&reader);
	head.version = nc_reader_u32(&reader);
	struct nc_slice digest = nc_reader_take(&reader, sizeof head.digest);
	if (reader.failed)
		return NC_CORRUPT;
	if (head.version > NC_ENGINE_VERSION)
		return NC_UNSUPPORTED;
	memcpy(head.digest, digest.data, sizeof head.digest);
	*head_out = head;
	*names_out = names;
	*epochs_out = epochs;
	return NC_OK;
}

#define META_VERSION_AT (1 + 7 * 8) /* in format 2 */

int nc_engine_newer(struct nc_state *state, uint32_t *format_out, uint32_t *version_out)
{
	struct nc_state_reader *reader;
	struct nc_buf value = { 0 };
	int err = nc_state_reader_open(state, &reader);
	if (err != NC_OK)
		return err;
	err = nc_state_reader_begin(reader);
	if (err == NC_OK) {
		err = nc_state_get(reader, NC_SPACE_META, META_KEY, &value);
		nc_state_reader_end(reader);
	}
	nc_state_reader_close(reader);
	if (err == NC_OK && value.size < META_VERSION_AT + 4)
		err = NC_CORRUPT;
	if (err == NC_OK) {
		*format_out = value.data[0];
		*version_out =
		        *format_out == META_FORMAT ? nc_get_u32(value.data + META_VERSION_AT) : 0;
	}
	nc_buf_release(&value);
	return err;
}

/* Errors: NC_NOTFOUND, a state without any entry. */
static int meta_read(struct nc_state_reader *reader, struct nc_buf *scratch,
                     struct nc_engine_head *head_out, uint64_t *names_out, uint64_t *epochs_out)
{
	nc_buf_clear(scratch);
	int err = nc_state_get(reader, NC_SPACE_META, META_KEY, scratch);
	return err == NC_OK ? meta_decode(nc_buf_slice(scratch), head_out, names_out, epochs_out)
	                    : err;
}

struct nc_slice nc_engine_head_key(void)
{
	return META_KEY;
}

int nc_engine_head_decode(struct nc_slice value, struct nc_engine_head *head_out)
{
	uint64_t names, epochs;
	return meta_decode(value, head_out, &names, &epochs);
}

int nc_engine_head_read(struct nc_state_reader *reader, struct nc_engine_head *head_out)
{
	struct nc_buf scratch = { 0 };
	struct nc_engine_head head = { .version = NC_ENGINE_VERSION_FIRST };
	uint64_t names, epochs;
	int err = meta_read(reader, &scratch, &head, &names, &epochs);
	nc_buf_release(&scratch);
	if (err == NC_NOTFOUND)
		err = NC_OK;
	if (err == NC_OK)
		*head_out = head;
	return err;
}

int nc_engine_head_now(struct nc_state_reader *reader, struct nc_engine_head *head_out)
{
	int err = nc_state_reader_begin(reader);
	if (err != NC_OK)
		return err;
	err = nc_engine_head_read(reader, head_out);
	nc_state_reader_end(reader);
	return err;
}

int nc_engine_open(struct nc_state *state, struct nc_engine **engine_out)
{
	struct nc_engine *engine = calloc(1, sizeof *engine);
	if (engine == NULL)
		return NC_NOMEM;
	engine->state = state;
	engine->committed.version = NC_ENGINE_VERSION_FIRST;

	struct nc_state_reader *reader;
	int err = nc_state_reader_open(state, &reader);
	if (err != NC_OK)
		goto fail;
	err = nc_state_reader_begin(reader);
	if (err == NC_OK) {
		err = meta_read(reader, &engine->scratch, &engine->committed,
		                &engine->committed_names, &engine->committed_epochs);
		if (err == NC_OK)
			err = nc_engine_acks_any(reader, &engine->acks_kept);
		if (err == NC_OK)
			err = nc_seen_open(state, reader);
		nc_state_reader_end(reader);
	}
	nc_state_reader_close(reader);
	if (err != NC_OK && err != NC_NOTFOUND)
		goto fail;

	engine->head = engine->committed;
	engine->names = engine->committed_names;
	engine->epochs = engine->committed_epochs;
	engine->ages = atomic_load(&state->ages);
	*engine_out = engine;
	return NC_OK;

fail:
	nc_engine_close(engine);
	return err;
}

void nc_engine_close(struct nc_engine *engine)
{
	if (engine == NULL)
		return;
	nc_buf_release(&engine->scratch);
	nc_buf_release(&engine->row);
	nc_batch_room_free(engine->batch_room);
	free(engine);
}

int nc_engine_begin(struct nc_engine *engine)
{
	int err = nc_state_begin(engine->state);
	if (err == NC_OK)
		engine->reader = nc_state_writer(engine->state);
	return err;
}

static int version_raise(struct nc_engine *engine, uint32_t version, nc_outcome_fn *fn, void *ctx)
{
	struct nc_outcome outcome = { .duplicate = version <= engine->head.version };
	if (version > NC_ENGINE_VERSION)
		return NC_UNSUPPORTED;
	if (version > engine->head.version)
		engine->head.version = version;
	outcome.engine_version = engine->head.version;
	fn(ctx, &outcome);
	return NC_OK;
}

/* Compare the leader's digest with this replica's. It changes nothing; the outcome says whether
 * they are equal. Where this replica has no mark, from before the version with marks, nothing is
 * said. */
static int digest_compare(struct nc_engine *engine, const struct nc_command *command,
                          nc_outcome_fn *fn, void *ctx)
{
	struct nc_outcome outcome = { 0 };
	uint8_t digest[NC_SHA256_SIZE];
	int err = nc_digest_mark_get(engine->reader, command->position, digest);
	if (err == NC_OK && memcmp(digest, command->digest, sizeof digest) != 0)
		outcome.differs_at = command->position;
	if (err != NC_OK && err != NC_NOTFOUND)
		return err;
	fn(ctx, &outcome);
	return NC_OK;
}

static int command_apply(struct nc_engine *engine, uint64_t leader_time_ns,
                         const struct nc_command *command, nc_outcome_fn *fn, void *ctx)
{
	switch (command->kind) {
	case NC_COMMAND_APPEND:
		return nc_engine_append(engine, leader_time_ns, command, fn, ctx);
	case NC_COMMAND_BATCH:
		return nc_engine_batch(engine, leader_time_ns, command, fn, ctx);
	case NC_COMMAND_ENGINE_VERSION:
		return version_raise(engine, command->version, fn, ctx);
	case NC_COMMAND_DIGEST:
		return digest_compare(engine, command, fn, ctx);
	case NC_COMMAND_SNAP_PUT:
	case NC_COMMAND_SNAP_DELETE:
		return nc_engine_snap(engine, leader_time_ns, command, fn, ctx);
	case NC_COMMAND_STREAM_DELETE:
	case NC_COMMAND_STREAM_META:
		return nc_engine_stream(engine, leader_time_ns, command, fn, ctx);
	default:
		return nc_engine_sub(engine, command, fn, ctx);
	}
}

int nc_engine_apply(struct nc_engine *engine, struct nc_slice payload, nc_outcome_fn *fn, void *ctx)
{
	struct nc_entry_reader entry;
	int err = nc_entry_read(payload, &entry);
	struct nc_command command;
	while (err == NC_OK) {
		err = nc_entry_next(&entry, &command);
		if (err == NC_NOTFOUND)
			return NC_OK;
		if (err == NC_OK)
			err = command_apply(engine, entry.leader_time_ns, &command, fn, ctx);
	}
	return err;
}

/* Go back to what was committed; also after a failed commit, which has rolled back already. */
static void forget(struct nc_engine *engine)
{
	if (NC_ENGINE_MUTANT(ROLLBACK_KEEPS_HEAD))
		return;
	engine->head = engine->committed;
	engine->names = engine->committed_names;
	engine->epochs = engine->committed_epochs;
	engine->hides = false;
	engine->ages = atomic_load(&engine->state->ages);
	nc_name_cache_forget(&engine->cache);
}

int nc_engine_commit(struct nc_engine *engine, struct nc_state_applied applied)
{
	meta_encode(&engine->scratch, &engine->head, engine->names, engine->epochs);
	int err = nc_buf_status(&engine->scratch);
	if (err == NC_OK) {
		err = nc_state_put(engine->state, NC_SPACE_META, META_KEY,
		                   nc_buf_slice(&engine->scratch));
	}
	if (err != NC_OK) {
		nc_engine_rollback(engine);
		return err;
	}
	err = nc_state_commit(engine->state, applied);
	if (err != NC_OK) {
		forget(engine);
		return err;
	}
	engine->committed = engine->head;
	engine->committed_names = engine->names;
	engine->committed_epochs = engine->epochs;
	if (engine->hides) {
		nc_hidden_tell(engine->state, engine->ages);
		engine->hides = false;
	}
	return NC_OK;
}

void nc_engine_rollback(struct nc_engine *engine)
{
	nc_state_rollback(engine->state);
	forget(engine);
}

struct nc_engine_head nc_engine_head(const struct nc_engine *engine)
{
	return engine->committed;
}
