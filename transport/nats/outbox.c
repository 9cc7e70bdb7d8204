/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Commands of the NATS protocol, gathered. */
#include "transport/nats/outbox.h"

#include <stdio.h>

#include "core/base/assert.h"
#include "transport/nats/bus_private.h"

#define COMMAND_SIZE_MAX 64u /* bytes of a command beside subject, reply and message */

static size_t size_of(const struct nc_outbox_message *message)
{
	size_t size = 0;
	for (size_t i = 0; i < message->piece_count; i++)
		size += message->pieces[i].size;
	return size;
}

static void put_pieces(struct nc_buf *bytes, const struct nc_outbox_message *message)
{
	for (size_t i = 0; i < message->piece_count; i++)
		nc_buf_put_slice(bytes, message->pieces[i]);
}

static void put_command(struct nc_outbox *outbox, const struct nc_outbox_message *message,
                        size_t size)
{
	struct nc_buf *bytes = &outbox->bytes;
	if (bytes->size > 0)
		nc_buf_put(bytes, "\r\n", 2); /* behind the last one nats.c puts it */
	nc_buf_put_str(bytes, message->header_size == 0 ? "PUB " : "HPUB ");
	nc_buf_put_slice(bytes, message->subject);
	nc_buf_put_u8(bytes, ' ');
	if (message->reply.size > 0) {
		nc_buf_put_slice(bytes, message->reply);
		nc_buf_put_u8(bytes, ' ');
	}
	if (message->header_size > 0) {
		nc_buf_put_decimal(bytes, message->header_size);
		nc_buf_put_u8(bytes, ' ');
	}
	nc_buf_put_decimal(bytes, size);
	nc_buf_put(bytes, "\r\n", 2);
	put_pieces(bytes, message);
	outbox->count++;
}

static bool may_send(const struct nc_outbox *outbox)
{
	return outbox->may_send == NULL || outbox->may_send(outbox->ctx);
}

static int put_alone(struct nc_outbox *outbox, struct nc_bus *bus,
                     const struct nc_outbox_message *message)
{
	struct nc_buf whole = { 0 };
	if (!may_send(outbox)) {
		outbox->lost++;
		return NC_CONFLICT;
	}
	bool joined = message->piece_count != 1;
	nc_buf_put_slice(&whole, message->subject);
	nc_buf_put_u8(&whole, 0);
	nc_buf_put_slice(&whole, message->reply);
	nc_buf_put_u8(&whole, 0);
	size_t names_size = whole.size;
	if (joined)
		put_pieces(&whole, message);
	int err = nc_buf_status(&whole);
	if (err == NC_OK) {
		const char *to = (const char *)whole.data;
		const char *answer =
		        message->reply.size == 0 ? NULL : to + message->subject.size + 1;
		struct nc_slice bytes = joined ? nc_slice_from(nc_buf_slice(&whole), names_size)
		                               : message->pieces[0];
		err = message->header_size == 0
		              ? nc_bus_publish(bus, to, answer, bytes)
		              : nc_bus_publish_block(bus, to, answer, bytes, message->header_size);
	}
	nc_buf_release(&whole);
	if (err != NC_OK)
		outbox->lost++;
	return err;
}

/* Bytes that may leave together: nats.c takes them for one message, of at most max_payload. Little
 * fits every server, without asking; to ask takes two locks. */
static size_t room_of(struct nc_outbox *outbox, struct nc_bus *bus, size_t wanted)
{
	if (wanted <= NC_OUTBOX_LITTLE)
		return NC_OUTBOX_LITTLE;
	if (outbox->room == 0) {
		size_t payload = nc_bus_max_payload(bus);
		outbox->room = payload < NC_OUTBOX_SIZE_MAX ? payload : NC_OUTBOX_SIZE_MAX;
	}
	return outbox->room;
}

int nc_outbox_put_pieces(struct nc_outbox *outbox, struct nc_bus *bus,
                         const struct nc_outbox_message *message)
{
	size_t message_size = size_of(message);
	nc_assert(message->subject.size > 0 && message->header_size <= message_size);
	size_t size = message->subject.size + message->reply.size + message_size + COMMAND_SIZE_MAX;
	size_t room = room_of(outbox, bus, outbox->bytes.size + size);
	bool alone = message_size > NC_OUTBOX_MESSAGE_MAX || size > room;
	int err = NC_OK;
	if (alone || outbox->bytes.size + size > room)
		err = nc_outbox_send(outbox, bus);
	if (alone) {
		int alone_err = put_alone(outbox, bus, message);
		return err != NC_OK ? err : alone_err;
	}
	size_t before = outbox->bytes.size;
	put_command(outbox, message, message_size);
	if (nc_buf_status(&outbox->bytes) == NC_OK)
		return err;
	outbox->bytes.size = before; /* as if it had not been put */
	outbox->bytes.failed = false;
	outbox->count--;
	outbox->lost++;
	return err != NC_OK ? err : NC_NOMEM;
}

int nc_outbox_put(struct nc_outbox *outbox, struct nc_bus *bus, struct nc_slice subject,
                  struct nc_slice reply, struct nc_slice message, size_t header_size)
{
	return nc_outbox_put_pieces(outbox, bus,
	                            &(struct nc_outbox_message){ .subject = subject,
	                                                         .reply = reply,
	                                                         .pieces = &message,
	                                                         .piece_count = 1,
	                                                         .header_size = header_size });
}

/* nats.c writes "PUB <subject> <size>\r\n<bytes>\r\n". A subject that ends one empty message to
 * nobody and begins a PONG, of which the server ignores all but the name, makes <bytes> commands.
 */
static int publish(const struct nc_outbox *outbox, struct nc_bus *bus)
{
	char line[256];
	int size = snprintf(line, sizeof line, "%s 0\r\n\r\nPONG", bus->options.void_subject);
	nc_assert(size > 0 && (size_t)size < sizeof line);
	return nc_bus_publish(bus, line, NULL, nc_buf_slice(&outbox->bytes));
}

int nc_outbox_send(struct nc_outbox *outbox, struct nc_bus *bus)
{
	if (outbox->count == 0)
		return NC_OK;
	int err = may_send(outbox) ? publish(outbox, bus) : NC_CONFLICT;
	if (err != NC_OK)
		outbox->lost += outbox->count;
	nc_buf_clear(&outbox->bytes);
	outbox->count = 0;
	outbox->room = 0;
	return err;
}

void nc_outbox_release(struct nc_outbox *outbox)
{
	nc_buf_release(&outbox->bytes);
	*outbox = (struct nc_outbox){ 0 };
}
