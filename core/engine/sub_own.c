/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Another node runs a subscription from here on. The subscription keeps its place, and begins a new
 * epoch. What the node before it still sends, or an earlier life of the same node, is then of an
 * old epoch, and is refused wherever it arrives: as progress, as an acknowledgement within a batch,
 * or as one on R.ack. */
#include "core/engine/mutants_private.h"
#include "core/engine/progress.h"
#include "core/engine/subs_private.h"

#define ROW_FORMAT 1

int nc_sub_owner_decode(struct nc_slice value, struct nc_sub_owner *owner_out)
{
	struct nc_reader at = nc_reader(value);
	uint8_t format = nc_reader_u8(&at);
	struct nc_sub_owner owner = { .number = nc_reader_u64(&at) };
	owner.boot = nc_reader_u64(&at);
	if (value.size == 0 || format != ROW_FORMAT)
		return NC_UNSUPPORTED;
	if (at.failed || nc_reader_left(&at) != 0)
		return NC_CORRUPT;
	*owner_out = owner;
	return NC_OK;
}

int nc_sub_owner_get(struct nc_state_reader *reader, struct nc_slice name,
                     struct nc_sub_owner *owner_out)
{
	uint8_t room[NC_SUB_KEY_ROOM];
	struct nc_buf value = { 0 };
	struct nc_sub_owner owner = { 0 };
	int err = nc_state_get(reader, NC_SPACE_SUBS, nc_sub_row_key('o', name, room), &value);
	if (err == NC_OK)
		err = nc_sub_owner_decode(nc_buf_slice(&value), &owner);
	nc_buf_release(&value);
	if (err == NC_NOTFOUND)
		err = NC_OK;
	if (err == NC_OK)
		*owner_out = owner;
	return err;
}

int nc_engine_sub_disown(struct nc_engine *engine, struct nc_slice name)
{
	uint8_t room[NC_SUB_KEY_ROOM];
	return nc_state_del(engine->state, NC_SPACE_SUBS, nc_sub_row_key('o', name, room));
}

static int owner_put(struct nc_engine *engine, const struct nc_sub_own *own)
{
	uint8_t room[NC_SUB_KEY_ROOM];
	struct nc_buf *out = &engine->row;
	if (own->owner.number == 0)
		return nc_engine_sub_disown(engine, own->name);
	nc_buf_clear(out);
	nc_buf_put_u8(out, ROW_FORMAT);
	nc_buf_put_u64(out, own->owner.number);
	nc_buf_put_u64(out, own->owner.boot);
	int err = nc_buf_status(out);
	return err != NC_OK ? err
	                    : nc_state_put(engine->state, NC_SPACE_SUBS,
	                                   nc_sub_row_key('o', own->name, room), nc_buf_slice(out));
}

/* Carry the progress over into the new epoch, which it names. */
static int progress_carry(struct nc_engine *engine, struct nc_slice name, uint64_t epoch)
{
	uint8_t room[NC_SUB_KEY_ROOM];
	struct nc_buf *before = &engine->row, after = { 0 };
	struct nc_sub_progress head;
	nc_buf_clear(before);
	int err = nc_sub_row_progress(engine->reader, name, before);
	if (err != NC_OK)
		return err == NC_NOTFOUND ? NC_OK : err; /* it has made none yet */
	struct nc_reader at = nc_reader(nc_buf_slice(before));
	err = nc_progress_head_get(&at, &head);
	if (err == NC_OK) {
		head.epoch = epoch;
		nc_progress_head_put(&after, &head);
		nc_buf_put_slice(&after, nc_slice(at.at, nc_reader_left(&at)));
		err = nc_buf_status(&after);
	}
	if (err == NC_OK) {
		err = nc_state_put(engine->state, NC_SPACE_SUBS, nc_sub_row_key('p', name, room),
		                   nc_buf_slice(&after));
	}
	nc_buf_release(&after);
	return err;
}

int nc_engine_sub_own(struct nc_engine *engine, const struct nc_sub_own *own,
                      struct nc_outcome *outcome)
{
	struct nc_sub_row row;
	if (engine->head.version < NC_ENGINE_VERSION_OWN) {
		outcome->fault = NC_FAULT_VERSION;
		return NC_OK;
	}
	int err = nc_sub_row_get(engine->reader, own->name, &engine->scratch, &row);
	bool other = err == NC_OK && row.epoch != own->epoch && !NC_ENGINE_MUTANT(OWN_OF_ANY_EPOCH);
	if (err == NC_NOTFOUND || other) {
		outcome->fault = NC_FAULT_NO_SUB; /* deleted, or gone on, meanwhile */
		return NC_OK;
	}
	row.epoch = engine->epochs + 1;
	if (err == NC_OK) /* before `scratch`, in which the row lies, is used again */
		err = nc_sub_row_put(engine, &row);
	if (err == NC_OK)
		err = progress_carry(engine, own->name, row.epoch);
	if (err == NC_OK && !NC_ENGINE_MUTANT(OWN_FORGETS_ACKS))
		err = nc_engine_acks_carry(engine, own->name, own->epoch, row.epoch,
		                           NC_ACKS_AS_THEY_ARE);
	if (err == NC_OK)
		err = owner_put(engine, own);
	if (err != NC_OK)
		return err;
	outcome->epoch = ++engine->epochs;
	outcome->cursor = row.cursor;
	outcome->told = NC_SUB_TOLD_OWNED;
	outcome->owner = own->owner;
	return NC_OK;
}
