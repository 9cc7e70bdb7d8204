/* SPDX-License-Identifier: GPL-3.0-or-later */
/* spread_private.h -- what the files of shared subscriptions share. */
#ifndef NC_CORE_NODE_SPREAD_SPREAD_PRIVATE_H
#define NC_CORE_NODE_SPREAD_SPREAD_PRIVATE_H

#include "core/base/hashmap.h"
#include "core/delivery/sequence.h"
#include "core/node/common/retry.h"
#include "core/node/service/service_private.h"
#include "core/node/spread/lives.h"
#include "core/node/spread/pasts.h"
#include "core/node/spread/spread.h"
#include "core/node/spread/spread_call.h"
#include "transport/peer/peer.h"

#define NC_SPREAD_CALL_MS          2000u /* a peer has so long to answer */
#define NC_SPREAD_REPLY_SIZE       1024u /* bytes of a reply subject, with its NUL */
/* Requests on their way to owners, and bytes of them: a request may be as large as a message, and
 * of those 4,096 would be gigabytes. */
#define NC_SPREAD_RELAYS_MAX       4096u
#define NC_SPREAD_RELAYS_BYTES_MAX (16u << 20)

/* A subscription that nodes share. */
struct nc_spread_row {
	char name[NC_WORD_SIZE_MAX + 1], plugin[NC_WORD_SIZE_MAX + 1]; /* of its filter */
	uint64_t epoch;
	struct nc_sub_owner owner;
	bool spreads; /* by its definition; else the leader is to have it back */
	bool acks_all;
	uint64_t since;      /* the entry by which it became so, or a later one */
	uint64_t changed_ns; /* when we were told */
	/* On the leader. */
	uint64_t listens_ns; /* its owner has listened since then, or longer; 0: not known */
	bool assigning;      /* another owner is on its way through the log */
	bool yielded;        /* its owner has said what it has for the log, or cannot */
	uint64_t yield_ns;   /* it is waited for until then; 0: it was not asked */
};

/* On the leader: a command on its way through the log, an owner's or our own. */
struct nc_spread_taken {
	struct nc_spread_taken *prev, *next;
	uint64_t from, call;             /* 0: our own */
	char name[NC_WORD_SIZE_MAX + 1]; /* of our own */
};

/* On an owner: a command that went to the leader. */
struct nc_spread_sent {
	struct nc_spread_sent *next;
	struct nc_spread *spread; /* NULL: stopped meanwhile */
	struct nc_ticket *ticket; /* NULL: nobody waits */
	char name[NC_WORD_SIZE_MAX + 1];
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

/* A transient subscription of the leader's, on another node. */
struct nc_spread_transient {
	char name[NC_WORD_SIZE_MAX + 1];
	uint64_t holder;
};

/* On the leader: in which of its lives a node was told all that is held; 0: it is to be told. */
struct nc_spread_hearer {
	uint64_t number, epoch;
	uint64_t again_ns; /* not before */
};

struct nc_spread_telling;
struct nc_spread_yield;
struct nc_spread_yielding;
struct nc_spread_surveyed;
struct nc_spread_ack;
struct nc_spread_asking;

/* On the leader: a request that is sent on. */
struct nc_spread_relay {
	struct nc_spread_relay *next;
	struct nc_spread *spread; /* NULL: stopped meanwhile */
	uint64_t until_ms;
	uint64_t applied; /* when it was taken up */
	uint64_t to; /* asked; 0: waits for its owner to take the subscription up, until a retry */
	uint64_t boot; /* of whom was asked */
	struct nc_retry retry;
	enum nc_operation op;
	int endpoint;
	char name[NC_WORD_SIZE_MAX + 1];
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
	struct nc_spread_yielding *yielding;
	struct nc_spread_surveyed *surveyed; /* who wait until what they know is applied here */
	size_t surveyed_count;
	uint64_t leave_ns; /* it leaves, at the latest then; 0: it does not */

	/* On every node: the membership as it was seen last, and since when; and all that is
	 * shared: where there is nothing, nobody says anything. */
	uint64_t config_index, changed_ns;
	struct nc_spread_row *rows; /* [count] */
	uint32_t count;
	size_t room;
	struct nc_hashmap names;
	bool quiet;

	/* Of the leader's transient subscriptions (spread_transient.c). */
	struct nc_spread_transient *transients; /* [transient_count]: those of others */
	uint32_t transient_count;
	size_t transient_room;
	struct nc_hashmap transient_names;
	uint64_t seen_leader, seen_ns; /* who leads, and since when we know */
	struct nc_spread_hearer hearers[NC_RAFT_MEMBERS_MAX];
	struct nc_spread_telling *tellings;

