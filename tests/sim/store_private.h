/* SPDX-License-Identifier: GPL-3.0-or-later */
/* store_private.h -- what stands on consensus in the simulator: on each node real core/engine over
 * the state in memory, and real core/delivery for what it runs, because it leads or by a lease;
 * around them clients, consumers, and a model of the store, which judges each committed command
 * once. What the engines say on every node, what clients are told and what consumers are given is
 * held against the model.
 *
 * An entry's payload (struct sim_entry) is a number; here it names a list of commands and their
 * bytes. Names are numbers, too: stream 3 is "s.3", type 2 is "T2", tags are "group:N" and
 * "seat:N".
 */
#ifndef NC_TESTS_SIM_STORE_PRIVATE_H
#define NC_TESTS_SIM_STORE_PRIVATE_H

#include "core/delivery/placement.h"
#include "core/delivery/router.h"
#include "core/delivery/sequence.h"
#include "core/delivery/subscription.h"
#include "core/engine/engine.h"
#include "core/engine/progress.h"
#include "core/engine/query.h"
#include "core/engine/subs.h"
#include "tests/sim/sim_private.h"
#include "tests/sim/store_spread_private.h"

#define STORE_STREAMS       8u
#define STORE_TYPES         4u
#define STORE_TYPE_SEAT     3u /* the type that only takers of seats use */
#define STORE_GROUPS        5u
#define STORE_SEATS         4096u
#define STORE_PARTS_MAX     4u /* events of one batch */
#define STORE_SUBS          6u
#define STORE_CLIENTS       8u
#define STORE_MESSAGE_MAX   16u /* events packed into a message */
#define STORE_SNAPS_MAX     8u  /* of a stream */
#define STORE_UNHEARD_MAX   32u
#define STORE_SENT_MAX      32u  /* commands of an owner on their way */
#define STORE_FULL_CHECK    128u /* entries between two comparisons of the whole state */
/* Of a cluster that is whole again each share runs within this. */
#define STORE_SHARE_RUNS_US (10 * SIM_S)
#define STORE_NO_POSITION   UINT64_MAX

/* ---- Commands -------------------------------------------------------------------------------- */

struct store_event {
	uint8_t stream, type;
	uint16_t group, seat; /* tags; 0: none */
	struct nc_expect expect;
	uint64_t id; /* 0: none */
	uint64_t op;
	uint8_t part; /* of the operation: its content is a function of both */
};

struct store_item {
	bool typed;
	uint8_t type;
	uint16_t group, seat;
};

/* A definition of a subscription, as far as the simulator varies it. */
struct store_policy {
	uint8_t filter; /* 0: all; 1: a stream; 2: a type */
	uint8_t what;
	uint8_t order, ack, on_exhausted; /* of core/delivery */
	bool push, spreads;
	bool packed; /* of push, with ack all and none */
	uint32_t max_deliver, max_in_flight, ack_wait_ms, backoff_ms;
};

enum store_kind {
	STORE_APPEND,
	STORE_BATCH,
	STORE_VERSION,
	STORE_CREATE,
	STORE_DELETE,
	STORE_SEEK,
	STORE_SAVE,
	STORE_PLACE, /* a SAVE with another placement */
	STORE_OWN,
	STORE_SNAP_PUT,
	STORE_SNAP_DELETE,
	STORE_STREAM_DELETE,
	STORE_STREAM_META
};

struct store_command {
	uint8_t kind; /* enum store_kind */
	struct nc_buf bytes;
	/* APPEND, BATCH */
	uint8_t part_count, check_count, item_count;
	struct store_event parts[STORE_PARTS_MAX];
	struct nc_expect check;
	uint8_t check_stream;
	struct store_item item;
	uint64_t after;
	bool acks;                   /* a delivery: of `sub`, `epoch` */
	bool stale, through, replay; /* as the leader knows it; as in struct nc_batch_ack */
	uint64_t acks_position;
	/* Events before it that were delivered and met nobody: `through` is not about these. */
	uint64_t unheard[STORE_UNHEARD_MAX];
	uint8_t unheard_count;
	/* CREATE, DELETE, SAVE; of PLACE the policy's placement */
	uint8_t sub;
	struct store_policy policy;
	uint8_t start; /* enum nc_sub_start */
	uint64_t start_value;
	uint64_t epoch;
	struct nc_buf parked, unparked; /* packed; of SAVE */
	struct nc_sub_progress progress;
	struct nc_buf progress_bytes;
	/* SNAP_PUT, SNAP_DELETE; of a put `snap_from` is the version */
	uint8_t snap_stream;
	uint64_t snap_from, snap_before, keep;
	/* STREAM_DELETE, STREAM_META: what is asked; it expects `check`. */
	struct nc_stream_change change;
	uint8_t changed; /* the stream */
	/* Who asked. */
	uint64_t op; /* of a client; 0: none */
	uint32_t slot, life;
	uint64_t number;           /* of the progress, of SAVE */
	struct nc_sub_owner owner; /* of OWN */
	uint64_t owner_asks;       /* the node that sent it to the leader; 0: none */
	bool answered;
	/* What it must come to: known when it is committed. */
	bool judged;
	struct nc_fault fault;
	bool duplicate;
	uint64_t position, version, made_epoch, cursor;
	struct nc_floor floor;
	uint64_t positions[STORE_PARTS_MAX];
	uint64_t removed; /* snapshots */
	bool unkept;
	uint64_t first; /* version of the stream that was changed that is seen */
	enum nc_stream_state state;
};

