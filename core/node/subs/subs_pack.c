/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Packed deliveries: many events in one message, which is answered as a whole, on the subject of
 * its last event. So it holds only what an answer to that one can speak of: events in ascending
 * order, for the same request, and none that is replayed. What left together is told to the machine
 * before the answer is. */
#include "core/node/subs/subs_ask.h"
#include "core/node/subs/subs_job.h"
#include "transport/nats/reply.h"

#define HEADERS_MAX 256u        /* bytes of the header block */
#define MESSAGE_MAX (64u << 10) /* bytes of a message; beyond it is for events that are larger */

enum nc_form nc_sub_form(const struct nc_subscription *sub, const struct nc_delivery *delivery)
{
	if (sub->definition.ack == NC_ACK_EXPLICIT) /* changed since it was asked for */
		return NC_FORM_HEADERS;
	return delivery->pull != NULL ? delivery->pull->form : sub->definition.form;
}

static enum nc_format format_of(enum nc_form form)
{
	return form == NC_FORM_JSON ? NC_FORMAT_JSON : NC_FORMAT_MSGPACK;
}

/* ---- What left together --------------------------------------------------------------------- */

/* For each event its position and its flight; after the last of a message, zeros. */
#define NOTED_SIZE 16u

static void note_put(struct nc_buf *notes, uint64_t position, uint64_t flight)
{
	nc_buf_put_u64(notes, position);
	nc_buf_put_u64(notes, flight);
}

/* Note an event of the message. Without memory an answer counts for the message's last event
 * alone. */
static void note(struct nc_sub_teller *teller)
{
	note_put(&teller->noted, 0, 0);
	if (nc_buf_status(&teller->noted) != NC_OK)
		return;
	pthread_mutex_lock(&teller->subs->lock);
	nc_buf_put_slice(&teller->sub->out.packed, nc_buf_slice(&teller->noted));
	pthread_mutex_unlock(&teller->subs->lock);
}

void nc_subs_packed_tell(struct nc_subs *subs, struct nc_subscription *sub)
{
	pthread_mutex_lock(&subs->lock);
	struct nc_buf *packed = &sub->out.packed;
	size_t begin = 0;
	for (size_t at = 0; at < packed->size; at += NOTED_SIZE) {
		if (nc_get_u64(packed->data + at) != 0)
			continue;
		uint64_t message = nc_get_u64(packed->data + at - NOTED_SIZE + 8);
		for (; begin < at; begin += NOTED_SIZE) {
			const uint8_t *noted = packed->data + begin;
			nc_sub_packed(sub->machine, nc_get_u64(noted), nc_get_u64(noted + 8),
			              message);
		}
		begin = at + NOTED_SIZE;
	}
	nc_buf_clear(packed);
	pthread_mutex_unlock(&subs->lock);
}

/* ---- A message ------------------------------------------------------------------------------ */

void nc_sub_pack_end(struct nc_sub_teller *teller)
{
	const struct nc_delivery *last = teller->packed_last;
	if (last == NULL)
		return;
	struct nc_buf *lines = &teller->lines;
	uint32_t count = teller->packed.count;
	bool json = teller->packed.format == NC_FORMAT_JSON;
	teller->packed_last = NULL;
	nc_buf_clear(lines);
	nc_buf_put_str(lines, "NATS/1.0\r\nContent-Type: application/");
	nc_buf_put_str(lines, json ? "json" : "msgpack");
	nc_buf_put_str(lines, "\r\nEs-Subscription: ");
	nc_buf_put_str(lines, teller->sub->name);
	nc_buf_put_str(lines, "\r\nEs-Pending: ");
	nc_buf_put_decimal(lines, last->pending);
	nc_buf_put_str(lines, "\r\n\r\n");
	const struct nc_slice pieces[] = { nc_buf_slice(lines), nc_packed_take(&teller->packed) };
	struct nc_outbox_message message = { .reply = nc_sub_teller_reply(teller, last->position,
		                                                          last->attempt),
		                             .pieces = pieces,
		                             .piece_count = sizeof pieces / sizeof *pieces,
		                             .header_size = lines->size };
	bool whole = nc_buf_status(lines) == NC_OK && nc_buf_status(&teller->reply) == NC_OK &&
	             nc_buf_status(&teller->packed.body) == NC_OK;
	if (whole && count > 1)
		note(teller);
	if (whole) {
		nc_sub_teller_publish(teller, last, &message);
	} else {
		atomic_fetch_add(&teller->subs->service->counters.unsent, count);
	}
}

/* Whether a delivery may go into the same message as the last one. */
static bool goes_with(const struct nc_delivery *last, const struct nc_delivery *delivery)
{
	return last->pull == delivery->pull && last->position < delivery->position &&
	       !last->alone && !delivery->alone;
}

/* Errors: those of nc_packed_add(). */
static int add(struct nc_sub_teller *teller, const struct nc_delivery *delivery,
               const struct nc_event *event, size_t size_max)
{
	const struct nc_packed_delivery how = { .attempt = delivery->attempt,
		                                .bare = teller->sub->definition.headers_only };
	teller->packed.size_max = size_max;
	int err = nc_packed_add_delivery(&teller->packed, event, &how);
	if (err == NC_FULL || (err == NC_TOOBIG && teller->packed_last != NULL)) {
		nc_sub_pack_end(teller);
		err = nc_packed_add_delivery(&teller->packed, event, &how);
	}
	return err;
}

bool nc_sub_pack(struct nc_sub_teller *teller, const struct nc_delivery *delivery,
                 const struct nc_event *event)
{
	enum nc_form form = nc_sub_form(teller->sub, delivery);
	if (form == NC_FORM_HEADERS)
		return false;
	if (teller->packed_last != NULL && !goes_with(teller->packed_last, delivery))
		nc_sub_pack_end(teller);
	size_t payload = nc_bus_max_payload(teller->subs->service->bus) - HEADERS_MAX;
	size_t most = payload < MESSAGE_MAX ? payload : MESSAGE_MAX;
	teller->packed.format = format_of(form);
	int err = add(teller, delivery, event, most);
	if (err == NC_TOOBIG)
		err = add(teller, delivery, event, payload);
	if (err == NC_TOOBIG)
		return false;
	if (err != NC_OK) {
		atomic_fetch_add(&teller->subs->service->counters.unsent, 1);
		return true;
	}
	if (teller->packed_last == NULL)
		nc_buf_clear(&teller->noted);
	note_put(&teller->noted, event->position, delivery->flight);
	teller->packed_last = delivery;
	return true;
}

/* ---- Definitions ---------------------------------------------------------------------------- */

bool nc_subs_form_takes(const struct nc_subs_ask *ask, const struct nc_definition *definition)
{
	bool known = ask->subs->service->engine_version >= NC_ENGINE_VERSION_FORM;
	if (definition->form == NC_FORM_HEADERS || !definition->durable || known)
		return true;
	nc_subs_ask_error(ask, NC_FAULT_VERSION, nc_fault_text(NC_FAULT_VERSION));
	return false;
}