	/* As the leader. */
	bool leads;
	struct nc_placement_view placement;
	uint64_t looked_ns; /* when was last looked who is to own what */
	struct nc_spread_taken *taken;
	struct nc_sequence sequence; /* of owners' commands */
	struct nc_spread_relay *relays, *relays_last;
	size_t relay_count, relay_bytes;
	struct nc_spread_yield *yields;
	size_t yield_count;
	struct nc_survey *surveys;
	size_t survey_count;
	struct nc_spread_ack *acks, **acks_end; /* kept, as they came */
	size_t ack_count, ack_bytes;
	uint64_t acks_ns;     /* when was last looked what becomes of them */
	uint64_t unshared_ns; /* when something was last shared no more */
	struct nc_spread_asking *asking;

	/* Of the other nodes, on every node (spread_heard.c). */
	struct nc_lives lives;
	struct nc_pasts pasts;
};

/* The log knows commands that say who owns what. */
bool nc_spread_active(const struct nc_spread *spread);
/* Send a call to a node; errors as nc_peer_request()'s: then `fn` is not called. */
int nc_spread_ask(struct nc_spread *spread, uint64_t node, const struct nc_spread_call *call,
                  void (*fn)(void *ctx, int err, struct nc_slice body), void *ctx);
/* Likewise, with another time to answer than NC_SPREAD_CALL_MS. */
int nc_spread_ask_within(struct nc_spread *spread, uint64_t node, const struct nc_spread_call *call,
                         unsigned timeout_ms, void (*fn)(void *ctx, int err, struct nc_slice body),
                         void *ctx);

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

/* spread_yield.c: the leader; whether to wait with a move of it until its owner has said what it
 * has for the log. */
bool nc_spread_yields_first(struct nc_spread *spread, struct nc_spread_row *row, uint64_t now_ns);
void nc_spread_take_yield(struct nc_spread *spread, uint64_t from, uint64_t call,
                          const struct nc_spread_call *asked);
void nc_spread_yields_step(struct nc_spread *spread);
void nc_spread_yields_drop(struct nc_spread *spread);

/* spread_survey.c */
void nc_spread_take_survey(struct nc_spread *spread, uint64_t from, uint64_t call,
                           const struct nc_spread_call *asked);
/* Something was applied, or time has passed. */
void nc_spread_surveys_step(struct nc_spread *spread);
/* The leader's: it leads no more. And all. */
void nc_spread_surveys_end(struct nc_spread *spread);
void nc_spread_surveys_drop(struct nc_spread *spread);

/* spread_relay.c */
void nc_spread_take_request(struct nc_spread *spread, uint64_t from, uint64_t call,
                            const struct nc_spread_call *request);
void nc_spread_relays_step(struct nc_spread *spread);
/* Something became of the subscription, and its row says what: requests for it are tried now. */
void nc_spread_relays_hurry(struct nc_spread *spread, struct nc_slice name);
void nc_spread_relays_end(struct nc_spread *spread); /* it leads no more */
void nc_spread_relays_drop(struct nc_spread *spread);

/* spread_heard.c: on every node. Which of the other members lives, and lived; who has had the
 * subscription of this row until now. */
void nc_spread_note_lives(struct nc_spread *spread, uint64_t now_ns);
/* We lead from now on. */
void nc_spread_await_lives(struct nc_spread *spread, uint64_t now_ns);
void nc_spread_note_past(struct nc_spread *spread, const struct nc_spread_row *row);
/* Say which of these this node has answered. */
void nc_spread_take_answered(struct nc_spread *spread, uint64_t from, uint64_t call,
                             const struct nc_spread_call *asked);

/* spread_acks.c */
void nc_spread_acks_step(struct nc_spread *spread, uint64_t now_ns);
void nc_spread_acks_drop(struct nc_spread *spread);

/* spread_transient.c. Errors: NC_NOMEM. */
int nc_spread_take_transient(struct nc_spread *spread, uint64_t from,
                             const struct nc_spread_call *told);
void nc_spread_transient_lead(struct nc_spread *spread);
void nc_spread_transient_step_down(struct nc_spread *spread); /* before it does */
void nc_spread_transient_tick(struct nc_spread *spread, uint64_t now_ns);
void nc_spread_transient_drop(struct nc_spread *spread);

#endif