struct store_payload { /* of an entry */
	struct nc_buf bytes;
	uint64_t *commands; /* [count] */
	size_t count;
};

/* ---- Clients --------------------------------------------------------------------------------- */

struct store_op {
	uint64_t first, command; /* the first attempt, and the last; 0: nothing was done of it */
	uint32_t attempts, unanswered;
	uint64_t after; /* positions that had been acknowledged when it was first asked for */
	bool refused, accepted, done;
	uint8_t written; /* parts that are in the store, a bit each */
};

struct store_client {
	uint64_t op; /* 0: idle */
	uint64_t until;
};

struct store_read {
	uint64_t index; /* to be applied before it is served; 0: not known yet */
	uint64_t ctx;
};

struct store_asked {     /* a read, by its context */
	uint64_t letter; /* a renewal that waits for the round; 0: a read */
	uint64_t head;
	uint64_t versions[STORE_STREAMS];
};

/* ---- Subscriptions --------------------------------------------------------------------------- */

/* What the committed log makes of a subscription, and what was seen of it. By position: */
enum store_mark {
	STORE_SENT = 1,
	STORE_ACKED = 2, /* a consumer said so, or took it */
	STORE_SKIPPED = 4,
	STORE_PARKED = 8,   /* there is a row */
	STORE_BATCHED = 16, /* a batch acknowledged it */
	STORE_ALONG = 32,   /* a batch that acknowledged a later one took it along */
	STORE_THROUGH = 64  /* of that later one: the log keeps what the batch said */
};

struct store_sub {
	bool exists;
	uint64_t born;   /* the epoch in which it was made */
	uint64_t placed; /* the epoch in which it was made, or was sought last */
	struct nc_sub_owner owner;
	uint64_t epoch, cursor, floor;
	struct nc_floor
	        start; /* of a start that lay ahead; of times only the one that never comes */
	struct store_policy policy;
	struct nc_buf progress; /* empty: none yet */
	uint8_t *marks;         /* [mark_room], of this epoch */
	uint64_t *confirmed; /* what was applied where an acknowledgement was confirmed; 0: none was
	                      */
	/* Where it was committed that a row of what is parked goes; 0: there was none, or is. */
	uint64_t *unparked;
	size_t mark_room;
	/* Its consumer. */
	uint8_t mood;
	uint64_t gone_until;
	uint64_t pulls;
};

/* A delivery. */
struct store_flight {
	uint64_t position, number; /* no other has this number */
	uint32_t attempt;
};

/* What of it is packed into messages. */
struct store_packing {
	struct store_flight filling[STORE_MESSAGE_MAX]; /* the message that is being filled */
	uint32_t filled;
	uint64_t request;
	struct nc_buf untold; /* for nc_sub_packed(): flights, each and the last of its message */
	/* By position: its last flight, and that of the last event of its message; 0: its own.
	 * [room] */
	struct store_left {
		uint64_t flight, message;
	} * left;
	size_t room;
};

