/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Checking what a state holds. */
#include "core/engine/verify.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/engine/digest.h"
#include "core/engine/name_cache.h"
#include "core/engine/snap.h"
#include "core/engine/stream.h"
#include "core/engine/subs.h"

#define ROWS_SIZE_MAX (1u << 20) /* bytes copied in one step, about */
#define SNAPS_A_STEP  16u        /* of a MiB at most, mostly */
#define SUBS_A_STEP   1024u      /* rows */

struct nc_verify {
	struct nc_state_reader *reader; /* of the step */
	struct nc_verify_status status;
	struct nc_engine_head head;
	uint64_t time_ns; /* of the last one checked */
	struct nc_buf rows, ends, scratch;
	struct nc_buf snap, sub; /* the keys of the snapshot and the row that were checked last */
	bool snaps_done;
	struct nc_name_cache names;
};

/* An event that is being checked. */
struct checked {
	struct nc_event event;
	struct nc_event_keys keys;
	uint64_t tag_ids[NC_STATE_TAG_COUNT_MAX];
};

__attribute__((format(printf, 4, 5))) static int bad(struct nc_verify *verify, uint64_t position,
                                                     int err, const char *format, ...)
{
	verify->status.bad = position;
	va_list args;
	va_start(args, format);
	/* NOLINTNEXTLINE(clang-analyzer-valist.Uninitialized): clang 14 misses the line above */
	(void)vsnprintf(verify->status.why, sizeof verify->status.why, format, args);
	va_end(args);
	return err;
}

int nc_verify_new(struct nc_state_reader *reader, struct nc_verify **verify_out)
{
	struct nc_verify *verify = calloc(1, sizeof *verify);
	if (verify == NULL)
		return NC_NOMEM;
	int err = nc_state_reader_begin(reader);
	if (err == NC_OK) {
		err = nc_engine_head_read(reader, &verify->head);
		nc_state_reader_end(reader);
	}
	if (err != NC_OK) {
		nc_verify_free(verify);
		return err;
	}
	verify->status.head = verify->head.position;
	*verify_out = verify;
	return NC_OK;
}

const struct nc_verify_status *nc_verify_status(const struct nc_verify *verify)
{
	return &verify->status;
}

void nc_verify_free(struct nc_verify *verify)
{
	if (verify == NULL)
		return;
	nc_buf_release(&verify->rows);
	nc_buf_release(&verify->ends);
	nc_buf_release(&verify->scratch);
	nc_buf_release(&verify->snap);
	nc_buf_release(&verify->sub);
	free(verify);
}

/* ---- The event's own bytes ------------------------------------------------------------------ */

static int check_bytes(struct nc_verify *verify, uint64_t position, struct nc_slice row,
                       struct checked *checked)
{
	int err = nc_event_row_get(position, row, &checked->event);
	if (err == NC_OK)
		err = nc_event_row_keys(row, checked->tag_ids, &checked->keys);
	if (err != NC_OK) {
		return bad(verify, position, err,
		           err == NC_UNSUPPORTED
		                   ? "the event is of a newer form than this build knows"
		                   : "a checksum of the event does not hold");
	}
	const struct nc_event *event = &checked->event;
	uint8_t digest[NC_EVENT_DIGEST_SIZE];
	nc_event_digest(event->type, event->data, digest);
	if (memcmp(digest, event->digest, sizeof digest) != 0) {
		return bad(verify, position, NC_CORRUPT,
		           "type and data are not what the event's digest says");
	}
	if (event->time_ns < verify->time_ns) {
		return bad(verify, position, NC_CORRUPT,
		           "the event's time is before that of the event before it");
	}
	verify->time_ns = event->time_ns;
	return NC_OK;
}

/* The chain through this event, where something is known of it. */
static int check_chain(struct nc_verify *verify, uint64_t position, const struct nc_event *event)
{
	uint8_t known[NC_SHA256_SIZE];
	nc_digest_add(verify->status.digest, position, event->version, event->time_ns,
	              nc_event_record_head(event));
	if (position == verify->head.position) {
		memcpy(known, verify->head.digest, sizeof known);
	} else if (position % NC_DIGEST_EVERY == 0) {
		int err = nc_digest_mark_get(verify->reader, position, known);
		if (err == NC_NOTFOUND)
			return NC_OK; /* from before the version that brought them */
		if (err != NC_OK) {
			return bad(verify, position, err, "the mark of the digest: %s",
			           nc_err_name(err));
		}
		verify->status.marks++;
	} else {
		return NC_OK;
	}
	if (memcmp(known, verify->status.digest, sizeof known) == 0)
		return NC_OK;
	return bad(verify, position, NC_CORRUPT,
	           "the chain of digests does not lead to what was written down here: an event "
	           "since the last mark is not the one that was appended");
}

