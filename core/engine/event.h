/* SPDX-License-Identifier: GPL-3.0-or-later */
/* event.h -- an event, and its two forms in bytes.
 *
 * The record is what a client asked to append. It is made once, at the edge, and stays the same
 * bytes from there on, in the log's entry and in the table's row. It has a digest of type and data
 * in it, and a CRC32C over all of it. The row is what apply makes of a record: the event's keys and
 * place, then the record. docs/formats.md lays out both; both carry a format number.
 *
 * Threads: none; no state. Ownership: a decoded event points into the bytes it was decoded from.
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

/* One event, decoded. `tags` and `meta` are packed lists; the calls below walk them. */
struct nc_event {
	uint64_t position; /* 0 in a record that has none yet */
	uint64_t version;
	uint64_t time_ns; /* since 1970 UTC */
	struct nc_slice stream, type;
	struct nc_slice id;           /* empty in a record whose id is made at apply */
	struct nc_slice content_type; /* empty: unspecified */
	struct nc_slice tags;         /* packed; walk it with nc_event_tag_next() */
	struct nc_slice meta;         /* packed; walk it with nc_event_meta_next() */
	struct nc_slice data;
	size_t tag_count;
	const uint8_t *digest;                   /* [NC_EVENT_DIGEST_SIZE] */
	char made_id[NC_EVENT_ID_MADE_SIZE + 1]; /* what `id` points to when it was made */
};

/* ---- Packed lists --------------------------------------------------------------------------- */

void nc_event_tag_put(struct nc_buf *tags, struct nc_slice tag);
void nc_event_meta_put(struct nc_buf *meta, struct nc_slice name, struct nc_slice value);

/* Take the next item off the front of `*list`; false at the end. The lists of a decoded event are
 * well-formed; nc_event_meta_well_formed() says it of metadata from elsewhere. Names of metadata
 * may repeat, and keep their order. */
bool nc_event_tag_next(struct nc_slice *list, struct nc_slice *tag_out);
bool nc_event_meta_next(struct nc_slice *list, struct nc_slice *name_out,
                        struct nc_slice *value_out);
bool nc_event_meta_well_formed(struct nc_slice meta);

/* ---- Records -------------------------------------------------------------------------------- */

/* The digest of an event. Two events with the same id and digest are one event, sent twice. */
void nc_event_digest(struct nc_slice type, struct nc_slice data,
                     uint8_t digest_out[NC_EVENT_DIGEST_SIZE]);

/* Append the record of `event` to `buf`: stream, type, id, content type, tags, metadata and data.
 * The digest is computed here. The caller has checked that sizes are within the limits. */
void nc_event_record_put(struct nc_buf *buf, const struct nc_event *event);

/* Decode a record. Errors: NC_CORRUPT, a length or the CRC does not hold; NC_UNSUPPORTED, a newer
 * format. */
int nc_event_record_get(struct nc_slice record, struct nc_event *event_out);

/* Of an event that was decoded from a record: that record up to its data. */
struct nc_slice nc_event_record_head(const struct nc_event *event);

/* ---- Rows ----------------------------------------------------------------------------------- */

/* Append the row: `keys` (without the digest), position, time, and the record. */
void nc_event_row_put(struct nc_buf *buf, uint64_t position, uint64_t time_ns,
                      const struct nc_event_keys *keys, struct nc_slice record);

/* Decode the row at `position`. If the record has no id, the id is made in `made_id`, and `id`
 * points there: such an event must not be moved. Errors: NC_CORRUPT; NC_UNSUPPORTED, a newer
 * format. */
int nc_event_row_get(uint64_t position, struct nc_slice row, struct nc_event *event_out);

/* Where an event stands, read from its row without a look at the rest. Errors: as above. */
struct nc_event_place {
	uint64_t stream_id, version, time_ns;
};
int nc_event_row_place(uint64_t position, struct nc_slice row, struct nc_event_place *place_out);

/* Decode a record whose place is known: the event is the one that nc_event_row_get() would give.
 * The same errors, and the event must not be moved either. */
int nc_event_placed_get(struct nc_slice record, uint64_t position, uint64_t version,
                        uint64_t time_ns, struct nc_event *event_out);

/* Like nc_event_placed_get(), but without computing the CRC: for a record that apply has just
 * checked, in the same memory. */
int nc_event_applied_get(struct nc_slice record, uint64_t position, uint64_t version,
                         uint64_t time_ns, struct nc_event *event_out);

/* Read the keys out of a row; an nc_state_keys_fn. */
int nc_event_row_keys(struct nc_slice row, uint64_t *tag_ids, struct nc_event_keys *keys_out);

/* ---- Made ids ------------------------------------------------------------------------------- */

/* The id of an event that came without one: a UUIDv7 (RFC 9562) of its time. Its random part holds
 * the event's position, so that the event is found by its id without a row in the index of ids. */
void nc_event_id_make(uint64_t time_ns, uint64_t position, char id_out[NC_EVENT_ID_MADE_SIZE + 1]);

/* The position that a made id claims; false if `id` cannot have been made. A client may have sent
 * such an id itself, so compare it with that of the event at the position. */
bool nc_event_id_position(struct nc_slice id, uint64_t *position_out);

/* ---- Times as text -------------------------------------------------------------------------- */

/* RFC 3339, with nine decimals and Z: 30 bytes and a NUL. */
#define NC_TIME_TEXT_SIZE 31
void nc_time_format(uint64_t time_ns, char text_out[NC_TIME_TEXT_SIZE]);

/* Read a time as RFC 3339 has it, with any zone and up to nine decimals. A time before 1970 is
 * taken for the beginning of that year, one after 2500 for the end of that. Errors: NC_INVALID. */
int nc_time_parse(struct nc_slice text, uint64_t *time_ns_out);

#endif
