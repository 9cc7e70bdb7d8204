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
	/* Slices into the message. Do not change them: nc_bus_headers() finds the header block by
	 * where they lie. `subject` may hold any byte but white space, NUL included. `reply` is
	 * NUL-terminated, and empty if the sender wants no reply. */
	struct nc_slice subject, reply, data;
	void *tag; /* the one given when its subscription was made */
};

struct nc_bus_options {
	uv_loop_t *loop;
	const char *url;  /* comma-separated */
	const char *name; /* shown to people who list the server's connections */
	/* a subject that the node may publish on and that nobody listens to */
	const char *void_subject;
	/* Credentials; NULL or empty where not used. Files are read by nats.c. */
	const char *user, *password, *token, *nkey_file, *creds_file;
	const char *ca_file, *cert_file, *key_file;
	bool no_echo; /* do not deliver what this connection publishes to its own subscriptions */
	/* take every message from nats.c's delivery thread, even where that is not necessary */
	bool by_thread;
	void (*on_message)(void *ctx, struct nc_bus_msg *msg);
	/* every message that had arrived has been passed to on_message */
	void (*on_drained)(void *ctx);
	/* The loop's turn ends. What is published here goes out in the same write as the rest of
	 * the turn. May be NULL. */
	void (*on_turn_end)(void *ctx);
	/* The connection was made or lost. `detail` is for people and holds no secrets. */
	void (*on_state)(void *ctx, bool connected, const char *detail);
	/* nats.c met an error that does not end the connection, such as a missing permission or a
	 * slow consumer. */
	void (*on_error)(void *ctx, const char *detail);
	void *ctx;
};

/* Start to connect in the background. The servers of `url` are tried one after the other, and all
 * of them again every 250 ms while none answers; on_state tells when one does. Errors: NC_INVALID,
 * the options cannot be used, such as a missing or bad file; NC_NOMEM; NC_IO, the system gives no
 * random bytes. `fault` then holds the reason, but for NC_NOMEM. */
#define NC_BUS_FAULT_SIZE 256
int nc_bus_open(const struct nc_bus_options *options, struct nc_bus **bus_out,
                char fault[NC_BUS_FAULT_SIZE]);

/* Subscribe now, or as soon as there is a connection; `queue` is a queue group or NULL. The bus
 * owns the subscription. If a subject matches two subscriptions of a bus, each gets the message.
 * Such messages, and those of subscriptions beyond the first 128, come through nats.c's delivery
 * thread: they are in order among themselves only. Errors: NC_NOMEM. */
int nc_bus_subscribe(struct nc_bus *bus, const char *subject, const char *queue, void *tag);
/* End all subscriptions that were made with this tag. */
void nc_bus_unsubscribe(struct nc_bus *bus, const void *tag);
/* The same, but for what the server has sent already, or is about to: that is given still, until
 * the server has said that no more comes, or for NC_BUS_PART_MS. Of a queue group's messages nobody
 * else gets those. */
#define NC_BUS_PART_MS 1000
void nc_bus_part(struct nc_bus *bus, const void *tag);
/* Whether anything may come yet of what was parted with. */
bool nc_bus_parting(const struct nc_bus *bus);

/* The same without a queue group, for subscriptions that come and go: each is ended by its pointer,
 * without a search. The bus owns it until then. Ending NULL is a no-op. */
int nc_bus_subscribe_one(struct nc_bus *bus, const char *subject, void *tag,
                         struct nc_bus_sub **sub_out);
void nc_bus_unsubscribe_one(struct nc_bus *bus, struct nc_bus_sub *sub);
/* The number of subscriptions. One that was ended counts until nats.c has released it. */
size_t nc_bus_subscriptions(const struct nc_bus *bus);

/* Whether the message is the server's answer that nobody listens (status 503). */
bool nc_bus_no_responders(const struct nc_bus_msg *msg);
/* Whether the message has any status line, or a header named "Status". */
bool nc_bus_has_status(const struct nc_bus_msg *msg);
/* Read the headers of a message, at most `max`, in the order in which they came. Blanks around a
 * value are left out; all else is as it was sent. They live as long as the message. A `*count_out`
 * above `max` says that there are more. Errors: NC_INVALID, the header block is malformed. */
int nc_bus_headers(const struct nc_bus_msg *msg, struct nc_header *headers_out, size_t max,
                   size_t *count_out);

/* Publish `data`. `subject` and `reply` are NUL-terminated; reply may be NULL.
 * Errors: NC_TOOBIG, over the server's max_payload; NC_CLOSED, not connected; NC_IO. */
int nc_bus_publish(struct nc_bus *bus, const char *subject, const char *reply,
                   struct nc_slice data);

/* Publish a message with headers that are written out already: `message` is a header block
 * ("NATS/1.0 204 EOB\r\nName: value\r\n\r\n") of `header_size` bytes, then the data. nats.c 3.4.1
 * has neither a way to write a status line nor a cheap one to write headers (decision 0006).
 * `subject` holds no white space. */
int nc_bus_publish_block(struct nc_bus *bus, const char *subject, const char *reply,
                         struct nc_slice message, size_t header_size);

/* Send what is buffered, and wait until the server has received it. */
int nc_bus_flush(struct nc_bus *bus, unsigned timeout_ms);

/* The number of bytes that wait to be sent. Any thread. */
size_t nc_bus_buffered(struct nc_bus *bus);

/* Block until less than `size` bytes wait to be sent; not from the loop's thread. Errors:
 * NC_TIMEOUT. */
int nc_bus_wait_room(struct nc_bus *bus, size_t size, unsigned timeout_ms);

bool nc_bus_connected(struct nc_bus *bus);
/* The number of the present connection, counted from 1, or 0 while there is none. If two messages
 * were sent under different numbers, messages sent between them may be lost. Any thread. */
uint64_t nc_bus_connection(struct nc_bus *bus);
/* Which server the present connection is to: its host, as the connection was made, and its id.
 * Errors: NC_CLOSED, there is none; NC_UNSUPPORTED, it was made with TLS, by its URL. The loop's.
 */
#define NC_BUS_HOST_SIZE      512u /* bytes with the NUL */
#define NC_BUS_SERVER_ID_SIZE 128u
int nc_bus_server(struct nc_bus *bus, char host_out[NC_BUS_HOST_SIZE],
                  char id_out[NC_BUS_SERVER_ID_SIZE]);
/* Whether the server that the present connection is to takes no message of `size` bytes. False
 * while there is no connection. Any thread. */
bool nc_bus_too_large(struct nc_bus *bus, size_t size);
size_t nc_bus_max_payload(struct nc_bus *bus); /* bytes; 1 MiB until connected */

/* Close the bus; NULL is a no-op. It is freed once the loop has run again and any attempt to
 * connect that was under way has ended, which takes two seconds at most, apart from looking up the
 * name. */
void nc_bus_close(struct nc_bus *bus);

#endif