/* ---- What leads to it ----------------------------------------------------------------------- */

static bool on_entry(void *ctx, uint64_t ordinal, uint64_t position)
{
	uint64_t *place = ctx;
	place[0] = ordinal;
	place[1] = position;
	return false;
}

static int check_index(struct nc_verify *verify, const struct checked *checked, enum nc_index index,
                       uint64_t id, uint64_t ordinal)
{
	static const char *const names[] = { [NC_INDEX_STREAM] = "streams",
		                             [NC_INDEX_TYPE] = "types",
		                             [NC_INDEX_CATEGORY] = "categories",
		                             [NC_INDEX_TAG] = "tags" };
	uint64_t position = checked->event.position, place[2] = { 0, 0 };
	int err =
	        nc_state_index(verify->reader, (struct nc_index_walk){ index, id, ordinal, false },
	                       on_entry, place);
	if (err != NC_OK) {
		return bad(verify, position, err, "the index of %s: %s", names[index],
		           nc_err_name(err));
	}
	if (place[0] != ordinal || place[1] != position) {
		return bad(verify, position, NC_CORRUPT, "the index of %s does not lead to it",
		           names[index]);
	}
	return NC_OK;
}

static int check_name(struct nc_verify *verify, uint64_t position, enum nc_name_kind kind,
                      struct nc_slice name, uint64_t id)
{
	uint64_t found = nc_name_cache_get(&verify->names, kind, name);
	int err = NC_OK;
	if (found == 0) {
		err = nc_name_id_get(verify->reader, kind, name, &verify->scratch, &found);
		if (err == NC_OK)
			nc_name_cache_put(&verify->names, kind, name, found);
	}
	if (err != NC_OK && err != NC_NOTFOUND)
		return bad(verify, position, err, "the table of names: %s", nc_err_name(err));
	if (err == NC_NOTFOUND || found != id) {
		return bad(verify, position, NC_CORRUPT,
		           "the table of names does not know its type, category or tag");
	}
	return NC_OK;
}

static int check_stream(struct nc_verify *verify, const struct checked *checked)
{
	struct nc_stream stream;
	uint64_t position = checked->event.position;
	int err = nc_stream_get(verify->reader, checked->event.stream, &verify->scratch, &stream);
	if (err != NC_OK && err != NC_NOTFOUND)
		return bad(verify, position, err, "the table of streams: %s", nc_err_name(err));
	if (err == NC_NOTFOUND || stream.id != checked->keys.stream_id ||
	    stream.category_id != checked->keys.category_id ||
	    stream.head < checked->event.version) {
		return bad(verify, position, NC_CORRUPT,
		           "the table of streams does not know it of its stream");
	}
	return NC_OK;
}

struct id_search {
	uint64_t stream_id;
	struct nc_id_row row;
	bool found;
};

static bool on_id(void *ctx, const struct nc_id_row *row)
{
	struct id_search *search = ctx;
	search->found = row->stream_id == search->stream_id;
	if (search->found)
		search->row = *row;
	return !search->found;
}

/* Check an id. One that was made contains its position. */
static int check_id(struct nc_verify *verify, const struct checked *checked)
{
	uint64_t position = checked->event.position;
	struct id_search search = { .stream_id = checked->keys.stream_id };
	if (checked->keys.id.size == 0)
		return NC_OK;
	int err = nc_state_ids(verify->reader, checked->keys.id, checked->keys.stream_id, on_id,
	                       &search);
	if (err != NC_OK)
		return bad(verify, position, err, "the index of ids: %s", nc_err_name(err));
	if (!search.found || search.row.position != position ||
	    search.row.version != checked->event.version ||
	    memcmp(search.row.digest, checked->keys.digest, NC_DIGEST_SIZE) != 0)
		return bad(verify, position, NC_CORRUPT, "the index of ids does not lead to it");
	return NC_OK;
}

static int check_indexes(struct nc_verify *verify, const struct checked *checked)
{
	const struct nc_event *event = &checked->event;
	const struct nc_event_keys *keys = &checked->keys;
	uint64_t position = event->position;
	int err = check_stream(verify, checked);
	if (err == NC_OK) {
		err = check_index(verify, checked, NC_INDEX_STREAM, keys->stream_id,
		                  event->version);
	}
	if (err == NC_OK)
		err = check_name(verify, position, NC_NAME_TYPE, event->type, keys->type_id);
	if (err == NC_OK)
		err = check_index(verify, checked, NC_INDEX_TYPE, keys->type_id, position);
	if (err == NC_OK) {
		err = check_name(verify, position, NC_NAME_CATEGORY,
		                 nc_name_category(event->stream), keys->category_id);
	}
	if (err == NC_OK)
		err = check_index(verify, checked, NC_INDEX_CATEGORY, keys->category_id, position);
	struct nc_slice tags = event->tags, tag;
	for (size_t i = 0; err == NC_OK && nc_event_tag_next(&tags, &tag); i++) {
		err = check_name(verify, position, NC_NAME_TAG, tag, keys->tag_ids[i]);
		if (err == NC_OK) {
			err = check_index(verify, checked, NC_INDEX_TAG, keys->tag_ids[i],
			                  position);
		}
	}
	return err == NC_OK ? check_id(verify, checked) : err;
}

