/* SPDX-License-Identifier: GPL-3.0-or-later */
/* event.h -- an event, and its two forms in bytes.
 *
 * The record is what a client asked to append: made at the edge, once, and the same bytes from
 * there on (log entry, table row); CRC32C over all of it, digest of type and data in it. The row is
 * what apply makes of it: what the event is called and where it stands, then the record. Both are
 * laid out in docs/formats.md; both carry a format number.
 *
 * Ownership: a decoded event is slices into the bytes it was decoded from.
 */
#ifndef NC_CORE_ENGINE_EVENT_H
#define NC_CORE_ENGINE_EVENT_H

#include "core/base/buf.h"
#include "core/engine/state.h"

#define NC_EVENT_DIGEST_SIZE   32          /* bytes, SHA-256 of type, NUL, data */
#define NC_EVENT_ID_SIZE_MAX   255         /* bytes */
#define NC_EVENT_ID_MADE_SIZE  36          /* bytes, a UUID as text */
#define NC_EVENT_TAG_SIZE_MAX  128         /* bytes */
#define NC_EVENT_META_SIZE_MAX (64u << 10) /* bytes of all names and values */
#define NC_EVENT_TEXT_SIZE_MAX 1024        /* bytes of a content type */

/* One event, decoded. `tags` and `meta` are packed lists: walk them with the calls below. */
struct nc_event {
	uint64_t position; /* 0 in a record that has none yet */
	uint64_t version;
	uint64_t time_ns; /* since 1970 UTC */
	struct nc_slice stream, type;
	struct nc_slice id;           /* empty in a record whose id is made at apply */
	struct nc_slice content_type; /* empty: unspecified */
	struct nc_slice tags;         /* packed; see nc_event_tag_next() */
	struct nc_slice meta;         /* packed; see nc_event_meta_next() */
	struct nc_slice data;
	size_t tag_count;
	const uint8_t *digest;                   /* [NC_EVENT_DIGEST_SIZE] */
	char made_id[NC_EVENT_ID_MADE_SIZE + 1]; /* what `id` points to when it was made */
};

/* ---- Packed lists --------------------------------------------------------------------------- */

void nc_event_tag_put(struct nc_buf *tags, struct nc_slice tag);
void nc_event_meta_put(struct nc_buf *meta, struct nc_slice name, struct nc_slice value);

/* The next item, taken off the front of `*list`; false at the end. Lists of a decoded event are
 * well-formed. Names of metadata may repeat, and keep their order. */
bool nc_event_tag_next(struct nc_slice *list, struct nc_slice *tag_out);
bool nc_event_meta_next(struct nc_slice *list, struct nc_slice *name_out,
                        struct nc_slice *value_out);
bool nc_event_meta_well_formed(struct nc_slice meta);

/* ---- Records -------------------------------------------------------------------------------- */

/* What makes two events the same for idempotency. */
void nc_event_digest(struct nc_slice type, struct nc_slice data,
                     uint8_t digest_out[NC_EVENT_DIGEST_SIZE]);

/* Append the record of `event` (stream, type, id, content_type, tags, meta, data) to `buf`. The
 * sizes must be within the limits: the edge has checked them. The digest is computed here. */
void nc_event_record_put(struct nc_buf *buf, const struct nc_event *event);

/* Errors: NC_CORRUPT, a length or the CRC does not hold; NC_UNSUPPORTED, a newer format. */
int nc_event_record_get(struct nc_slice record, struct nc_event *event_out);

/* The record up to its data, of an event that was decoded from one. */
struct nc_slice nc_event_record_head(const struct nc_event *event);

/* ---- Rows ----------------------------------------------------------------------------------- */

/* Append the row: `keys` (without the digest), position, time, and the record. */
void nc_event_row_put(struct nc_buf *buf, uint64_t position, uint64_t time_ns,
                      const struct nc_event_keys *keys, struct nc_slice record);

/* Decode the row at `position`; fills made_id and points `id` at it where the record has none:
 * event_out must then not be moved. Errors: NC_CORRUPT, NC_UNSUPPORTED. */
int nc_event_row_get(uint64_t position, struct nc_slice row, struct nc_event *event_out);

/* Whose event it is that the row holds, without a look at the rest of it. Errors: NC_CORRUPT;
 * NC_UNSUPPORTED. */
struct nc_event_place {
	uint64_t stream_id, version, time_ns;
};
int nc_event_row_place(uint64_t position, struct nc_slice row, struct nc_event_place *place_out);

/* A record whose place is known, as the event that its row holds. Same errors and caveat. */
int nc_event_placed_get(struct nc_slice record, uint64_t position, uint64_t version,
                        uint64_t time_ns, struct nc_event *event_out);

/* Likewise, of a record that apply has just read, in the same memory: its CRC is not computed once
 * more. */
int nc_event_applied_get(struct nc_slice record, uint64_t position, uint64_t version,
                         uint64_t time_ns, struct nc_event *event_out);

/* The keys of a row; an nc_state_keys_fn. */
int nc_event_row_keys(struct nc_slice row, uint64_t *tag_ids, struct nc_event_keys *keys_out);

/* ---- Made ids ------------------------------------------------------------------------------- */

/* The id of an event that came without one: a UUIDv7 (RFC 9562) of its time, whose random part
 * holds its position, so that it is found without a row of its own. */
void nc_event_id_make(uint64_t time_ns, uint64_t position, char id_out[NC_EVENT_ID_MADE_SIZE + 1]);

/* The position that a made id claims; false if `id` cannot be one. The claim is to be checked. */
bool nc_event_id_position(struct nc_slice id, uint64_t *position_out);

/* RFC 3339 with nine decimals and Z; NUL-terminated, 30 bytes before it. */
#define NC_TIME_TEXT_SIZE 31
void nc_time_format(uint64_t time_ns, char text_out[NC_TIME_TEXT_SIZE]);

/* Any RFC 3339 time, zone and 0 to 9 decimals; one before 1970 is taken as its beginning, one after
 * 2500 as its end. Errors: NC_INVALID. */
int nc_time_parse(struct nc_slice text, uint64_t *time_ns_out);

#endif
