/* SPDX-License-Identifier: GPL-3.0-or-later */
/* spread_private.h -- shared subscriptions as their files share them, and what each file does for
 * the others. Calls that only a leader or only an owner makes say so; so do the members of
 * `struct nc_spread`.
 *
 * What is asked of another node is a struct of its own, in a list of nc_spread. It outlives the
 * nc_spread, until the answer or the timeout comes: its `spread` is then NULL.
 *
 * Threads:   the loop's, but for lease_until_ns, which readers look at.
 * Ownership: an nc_spread owns its rows, lists and buffers; what is asked frees itself. Slices
 *            given to a call are borrowed until it returns.
 */
#ifndef NC_CORE_NODE_SPREAD_SPREAD_PRIVATE_H
#define NC_CORE_NODE_SPREAD_SPREAD_PRIVATE_H

#include "core/base/fifo.h"
#include "core/base/hashmap.h"
#include "core/delivery/sequence.h"
#include "core/node/common/retry.h"
#include "core/node/service/service_private.h"
#include "core/node/spread/hearers.h"
#include "core/node/spread/lives.h"
#include "core/node/spread/pasts.h"
#include "core/node/spread/spread.h"
#include "core/node/spread/spread_call.h"
#include "transport/peer/peer.h"

#define NC_SPREAD_CALL_MS          2000u /* how long a peer may take to answer */
/* How many requests may be on their way to owners, and how large they may be together: one may be
 * as large as a message, and 4,096 of those would be gigabytes. */
#define NC_SPREAD_RELAYS_MAX       4096u
#define NC_SPREAD_RELAYS_BYTES_MAX (16u << 20)

/* A shared subscription. */
struct nc_spread_row {
	char name[NC_WORD_SIZE_MAX + 1], plugin[NC_WORD_SIZE_MAX + 1]; /* of its filter */
	uint64_t epoch;
	struct nc_sub_owner owner;
	bool spreads;        /* by its definition; if not, it is to go back to the leader */
	bool acks_all;       /* an acknowledgement in a batch counts for all before it */
	uint64_t since;      /* the entry that gave it to this owner, or a later one */
	uint64_t changed_ns; /* when this node was told of that */
	/* On the leader. */
	uint64_t listens_ns; /* its owner listens since then, or for longer; 0: not known */
	bool assigning;      /* another owner is on its way through the log */
	bool yielded;        /* its owner has put everything into the log, or cannot */
	uint64_t yield_ns;   /* how long that is waited for; 0: the owner was not asked */
};

/* On the leader: a command on its way through the log, an owner's or its own. */
struct nc_spread_taken {
	struct nc_spread_taken *prev, *next;
	uint64_t from, call;             /* 0: our own */
	char name[NC_WORD_SIZE_MAX + 1]; /* of our own */
};

/* On an owner: a command that went to the leader. Like other questions to peers it outlives the
 * nc_spread, until the answer or the timeout comes. */
struct nc_spread_sent {
	struct nc_spread_sent *next;
	struct nc_spread *spread; /* NULL: it was stopped meanwhile */
	struct nc_ticket *ticket; /* NULL: nobody waits */
	char name[NC_WORD_SIZE_MAX + 1];
	bool answered;
	uint64_t index;            /* once answered: of its entry */
	struct nc_outcome outcome; /* as it was told here, or the fault */
};

/* A renewal that was sent to the leader. */
struct nc_spread_renewal {
	struct nc_spread_renewal *next;
	struct nc_spread *spread; /* NULL: stopped meanwhile */
	uint64_t sent_ns;
};

/* On the other nodes: a transient subscription, and which node holds it. */
struct nc_spread_transient {
	char name[NC_WORD_SIZE_MAX + 1];
	uint64_t holder;
};

struct nc_spread_flight;
struct nc_spread_asking_flight;
struct nc_spread_word;
struct nc_spread_telling;
struct nc_spread_yield;
struct nc_spread_yielding;
struct nc_spread_surveyed;
struct nc_spread_ack;
struct nc_spread_asking;

/* On the leader: a request that is sent on to an owner. */
struct nc_spread_relay {
	struct nc_fifo_link link;
	struct nc_spread *spread; /* NULL: stopped meanwhile */
	uint64_t until_ms;
	uint64_t applied; /* where the log was when the request was taken up */
	uint64_t to;      /* the node that was asked; 0: none, it waits for its next try */
	uint64_t boot;    /* the life of that node */
	struct nc_retry retry;
	enum nc_operation op;
	int endpoint;
	char name[NC_WORD_SIZE_MAX + 1];
	size_t reply_size, body_size;
	char bytes[]; /* the reply subject with its NUL, the body */
};

/* On the leader: batches that wait for an owner's word on what they acknowledge. */
struct nc_spread_flights {
	struct nc_fifo waiting;
	size_t bytes;
	struct nc_spread_asking_flight *askings; /* questions under way */
	uint64_t numbers;                        /* of batches and questions, given out */
};