/* On a leader, or who owns it. */
struct store_machine {
	struct nc_sub *machine; /* NULL: none */
	uint64_t epoch;
	struct store_policy policy;
	struct store_packing packing;
	struct nc_buf parked, unparked;
	size_t saving_parked, saving_unparked;
	uint64_t saving_number;
	bool saving, unsaved, hurry, searching;
	bool moving;                              /* a seek is on its way through the log */
	uint64_t waiting[64], waiting_number[64]; /* acknowledgements that wait to be replicated */
	uint32_t waiting_count;
	uint64_t step_at; /* when an event of its comes that steps it; 0: none */
	/* Of one that is shared. */
	uint64_t live_after; /* the head when it was taken up: what comes live lies beyond */
	bool owned;          /* it runs by the lease */
	uint64_t since;      /* what had been applied when it was taken up */
	uint64_t wait_ns;    /* of one that was shared and is not: it runs from then on */
	bool reown;          /* it waits for a new epoch */
	uint64_t reown_at;
};

struct store_node {
	struct nc_state *state;
	struct nc_engine *engine;
	struct nc_state_reader *reader;
	int64_t clock_us; /* what its clock is wrong by */
	uint64_t *inbox;  /* commands that wait to become an entry */
	size_t inbox_count, inbox_room;
	uint64_t inbox_term; /* they were taken in */
	struct store_read *reads;
	size_t read_count, read_room;
	uint64_t serving; /* the term in which it delivers; 0: it does not */
	struct nc_router *router;
	struct store_machine machines[STORE_SUBS];
	uint64_t told; /* entries up to here have been told to the machines */

	/* Shared subscriptions: as an owner, and as the leader. */
	uint64_t boot;
	int drift; /* percent, of the clock that leases go by */
	struct nc_lease lease;
	bool leaves; /* in order; at the latest at leave_ns it runs nothing any more */
	uint64_t leave_ns;
	uint64_t renewed_ns, ticked_ns, looked_ns;
	uint64_t config_index, changed_ns;
	uint64_t numbers; /* of commands, given out */
	struct store_sent sent[STORE_SENT_MAX];
	size_t sent_count;
	struct nc_placement_view view;
	struct nc_sequence sequence;
	uint64_t assigning[STORE_SUBS]; /* the command that is on its way; 0: none */
	bool shared[STORE_SUBS];        /* as far as is applied */
	bool quiet;                     /* none is: nobody asks for leases */
	uint64_t back_ns[STORE_SUBS];   /* when it was applied that nobody owns it any more */
};

/* ---- The model ------------------------------------------------------------------------------- */

struct store_row {
	uint64_t op, id, version;
	uint8_t part, stream, type;
	uint16_t group, seat;
	uint64_t before_stream, before_group; /* positions of the ones before it; 0: none */
	uint64_t gone_at;                     /* the entry since which it is not seen; 0: it is */
};

/* What is seen of a stream. */
struct store_look {
	enum nc_stream_state state; /* 0: it never was */
	uint64_t first, count_max;
};

/* Versions of which a stream has a snapshot, ascending. */
struct store_snaps {
	uint64_t versions[STORE_SNAPS_MAX];
	uint32_t count;
};

struct sim_store {
	struct store_command *commands; /* [command_count], from 1 */
	size_t command_count, command_room;
	struct store_payload *payloads; /* by payload */
	size_t payload_room;
	struct store_op *ops; /* [op_count], from 1 */
	size_t op_count, op_room;
	struct store_client clients[STORE_CLIENTS];
	struct store_asked *asked;
	size_t asked_count, asked_room;
	struct store_letter *letters; /* [letter_count], from 1 */
	size_t letter_count, letter_room;
	uint64_t boots;    /* of nodes, given out */
	uint64_t whole_at; /* when the cluster was whole again; 0: not yet */
	uint64_t acked_position, acked_versions[STORE_STREAMS];
	uint64_t ids, seats, pulls;
	uint32_t no_id, retry, batching; /* permyriad */
	bool quiet;                      /* clients rest */

	uint64_t committing;    /* the entry that is being judged */
	uint32_t version;       /* of the engine */
	struct store_row *rows; /* [head], from 1 */
	uint64_t head;
	size_t row_room;
	uint64_t heads[STORE_STREAMS], last_of_stream[STORE_STREAMS];
	uint64_t last_of_group[STORE_GROUPS + 1];
	uint64_t (*ids_at)[STORE_STREAMS]; /* position of an id in a stream */
	size_t id_room;
	uint8_t seat_taken[STORE_SEATS];
	uint64_t epochs;
	struct store_sub subs[STORE_SUBS];
	struct store_snaps snaps[STORE_STREAMS];
	struct store_look looks[STORE_STREAMS];

	uint64_t *digests, *wholes; /* of the state after an entry; 0: not known */
	size_t digest_room;
	struct store_node nodes[SIM_SLOTS_MAX];
};

