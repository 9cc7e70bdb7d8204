/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Commands of the NATS protocol, gathered. */
#include "transport/nats/outbox.h"

#include <stdio.h>

#include "core/base/assert.h"
#include "transport/nats/bus_private.h"

#define COMMAND_SIZE_MAX 64u /* bytes of a command beside subject, reply and message */

static void put_command(struct nc_outbox *outbox, struct nc_slice subject, struct nc_slice reply,
                        struct nc_slice message, size_t header_size)
{
	struct nc_buf *bytes = &outbox->bytes;
	if (bytes->size > 0)
		nc_buf_put(bytes, "\r\n", 2); /* behind the last one nats.c puts it */
	nc_buf_put_str(bytes, header_size == 0 ? "PUB " : "HPUB ");
	nc_buf_put_slice(bytes, subject);
	nc_buf_put_u8(bytes, ' ');
	if (reply.size > 0) {
		nc_buf_put_slice(bytes, reply);
		nc_buf_put_u8(bytes, ' ');
	}
	if (header_size > 0) {
		nc_buf_put_decimal(bytes, header_size);
		nc_buf_put_u8(bytes, ' ');
	}
	nc_buf_put_decimal(bytes, message.size);
	nc_buf_put(bytes, "\r\n", 2);
	nc_buf_put_slice(bytes, message);
	outbox->count++;
}

static int put_alone(struct nc_outbox *outbox, struct nc_bus *bus, struct nc_slice subject,
                     struct nc_slice reply, struct nc_slice message, size_t header_size)
{
	struct nc_buf names = { 0 };
	nc_buf_put_slice(&names, subject);
	nc_buf_put_u8(&names, 0);
	nc_buf_put_slice(&names, reply);
	nc_buf_put_u8(&names, 0);
	int err = nc_buf_status(&names);
	if (err == NC_OK) {
		const char *to = (const char *)names.data;
		const char *answer = reply.size == 0 ? NULL : to + subject.size + 1;
		err = header_size == 0
		              ? nc_bus_publish(bus, to, answer, message)
		              : nc_bus_publish_block(bus, to, answer, message, header_size);
	}
	nc_buf_release(&names);
	if (err != NC_OK)
		outbox->lost++;
	return err;
}

/* Bytes that may leave together: nats.c takes them for one message, of at most max_payload. Little
 * fits every server, without asking. */
static size_t room_of(struct nc_bus *bus, size_t wanted)
{
	if (wanted <= NC_OUTBOX_LITTLE)
		return NC_OUTBOX_LITTLE;
	size_t payload = nc_bus_max_payload(bus);
	return payload < NC_OUTBOX_SIZE_MAX ? payload : NC_OUTBOX_SIZE_MAX;
}

int nc_outbox_put(struct nc_outbox *outbox, struct nc_bus *bus, struct nc_slice subject,
                  struct nc_slice reply, struct nc_slice message, size_t header_size)
{
	nc_assert(subject.size > 0 && header_size <= message.size);
	size_t size = subject.size + reply.size + message.size + COMMAND_SIZE_MAX;
	size_t room = room_of(bus, outbox->bytes.size + size);
	bool alone = message.size > NC_OUTBOX_MESSAGE_MAX || size > room;
	int err = NC_OK;
	if (alone || outbox->bytes.size + size > room)
		err = nc_outbox_send(outbox, bus);
	if (alone) {
		int alone_err = put_alone(outbox, bus, subject, reply, message, header_size);
		return err != NC_OK ? err : alone_err;
	}
	size_t before = outbox->bytes.size;
	put_command(outbox, subject, reply, message, header_size);
	if (nc_buf_status(&outbox->bytes) == NC_OK)
		return err;
	outbox->bytes.size = before; /* as if it had not been put */
	outbox->bytes.failed = false;
	outbox->count--;
	outbox->lost++;
	return err != NC_OK ? err : NC_NOMEM;
}

/* nats.c writes "PUB <subject> <size>\r\n<bytes>\r\n". A subject that ends one empty message to
 * nobody and begins a PONG, of which the server ignores all but the name, makes <bytes> commands.
 */
int nc_outbox_send(struct nc_outbox *outbox, struct nc_bus *bus)
{
	if (outbox->count == 0)
		return NC_OK;
	char line[256];
	int size = snprintf(line, sizeof line, "%s 0\r\n\r\nPONG", bus->options.void_subject);
	nc_assert(size > 0 && (size_t)size < sizeof line);
	int err = nc_bus_publish(bus, line, NULL, nc_buf_slice(&outbox->bytes));
	if (err != NC_OK)
		outbox->lost += outbox->count;
	nc_buf_clear(&outbox->bytes);
	outbox->count = 0;
	return err;
}

void nc_outbox_drop(struct nc_outbox *outbox)
{
	outbox->lost += outbox->count;
	outbox->count = 0;
	nc_buf_clear(&outbox->bytes);
}

void nc_outbox_release(struct nc_outbox *outbox)
{
	nc_buf_release(&outbox->bytes);
	*outbox = (struct nc_outbox){ 0 };
}