struct nc_spread {
	struct nc_service *service;
	struct nc_peer *peer;
	struct nc_state_reader *reader;
	uint64_t self, boot;
	struct nc_buf body; /* of the message that is being written */

	/* As an owner. */
	struct nc_lease lease;
	atomic_uint_fast64_t lease_until_ns; /* lease.until_ns, for the readers' threads */
	uint64_t applied;                    /* the entry up to which outcomes were told */
	uint64_t released;   /* the entry up to which what was taken from this node was let go */
	uint64_t renewed_ns; /* when it last sent a renewal */
	uint64_t ticked_ns;
	bool leaving;
	uint64_t numbers;            /* of commands: the last one given out */
	struct nc_spread_sent *sent; /* commands that the leader has, or this node waits for */
	struct nc_spread_renewal *renewals;  /* under way */
	struct nc_spread_yielding *yielding; /* the leader's requests to yield, not answered yet */
	struct nc_spread_surveyed *surveyed; /* surveys that wait until their entry is applied */
	size_t surveyed_count;
	struct nc_spread_word *words; /* the leader's questions about deliveries */
	uint64_t echoes;              /* messages to itself, for these: the last one's number */
	uint64_t leave_ns;            /* when it leaves at the latest; 0: it does not leave */

	/* On every node: the membership that was seen last, and since when; the shared
	 * subscriptions. `quiet`: there are none, so nobody renews anything. */
	uint64_t config_index, changed_ns;
	struct nc_spread_row *rows; /* [count] */
	uint32_t count;
	size_t room;
	struct nc_hashmap names;
	bool quiet;

	/* The leader's transient subscriptions (spread_transient.c). */
	struct nc_spread_transient *transients; /* [transient_count], those that other nodes hold */
	uint32_t transient_count;
	size_t transient_room;
	struct nc_hashmap transient_names;
	uint64_t seen_leader, seen_ns; /* who leads, and since when that is known */
	struct nc_hearers hearers;
	struct nc_spread_telling *tellings; /* messages about them, under way */

	/* As the leader. */
	bool leads;
	struct nc_placement_view placement;
	uint64_t looked_ns; /* when owners were last assigned */
	struct nc_spread_taken *taken;
	struct nc_sequence sequence; /* of owners' commands */
	struct nc_fifo relays;
	size_t relay_bytes;
	struct nc_spread_flights flights;
	struct nc_spread_yield *yields;
	size_t yield_count;
	struct nc_survey *surveys;
	size_t survey_count;
	struct nc_spread_ack *acks, **acks_end; /* that are kept, in the order they came */
	size_t ack_count, ack_bytes;
	uint64_t acks_ns;     /* when they were last looked at */
	uint64_t unshared_ns; /* when a subscription last ceased to be shared */
	struct nc_spread_asking *asking;

	/* On every node: what is known of the others (spread_heard.c). */
	struct nc_lives lives;
	struct nc_pasts pasts;
};

/* Whether the engine's version has commands that assign owners. */
bool nc_spread_active(const struct nc_spread *spread);
/* A call to a node, and who hears what it answers. */
struct nc_spread_question {
	uint64_t to;
	unsigned timeout_ms; /* 0: NC_SPREAD_CALL_MS */
	void (*fn)(void *ctx, int err, struct nc_slice body);
	void *ctx;
};
/* Send a call to a node. Errors: those of nc_peer_request(); then `fn` is not called. */
int nc_spread_ask(struct nc_spread *spread, const struct nc_spread_question *question,
                  const struct nc_spread_call *call);

/* ---- Leases (spread_renew.c) ---------------------------------------------------------------- */

/* As an owner: ask the leader for a lease. */
void nc_spread_renew(struct nc_spread *spread, uint64_t now_ns);
void nc_spread_take_renewal(struct nc_spread *spread, uint64_t from, uint64_t call,
                            const struct nc_placement_renewal *renewal, uint64_t sent_ns);
/* Note when the membership changes. On every node, since one that comes to lead must know since
 * when it has been as it is. */
void nc_spread_members(struct nc_spread *spread, uint64_t now_ns);
/* As the leader: tell `placement` of the voters and of the commit, when it begins to lead, or to
 * share what there is; and after that, time and again. */
void nc_spread_voters_begin(struct nc_spread *spread, uint64_t now_ns);
void nc_spread_voters_tell(struct nc_spread *spread, uint64_t now_ns);

/* ---- Who owns what (spread_table.c) --------------------------------------------------------- */

/* NULL: the subscription is not shared. */
struct nc_spread_row *nc_spread_find(const struct nc_spread *spread, struct nc_slice name);
/* Read all rows from the state. Errors, here and below: NC_NOMEM; those of the state. */
int nc_spread_table_load(struct nc_spread *spread);
void nc_spread_table_clear(struct nc_spread *spread);
/* Read the row of this name again. */
int nc_spread_table_update(struct nc_spread *spread, struct nc_slice name);
/* As the leader: propose owners for subscriptions that need another. */
void nc_spread_assign(struct nc_spread *spread, uint64_t now_ns);
/* As the leader: propose a new epoch of a subscription that this node owns and goes on to own.
 * Errors: NC_NOTFOUND; NC_BUSY. */