/* store.c: a node's engine. */
void store_new(struct sim *sim);
void store_free(struct sim *sim);
void store_start(struct sim *sim, struct sim_node *node);
void store_crash(struct sim *sim, struct sim_node *node);
void store_wipe(struct sim *sim, struct sim_node *node);
void store_install(struct sim *sim, struct sim_node *node, uint64_t index);
/* Apply some entries from node->applied + 1 on, at most through `through`, in one transaction. */
void store_apply(struct sim *sim, struct sim_node *node, uint64_t through);
void store_checkpoint(struct sim *sim, struct sim_node *node);
bool store_event(struct sim *sim, struct sim_event *event); /* false: none of the store's */
void store_pumped(struct sim *sim, struct sim_node *node);
uint64_t store_clock_ns(const struct sim *sim, const struct sim_node *node);
struct store_node *store_of(struct sim *sim, const struct sim_node *node);
/* Whether all has come to rest as it must, after healing; a violation if it cannot. */
bool store_settled(struct sim *sim);

/* store_state.c */
void store_check_state(struct sim *sim, const struct sim_node *node, uint64_t index, bool whole);

/* store_spec.c: making commands. */
uint64_t store_command_new(struct sim *sim, enum store_kind kind); /* grows sim->store->commands */
void store_spec_draw(struct sim *sim, uint64_t command, uint64_t op);
void store_spec_encode(struct sim_store *store, uint64_t command);
void store_policy_draw(struct sim *sim, struct store_policy *policy);
/* Of a CREATE whose policy is drawn, or a SEEK. */
void store_start_draw(struct sim *sim, struct store_command *command);
void store_policy_definition(const struct store_policy *policy, uint8_t sub,
                             struct nc_definition *definition, struct nc_buf *text);
void store_stream_name(uint8_t stream, struct nc_buf *name);

/* store_model.c: what must come of them. */
void store_model_commit(struct sim *sim, uint64_t payload);
void store_model_compare(struct sim *sim, const struct sim_node *node, uint64_t command,
                         const struct nc_outcome *outcome);
/* store_model_subs.c: the same for subscriptions. */
void store_model_create(struct sim_store *store, struct store_command *command);
void store_model_seek(struct sim_store *store, struct store_command *command);
void store_model_save(struct sim *sim, struct store_command *command);
void store_model_own(struct sim_store *store, struct store_command *command);
bool store_matches(const struct sim_store *store, const struct store_policy *policy,
                   uint64_t position);
/* Whether it matches, and is not below what a start that lay ahead has left. */
bool store_wanted(const struct sim_store *store, const struct store_sub *sub, uint64_t position);
/* The nearest event before `position` of the same key that matches; 0: none. */
uint64_t store_key_before(const struct sim_store *store, const struct store_policy *policy,
                          uint64_t position);
uint8_t *store_marks(struct store_sub *sub, uint64_t position);
/* `array`, of `had` elements of `each` bytes, made `has` long with zeros. */
void *store_grown(void *array, size_t each, size_t had, size_t has);

/* store_snap.c: snapshots of aggregates. */
bool store_snaps_are_on(const struct sim *sim);
void store_snap_turn(struct sim *sim);
void store_model_snap(struct sim_store *store, struct store_command *command);
bool store_snap_same(const struct store_command *command, const struct nc_outcome *outcome);
void store_check_snaps(struct sim *sim, const struct sim_node *node);

/* store_stream.c: streams deleted and limited. */
bool store_streams_are_on(const struct sim *sim);
void store_stream_turn(struct sim *sim);
bool store_expect_holds(struct nc_expect expect, enum nc_stream_state state, uint64_t head);
void store_model_stream(struct sim_store *store, struct store_command *command);
/* Of a stream that has just got a head. */
void store_model_wrote(struct sim_store *store, uint8_t stream);
bool store_stream_same(const struct store_command *command, const struct nc_outcome *outcome);

/* store_client.c: those who append. */
void store_client_turn(struct sim *sim);
void store_send(struct sim *sim, uint64_t command);
void store_request(struct sim *sim, struct sim_node *node, uint64_t command);
void store_inbox_put(struct sim *sim, struct sim_node *node, uint64_t command);
void store_inbox_flush(struct sim *sim, struct sim_node *node);
void store_answer(struct sim *sim, const struct sim_node *node, uint64_t command);
void store_answered(struct sim *sim, uint64_t command, bool busy);
/* Append what follows from a delivery and acknowledge it, in one. */
void store_process(struct sim *sim, const struct sim_event *delivered);