/* ---- A step --------------------------------------------------------------------------------- */

struct gather {
	struct nc_verify *verify;
	size_t count;  /* still wanted */
	uint64_t next; /* position */
	bool gap;
};

/* Collect rows, which are checked after the scan. Each is looked up in a dozen places, and
 * meanwhile the scan's cursor would hold a page, perhaps the one that is being written. */
static bool on_row(void *ctx, uint64_t position, struct nc_slice row)
{
	struct gather *gather = ctx;
	struct nc_verify *verify = gather->verify;
	gather->gap = position != gather->next;
	if (gather->gap || position > verify->head.position)
		return false;
	nc_buf_put_slice(&verify->rows, row);
	nc_buf_put_u64(&verify->ends, verify->rows.size);
	gather->next++;
	return --gather->count > 0 && verify->rows.size < ROWS_SIZE_MAX;
}

static int check_row(struct nc_verify *verify, uint64_t position, struct nc_slice row)
{
	struct checked checked;
	int err = check_bytes(verify, position, row, &checked);
	if (err == NC_OK)
		err = check_indexes(verify, &checked);
	if (err == NC_OK)
		err = check_chain(verify, position, &checked.event);
	if (err == NC_OK)
		verify->status.checked = position;
	return err;
}

static int check_rows(struct nc_verify *verify)
{
	size_t start = 0;
	int err = nc_buf_status(&verify->rows);
	if (err == NC_OK)
		err = nc_buf_status(&verify->ends);
	for (size_t at = 0; err == NC_OK && at < verify->ends.size; at += 8) {
		size_t end = (size_t)nc_get_u64(verify->ends.data + at);
		err = check_row(verify, verify->status.checked + 1,
		                nc_slice(verify->rows.data + start, end - start));
		start = end;
	}
	return err;
}

/* Check some more snapshots, after all events; then rows of subscriptions. What is bad of these is
 * reported with the last position, since it has none of its own. */
static int check_rest(struct nc_verify *verify, bool *done_out)
{
	char why[NC_VERIFY_WHY_SIZE] = "";
	int err = nc_state_reader_begin(verify->reader);
	if (err != NC_OK)
		return err;
	err = verify->snaps_done
	              ? nc_subs_check(verify->reader, &verify->sub, SUBS_A_STEP, why, sizeof why)
	              : nc_snap_check(verify->reader, &verify->snap, SNAPS_A_STEP, why, sizeof why);
	nc_state_reader_end(verify->reader);
	*done_out = verify->snaps_done && err == NC_NOTFOUND;
	verify->snaps_done |= err == NC_NOTFOUND;
	if (err == NC_OK || err == NC_NOTFOUND)
		return NC_OK;
	if (why[0] == '\0') {
		(void)snprintf(why, sizeof why, "the table of %s: %s",
		               verify->snaps_done ? "subscriptions" : "snapshots",
		               nc_err_name(err));
	}
	uint64_t last = verify->head.position;
	return bad(verify, last == 0 ? 1 : last, err, "not it, but %s", why);
}

int nc_verify_step(struct nc_verify *verify, struct nc_state_reader *reader, size_t count,
                   bool *done_out)
{
	verify->reader = reader;
	struct gather gather = { verify, count, verify->status.checked + 1, false };
	if (gather.next > verify->head.position)
		return check_rest(verify, done_out);
	nc_buf_clear(&verify->rows);
	nc_buf_clear(&verify->ends);
	int err = nc_state_reader_begin(verify->reader);
	if (err != NC_OK)
		return err;
	int scan = nc_state_events(verify->reader, gather.next, NC_FORWARD, on_row, &gather);
	err = check_rows(verify);
	nc_state_reader_end(verify->reader);
	if (err == NC_OK && scan != NC_OK)
		return bad(verify, gather.next, scan, "the table of events: %s", nc_err_name(scan));
	if (err == NC_OK && (gather.gap || verify->ends.size == 0)) {
		return bad(verify, gather.next, NC_CORRUPT,
		           "there is no event, though there are later ones");
	}
	return err;
}
