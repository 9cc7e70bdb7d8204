/* SPDX-License-Identifier: GPL-3.0-or-later */
/* bus.h -- one connection to NATS, on the loop.
 *
 * Messages of all subscriptions come out in the order in which they arrived (PROTOCOL.md section 1:
 * requests of one connection are taken up in the order in which they were sent), many a turn.
 * Reconnects for ever.
 *
 * Threads:   open, subscribe, unsubscribe and close from the loop's thread; publishing and
 *            wait_room from any. The callbacks run on the loop's thread.
 * Ownership: a message and its slices are borrowed until on_message returns.
 * Errors:    NC_OK or a negative enum nc_err. What is published while the server is away is lost,
 *            as NATS at most once has it.
 */
#ifndef NC_TRANSPORT_NATS_BUS_H
#define NC_TRANSPORT_NATS_BUS_H

#include <uv.h>

#include "core/base/buf.h"
#include "core/base/header.h"

struct nc_bus;
struct nc_bus_sub;

struct nc_bus_msg {
	/* As they lie in the message: its header block is found between them, so they are to stay
	 * what they were given. subject: of anybody's bytes but white space, a NUL among them.
	 * reply: NUL-terminated; empty if none. */
	struct nc_slice subject, reply, data;
	void *tag; /* of its subscription */
};

struct nc_bus_options {
	uv_loop_t *loop;
	const char *url;          /* comma-separated */
	const char *name;         /* of the connection, for people */
	const char *void_subject; /* one that the node may publish on and nobody listens to */
	/* Credentials; NULL or empty where not used. Files are read by nats.c. */
	const char *user, *password, *token, *nkey_file, *creds_file;
	const char *ca_file, *cert_file, *key_file;
	bool no_echo;   /* what it publishes does not come back to its own subscriptions */
	bool by_thread; /* take messages from nats.c's delivery thread where that could be spared */
	void (*on_message)(void *ctx, struct nc_bus_msg *msg);
	void (*on_drained)(void *ctx); /* all that had arrived has been given */
	/* The loop's turn ends: what is published now is written with the rest of it. NULL: nothing
	 * is. */
	void (*on_turn_end)(void *ctx);
	/* Connected, or not any more; `detail` is for people, without secrets. */
	void (*on_state)(void *ctx, bool connected, const char *detail);
	/* nats.c met an error that is not one of the connection's state: a permission, a slow
	 * consumer. */
	void (*on_error)(void *ctx, const char *detail);
	void *ctx;
};

/* Connect, beside the loop, and go on trying, one server after the other, each 250 ms when none is
 * there: on_state tells. Errors: NC_INVALID, the options cannot be used (a missing or bad file:
 * said through `fault`); NC_NOMEM; NC_IO, the system gives no random bytes (likewise).
 */
#define NC_BUS_FAULT_SIZE 256
int nc_bus_open(const struct nc_bus_options *options, struct nc_bus **bus_out,
                char fault[NC_BUS_FAULT_SIZE]);

/* Subscribe now, or when connected. `queue` NULL: plain. The subscription is the bus's. A subject
 * may lie in what two of a bus's subscriptions ask for: each gets it. Such messages, and those of
 * subscriptions beyond the first 128, take nats.c's way: in order among themselves. Errors:
 * NC_NOMEM. */
int nc_bus_subscribe(struct nc_bus *bus, const char *subject, const char *queue, void *tag);
/* Forget all subscriptions with this tag. */
void nc_bus_unsubscribe(struct nc_bus *bus, const void *tag);

/* Likewise a plain one, to be forgotten by itself; it is the bus's until then. Of many that come
 * and go none is looked for. NULL is a no-op. */
int nc_bus_subscribe_one(struct nc_bus *bus, const char *subject, void *tag,
                         struct nc_bus_sub **sub_out);
void nc_bus_unsubscribe_one(struct nc_bus *bus, struct nc_bus_sub *sub);
/* How many there are; one that was forgotten counts until nats.c has let go of it. */
size_t nc_bus_subscriptions(const struct nc_bus *bus);

/* Whether the server says by it that nobody listens (status 503). */
bool nc_bus_no_responders(const struct nc_bus_msg *msg);
/* Whether it has a status line of any kind, or a header "Status". */
bool nc_bus_has_status(const struct nc_bus_msg *msg);
/* The headers of a request in the order in which they came, at most `max`, each with its bytes as
 * they are but for blanks around the value; they live as long as the message. `count_out` beyond
 * max: there are more than that. Errors: NC_INVALID, they cannot be read. */
int nc_bus_headers(const struct nc_bus_msg *msg, struct nc_header *headers_out, size_t max,
                   size_t *count_out);

/* Publish `data`. `subject` and `reply` are NUL-terminated; reply may be NULL.
 * Errors: NC_TOOBIG, over the server's max_payload; NC_CLOSED, not connected; NC_IO. */
int nc_bus_publish(struct nc_bus *bus, const char *subject, const char *reply,
                   struct nc_slice data);

/* Publish a message with headers that are written out already: `message` is a header block
 * ("NATS/1.0 204 EOB\r\nName: value\r\n\r\n") of `header_size` bytes, then the data. nats.c 3.4.1
 * has neither a way to write a status line nor a cheap one to write headers; see ADR 0006.
 * `subject` holds no white space. */
int nc_bus_publish_block(struct nc_bus *bus, const char *subject, const char *reply,
                         struct nc_slice message, size_t header_size);

/* Send what is buffered, and wait until the server has it. */
int nc_bus_flush(struct nc_bus *bus, unsigned timeout_ms);

/* Bytes that wait to be sent. Any thread. */
size_t nc_bus_buffered(struct nc_bus *bus);

/* Wait, off the loop, until less than `size` bytes wait to be sent. Errors: NC_TIMEOUT. */
int nc_bus_wait_room(struct nc_bus *bus, size_t size, unsigned timeout_ms);

bool nc_bus_connected(struct nc_bus *bus);
/* The number of the present connection, from 1; 0: there is none. Between two messages that left
 * over different ones others may be missing. Any thread. */
uint64_t nc_bus_connection(struct nc_bus *bus);
/* Which server the present connection is to: its host, as the connection was made, and its id.
 * Errors: NC_CLOSED, there is none; NC_UNSUPPORTED, it was made with TLS, by its URL. The loop's.
 */
#define NC_BUS_HOST_SIZE      512u /* bytes with the NUL */
#define NC_BUS_SERVER_ID_SIZE 128u
int nc_bus_server(struct nc_bus *bus, char host_out[NC_BUS_HOST_SIZE],
                  char id_out[NC_BUS_SERVER_ID_SIZE]);
size_t nc_bus_max_payload(struct nc_bus *bus); /* bytes; 1 MiB until connected */

/* NULL is a no-op. Frees when the loop has run once more, and an attempt to connect that was under
 * way has come to its end: that lasts two seconds at the most, but for looking up the name. */
void nc_bus_close(struct nc_bus *bus);

#endif