/* store_read.c: those who read. */
uint64_t store_asked_new(struct sim *sim); /* a context */
void store_read_ask(struct sim *sim, struct sim_node *node);
void store_read_index(struct sim *sim, struct sim_node *node, const struct nc_raft_read *read);
void store_reads_serve(struct sim *sim, struct sim_node *node);
void store_read_whole(struct sim *sim, struct sim_node *node);

/* store_subs.c: the subscriptions of a node. */
void store_subs_turn(struct sim *sim, struct sim_node *node); /* take up, or give up */
void store_subs_drop(struct store_node *of);
void store_subs_sync(struct sim *sim, struct sim_node *node, uint32_t sub);
void store_subs_sought(struct sim *sim, struct sim_node *node, const struct store_command *command);
void store_subs_seek(struct sim *sim, struct sim_node *node, uint32_t sub);
void store_subs_live(struct sim *sim, struct sim_node *node, uint64_t from, uint64_t to);
void store_subs_outcome(struct sim *sim, struct sim_node *node, uint64_t command);
void store_subs_refused(struct sim *sim, struct sim_node *node, uint64_t command);
void store_subs_step(struct sim *sim, struct sim_node *node, uint32_t sub);
void store_subs_step_in(struct sim *sim, struct sim_node *node, uint32_t sub, uint64_t in);
/* A batch that acknowledges is proposed, and applied. */
/* False: not now. */
bool store_subs_batch(struct sim *sim, struct sim_node *node, struct store_command *command);
void store_subs_batched(struct sim *sim, struct sim_node *node,
                        const struct store_command *command);
void store_subs_search(struct sim *sim, struct sim_node *node, uint32_t sub);
void store_subs_control(struct sim *sim, struct sim_node *node);

struct store_positions {
	uint64_t *at;
	size_t count, room;
};
/* The positions of the rows of what is parked, in order; `at` is the caller's to free. */
void store_parked_of(const struct store_node *of, uint32_t sub, struct store_positions *positions);
/* The key of an event by the subscription's order; empty: none. */
struct nc_slice store_key_of(const struct store_policy *policy, const struct nc_event *event);

/* The rows of what is parked, in order, to a machine that was made or has sought. */
void store_parked_restore(struct store_node *of, uint32_t sub);
static inline uint64_t store_now_ns(const struct sim *sim)
{
	return sim->now * UINT64_C(1000);
}
static inline void store_sub_name(uint32_t sub, struct nc_buf *name)
{
	nc_buf_printf(name, "sub%u", sub);
}

/* store_save.c: what of them goes through the log. */
void store_subs_place(struct sim *sim, struct sim_node *node, uint32_t sub);
void store_subs_save(struct sim *sim, struct sim_node *node, uint32_t sub);

/* store_packed.c: many in one message. */
void store_packing_release(struct store_packing *packing);
/* Put a delivery into a message. False: it leaves by itself, now. */
bool store_pack(struct sim *sim, const struct sim_node *node, uint32_t sub,
                const struct nc_sub_action *action);
void store_pack_end(struct sim *sim, const struct sim_node *node, uint32_t sub);
void store_packed_tell(struct store_machine *machine);
/* What flies; and whether an answer has moved what it is about, and nothing else of that. */
void store_flights_look(const struct store_machine *machine, struct nc_buf *flights);
void store_flights_check(struct sim *sim, struct sim_node *node, const struct sim_event *answer,
                         bool any_attempt, const struct nc_buf *before);

/* store_consumer.c: those who are delivered to. */
void store_deliver(struct sim *sim, const struct sim_node *node, uint32_t sub,
                   const struct nc_sub_action *action);
void store_delivered(struct sim *sim, const struct sim_event *event);
/* A message leaves, whose last event, or only one, is this. */
void store_leave(struct sim *sim, const struct sim_node *node, uint32_t sub,
                 struct store_flight event);
void store_told(struct sim *sim, struct sim_node *node, const struct sim_event *event);
void store_status(struct sim *sim, const struct sim_node *node, uint32_t sub,
                  const struct nc_sub_action *action);
void store_consumers_turn(struct sim *sim);
/* An acknowledgement of a delivery of this epoch is answered: it is in the log. */
void store_confirm(struct sim *sim, const struct sim_node *node, uint32_t sub, uint64_t epoch,
                   uint64_t position);

#endif
