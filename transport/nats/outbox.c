/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Commands of the NATS protocol, gathered. */
#include "transport/nats/outbox.h"

#include <stdio.h>

#include "core/base/assert.h"
#include "core/base/digits.h"
#include "transport/nats/bus_private.h"

#define COMMAND_SIZE_MAX 64u /* bytes of a command beside subject, reply and message */

static size_t size_of(const struct nc_outbox_message *message)
{
	size_t size = 0;
	for (size_t i = 0; i < message->piece_count; i++)
		size += message->pieces[i].size;
	return size;
}

static uint8_t *write_bytes(uint8_t *at, struct nc_slice bytes)
{
	if (bytes.size > 0)
		memcpy(at, bytes.data, bytes.size);
	return at + bytes.size;
}

static uint8_t *write_number(uint8_t *at, uint64_t value)
{
	return at + nc_digits_decimal((char *)at, value);
}

static uint8_t *write_pieces(uint8_t *at, const struct nc_outbox_message *message)
{
	for (size_t i = 0; i < message->piece_count; i++)
		at = write_bytes(at, message->pieces[i]);
	return at;
}

/* Append a command. `size` is that of the message, `room` the most that the command takes with it.
 * False: no memory. */
static bool put_command(struct nc_outbox *outbox, const struct nc_outbox_message *message,
                        size_t size, size_t room)
{
	struct nc_buf *bytes = &outbox->bytes;
	bool first = bytes->size == 0;
	uint8_t *begin = nc_buf_extend(bytes, room), *at = begin;
	if (begin == NULL)
		return false;
	if (!first) /* after the last one, nats.c writes it */
		at = write_bytes(at, NC_SLICE("\r\n"));
	at = write_bytes(at, message->header_size == 0 ? NC_SLICE("PUB ") : NC_SLICE("HPUB "));
	at = write_bytes(at, message->subject);
	*at++ = ' ';
	if (message->reply.size > 0) {
		at = write_bytes(at, message->reply);
		*at++ = ' ';
	}
	if (message->header_size > 0) {
		at = write_number(at, message->header_size);
		*at++ = ' ';
	}
	at = write_number(at, size);
	at = write_bytes(at, NC_SLICE("\r\n"));
	at = write_pieces(at, message);
	size_t written = (size_t)(at - begin);
	nc_assert(written <= room);
	bytes->size -= room - written;
	outbox->count++;
	return true;
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
	for (size_t i = 0; joined && i < message->piece_count; i++)
		nc_buf_put_slice(&whole, message->pieces[i]);
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

/* How many bytes may leave together: to nats.c they are one message, of at most max_payload. A
 * little fits every server; beyond that it has to be asked, which takes two locks. */
static size_t room_of(struct nc_outbox *outbox, struct nc_bus *bus, size_t wanted)
{
	if (wanted <= NC_OUTBOX_LITTLE)
		return NC_OUTBOX_LITTLE;
	if (outbox->room == 0) {
		size_t payload = nc_bus_max_payload(bus);
		size_t most = outbox->size_max == 0 ? NC_OUTBOX_SIZE_MAX : outbox->size_max;
		outbox->room = payload < most ? payload : most;
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
	if (put_command(outbox, message, message_size, size))
		return err;
	outbox->bytes.failed = false; /* as if the message had not been put */
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

/* nats.c writes "PUB <subject> <size>\r\n<bytes>\r\n". The subject given here contains an empty
 * message that nobody listens to, and then the beginning of a PONG, of which the server ignores
 * everything after the name. So <bytes> are read as commands. */
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