int nc_spread_keep(struct nc_spread *spread, struct nc_slice name);

/* ---- Commands of owners (spread_forward.c) -------------------------------------------------- */
void nc_spread_take_command(struct nc_spread *spread, uint64_t from, uint64_t call,
                            const struct nc_spread_call *command);
struct nc_spread_taken *nc_spread_taken_new(struct nc_spread *spread);
void nc_spread_taken_free(struct nc_spread *spread, struct nc_spread_taken *taken);
/* An outcome was told here: keep it if a command that was sent may wait for it. */
void nc_spread_sent_told(struct nc_spread *spread, const struct nc_outcome *outcome);
void nc_spread_sent_applied(struct nc_spread *spread);
void nc_spread_sent_detach(struct nc_spread *spread);

/* ---- Before a subscription moves (spread_yield.c) ------------------------------------------- */

/* As the leader: whether a move has to wait until the owner has put everything into the log; if the
 * owner was not asked for that, it is asked now. */
bool nc_spread_yields_first(struct nc_spread *spread, struct nc_spread_row *row, uint64_t now_ns);
void nc_spread_take_yield(struct nc_spread *spread, uint64_t from, uint64_t call,
                          const struct nc_spread_call *asked);
void nc_spread_yields_step(struct nc_spread *spread);
void nc_spread_yields_drop(struct nc_spread *spread);

/* ---- Where subscriptions stand (spread_survey.c) -------------------------------------------- */
void nc_spread_take_survey(struct nc_spread *spread, uint64_t from, uint64_t call,
                           const struct nc_spread_call *asked);
/* Something was applied, or time has passed. */
void nc_spread_surveys_step(struct nc_spread *spread);
/* End the leader's surveys, since it leads no more; drop all, others' too. */
void nc_spread_surveys_end(struct nc_spread *spread);
void nc_spread_surveys_drop(struct nc_spread *spread);

/* ---- Requests that are sent on (spread_relay.c) --------------------------------------------- */
void nc_spread_take_request(struct nc_spread *spread, uint64_t from, uint64_t call,
                            const struct nc_spread_call *request);
void nc_spread_relays_step(struct nc_spread *spread);
/* The row of this subscription has changed: try the requests for it again now. */
void nc_spread_relays_hurry(struct nc_spread *spread, struct nc_slice name);
void nc_spread_relays_end(struct nc_spread *spread); /* this node leads no more */
void nc_spread_relays_drop(struct nc_spread *spread);

/* ---- Batches that acknowledge (spread_flight.c, spread_word.c) ------------------------------- */

/* As the leader: time has passed; the row of this subscription has changed, so ask anew; this node
 * leads no more, so refuse them. */
void nc_spread_flights_step(struct nc_spread *spread);
void nc_spread_flights_hurry(struct nc_spread *spread, struct nc_slice name);
void nc_spread_flights_end(struct nc_spread *spread);
void nc_spread_flights_drop(struct nc_spread *spread);
/* As an owner; the second call: something was applied, or time has passed. */
void nc_spread_take_flight(struct nc_spread *spread, uint64_t from, uint64_t call,
                           const struct nc_spread_call *asked);
void nc_spread_words_step(struct nc_spread *spread);
void nc_spread_words_drop(struct nc_spread *spread);

/* ---- What other nodes may have heard (spread_heard.c) --------------------------------------- */

/* On every node: note which of the other members live. */
void nc_spread_note_lives(struct nc_spread *spread, uint64_t now_ns);
/* This node leads from now on: it has to hear of the others first. */
void nc_spread_await_lives(struct nc_spread *spread, uint64_t now_ns);
/* The owner of this row owns it no more. */
void nc_spread_note_past(struct nc_spread *spread, const struct nc_spread_row *row);
/* Answer the leader, which asks which of some acknowledgements this node answers. */
void nc_spread_take_answered(struct nc_spread *spread, uint64_t from, uint64_t call,
                             const struct nc_spread_call *asked);

/* ---- Acknowledgements that the leader keeps (spread_acks.c) --------------------------------- */

void nc_spread_acks_step(struct nc_spread *spread, uint64_t now_ns);
void nc_spread_acks_drop(struct nc_spread *spread);

/* ---- Transient subscriptions (spread_transient.c) ------------------------------------------- */

/* Errors: NC_NOMEM. */
int nc_spread_take_transient(struct nc_spread *spread, uint64_t from,
                             const struct nc_spread_call *told);
void nc_spread_transient_lead(struct nc_spread *spread);
void nc_spread_transient_step_down(struct nc_spread *spread); /* before it does */
void nc_spread_transient_tick(struct nc_spread *spread, uint64_t now_ns);
void nc_spread_transient_drop(struct nc_spread *spread);

#endif
