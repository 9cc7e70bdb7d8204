/* SPDX-License-Identifier: GPL-3.0-or-later */
/* spread_private.h -- what the files of shared subscriptions share. */
#ifndef NC_CORE_NODE_SPREAD_PRIVATE_H
#define NC_CORE_NODE_SPREAD_PRIVATE_H

#include "core/base/hashmap.h"
#include "core/delivery/sequence.h"
#include "core/node/service_private.h"
#include "core/node/spread.h"
#include "core/node/spread_call.h"
#include "transport/peer/peer.h"

#define NC_SPREAD_CALL_MS    2000u /* a peer has so long to answer */
#define NC_SPREAD_REPLY_SIZE 1024u /* bytes of a reply subject, with its NUL */
#define NC_SPREAD_RELAYS_MAX 4096u /* requests on their way to owners */

/* On the leader: a subscription that nodes share. */
struct nc_spread_row {
	char name[65];
	uint64_t epoch;
	struct nc_sub_owner owner;
	bool spreads; /* by its definition; else the leader is to have it back */
	bool acks_all;
	bool assigning; /* another owner is on its way through the log */
};

/* On the leader: a command on its way through the log, an owner's or our own. */
struct nc_spread_taken {
	struct nc_spread_taken *prev, *next;
	uint64_t from, call; /* 0: our own */
	char name[65];       /* of our own */
};

/* On an owner: a command that went to the leader. */
struct nc_spread_sent {
	struct nc_spread_sent *next;
	struct nc_spread *spread; /* NULL: stopped meanwhile */
	struct nc_ticket *ticket; /* NULL: nobody waits */
	char name[65];
	bool answered;
	uint64_t index;            /* of its entry, once answered */
	struct nc_outcome outcome; /* as it was told here, or the fault */
};

/* A renewal that was sent. */
struct nc_spread_renewal {
	struct nc_spread_renewal *next;
	struct nc_spread *spread; /* NULL: stopped meanwhile */
	uint64_t sent_ns;
};

/* On the leader: a request that is sent on. */
struct nc_spread_relay {
	struct nc_spread_relay *next;
	struct nc_spread *spread; /* NULL: stopped meanwhile */
	uint64_t until_ms;
	uint64_t applied; /* when it was taken up */
	uint64_t to;      /* asked; 0: waits for its owner to take the subscription up */
	enum nc_operation op;
	int endpoint;
	char name[65];
	size_t reply_size, body_size;
	char bytes[]; /* the reply subject with its NUL, the body */
};

struct nc_spread {
	struct nc_service *service;
	struct nc_peer *peer;
	struct nc_state_reader *reader;
	uint64_t self, boot;
	struct nc_buf body; /* being written */

	/* As an owner. */
	struct nc_lease lease;
	atomic_uint_fast64_t lease_until_ns; /* the same, for the readers */
	uint64_t applied, released, renewed_ns, ticked_ns;
	bool held, leaving;
	uint64_t numbers; /* of commands, given out */
	struct nc_spread_sent *sent;
	struct nc_spread_renewal *renewals;

	/* On every node: the membership as it was seen last, and since when. */
	uint64_t config_index, changed_ns;

	/* As the leader. */
	bool leads;
	struct nc_placement_view placement;
	uint64_t looked_ns;         /* when was last looked who is to own what */
	struct nc_spread_row *rows; /* [count] */
	uint32_t count, room;
	struct nc_hashmap names;
	struct nc_spread_taken *taken;
	struct nc_sequence sequence; /* of owners' commands */
	struct nc_spread_relay *relays, *relays_last;
	size_t relay_count;
};

/* The log knows commands that say who owns what. */
bool nc_spread_active(const struct nc_spread *spread);
/* The node that leads, as far as is known here; 0: none. */
uint64_t nc_spread_leader(const struct nc_spread *spread, uint64_t *term_out);
/* Send a call to a node; errors as nc_peer_request()'s: then `fn` is not called. */
int nc_spread_ask(struct nc_spread *spread, uint64_t node, const struct nc_spread_call *call,
                  void (*fn)(void *ctx, int err, struct nc_slice body), void *ctx);

/* spread_renew.c */
void nc_spread_renew(struct nc_spread *spread, uint64_t now_ns);
void nc_spread_take_renewal(struct nc_spread *spread, uint64_t from, uint64_t call,
                            const struct nc_placement_renewal *renewal, uint64_t sent_ns);
/* Look at the membership, on every node: who leads one day must know since when it has been so. */
void nc_spread_members(struct nc_spread *spread, uint64_t now_ns);
/* The leader: keep up with it, and with what is committed. */
void nc_spread_voters(struct nc_spread *spread, bool begin, uint64_t now_ns);

/* spread_table.c */
struct nc_spread_row *nc_spread_find(const struct nc_spread *spread, struct nc_slice name);
int nc_spread_table_load(struct nc_spread *spread);
void nc_spread_table_clear(struct nc_spread *spread);
/* Read the row of this name again. */
int nc_spread_table_update(struct nc_spread *spread, struct nc_slice name);
void nc_spread_assign(struct nc_spread *spread, uint64_t now_ns);
/* Leading: put one that is ours into a new epoch, still ours. NC_NOTFOUND, NC_BUSY. */
int nc_spread_keep(struct nc_spread *spread, struct nc_slice name);

/* spread_forward.c */
void nc_spread_take_command(struct nc_spread *spread, uint64_t from, uint64_t call,
                            const struct nc_spread_call *command);
struct nc_spread_taken *nc_spread_taken_new(struct nc_spread *spread);
void nc_spread_taken_free(struct nc_spread *spread, struct nc_spread_taken *taken);
/* What was told is kept for who sent the command. */
void nc_spread_sent_told(struct nc_spread *spread, const struct nc_outcome *outcome);
void nc_spread_sent_applied(struct nc_spread *spread);
void nc_spread_sent_detach(struct nc_spread *spread);

/* spread_relay.c */
int nc_spread_take_request(struct nc_spread *spread, const struct nc_spread_call *request);
void nc_spread_relays_step(struct nc_spread *spread);
void nc_spread_relays_drop(struct nc_spread *spread);

#endif
