/* SPDX-License-Identifier: GPL-3.0-or-later */
/* sim_private.h -- a whole cluster of real core/raft in one thread, on virtual time, from one seed:
 * what the files of the simulator share. Times are in microseconds of virtual time.
 */
#ifndef NC_TESTS_SIM_SIM_PRIVATE_H
#define NC_TESTS_SIM_SIM_PRIVATE_H

#include "core/node/replica/orders.h"
#include "core/node/replica/write_batch.h"
#include "core/raft/raft_private.h"

#define SIM_SLOTS_MAX  5
#define SIM_MS         1000ull
#define SIM_S          1000000ull
#define SIM_NO_SESSION UINT32_MAX /* of a message from long ago: no connection carries it */

/* An entry with what stands for its payload: the number of the client's operation; 0: none. */
struct sim_entry {
	uint64_t term;
	uint64_t payload;
	uint32_t size;
	uint8_t kind;
	const struct nc_raft_members *members; /* owned by the simulation */
};

/* Entries base + 1 .. last, at[index]. */
struct sim_log {
	struct sim_entry *at;
	size_t room;
	uint64_t base, base_term, last;
	struct nc_raft_members base_members;
};

/* ---- Events ---------------------------------------------------------------------------------- */

enum sim_event_type {
	SIM_DELIVER,
	SIM_TICK,
	SIM_WRITTEN,   /* the disk is done with what it has had since, one order comes back */
	SIM_APPLIED,   /* the applier is done */
	SIM_LOG_READ,  /* a partial append has been read and may leave */
	SIM_INSTALLED, /* a snapshot has been fetched */
	/* Of a store on top (store_private.h): */
	SIM_REQUEST,    /* a client's command reaches a node */
	SIM_FLUSH,      /* what has come in becomes an entry */
	SIM_SUB_STEP,   /* a subscription has something to do */
	SIM_SUB_SEARCH, /* history has been read for it */
	SIM_TOLD,       /* a consumer's answer reaches a node */
	SIM_LETTER,     /* what nodes say to each other about shared subscriptions */
	SIM_SHARE,      /* a node looks after them */
	/* Nodes that pause put off what is above. */
	SIM_RESTART,
	SIM_END,       /* a node that was to leave in order ends */
	SIM_ANSWERED,  /* an answer reaches its client */
	SIM_DELIVERED, /* an event reaches a consumer */
	SIM_CLIENT,
	SIM_CONTROL, /* the operator who repairs the membership */
	SIM_NEMESIS,
	SIM_HEAL
};

struct sim_event {
	uint64_t at, order;
	uint8_t type;
	uint8_t slot;
	uint32_t life; /* of the node when it was scheduled; a restarted one has another */
	uint64_t index;
	uint32_t session;  /* of a message: the connection that carries it */
	uint32_t sent_in;  /* and the life of who sent it */
	uint8_t sub, what; /* of the store's: subscription, and what is said */
	uint32_t attempt;
	uint64_t epoch;
	struct nc_raft_message message;
	struct sim_entry *entries; /* [message.entry_count] */
	struct nc_raft_members members;
};

struct sim_store;
struct sim_files;

struct sim_heap {
	struct sim_event **at;
	size_t count, room;
	uint64_t orders;
	struct sim_event **spare;
	size_t spare_count, spare_room;
};

struct sim_event *sim_event_new(struct sim_heap *heap);
void sim_event_put(struct sim_heap *heap, struct sim_event *event);
struct sim_event *sim_event_take(struct sim_heap *heap); /* NULL: empty */
void sim_event_free(struct sim_heap *heap, struct sim_event *event);
void sim_heap_release(struct sim_heap *heap);

/* ---- Nodes ----------------------------------------------------------------------------------- */

/* An entry at the log writer, or a hard state alone. */
struct sim_write {
	struct nc_entry entry; /* first; its payload only where there are files */
	struct sim_entry what;
	uint64_t done_at;
	bool sole; /* of the last of an order */
};

struct sim_node {
	uint64_t id; /* slot + 1 + 16 * incarnation */
	uint32_t life;
	uint32_t heard[SIM_SLOTS_MAX]; /* the last life of each that this life has heard of */
	bool up, leaving;
	uint64_t paused_until;
	uint32_t session; /* of its connection: what one that broke carried is lost */
	uint64_t tick_us;
	struct nc_raft *raft; /* NULL: down */
	struct sim_log memory;
	uint64_t applied, chain; /* the state: a hash of all it applied */
	uint64_t applying;

	/* What survives a crash. */
	struct sim_log disk;
	struct nc_log_hard hard;
	uint64_t checkpoint, checkpoint_chain;
	bool doubtful;
	struct nc_orders orders;          /* to the log writer: as core/node has them */
	struct nc_entry_queue to_write;   /* at the log writer */
	struct nc_entry_queue written;    /* by it, or refused; not taken back yet */
	bool write_fails;                 /* the next one */
	uint64_t full_until;              /* its disk has no room … */
	uint32_t full_entries, full_hard; /* … for so many of what is written */
	uint64_t slow_until;              /* it applies nothing before */
	uint64_t lost_last;               /* of entries that its damaged disk has lost; 0: none */
	struct sim_files *files;          /* the real log; NULL: the simulated disk alone */
	uint64_t busy_until, next_until;  /* of the write under way, and of the one after it */

	/* What was seen of it, to see that nothing goes back. */
	uint64_t seen_term, seen_commit, seen_applied;
	uint8_t seen_role;
	uint64_t durable_term, durable_commit;
};

/* ---- The whole ------------------------------------------------------------------------------- */

struct sim_op {
	uint64_t index, term; /* where it was put; 0: nowhere */
	uint64_t committed;   /* the index at which it was committed */
	uint8_t slot;
	uint32_t life;
	bool acked;
};

struct sim_read {
	uint64_t required; /* what was acknowledged before it was asked */
};

struct sim_seen_entry { /* of a table by (index, term) */
	uint64_t index, term, payload, prev_term;
};

/* How often each thing came to be. */
/* clang-format off */
#define SIM_COUNTERS(X) \
	X(events) X(messages) X(lost) X(doubled) X(replayed) X(cut) X(disconnects) X(unreachable) \
	X(crashes) X(lost_writes) X(torn) X(disk_errors) X(disk_full) X(no_room) X(waited_for_room) X(retracted) X(flips) X(astray) X(corrupt) X(pauses) X(clock_jumps) X(wipes) \
	X(leaves) X(transfers) X(elections) X(two_leaders) X(truncations) X(config_rollbacks) \
	X(proposals) X(refused) X(acked) X(reads) X(reads_served) X(reads_failed) \
	X(snapshots) X(snapshots_failed) X(snapshot_during_election) X(partial_reads) \
	X(config_changes) X(compactions) X(doubtful_starts) X(blackouts) X(slow_applies)
/* With a store on top. */
#define SIM_STORE_COUNTERS(X) \
	X(answered) X(duplicates) X(refusals) X(conditions_failed) X(shed) X(retries) X(unknown) \
	X(takeovers) X(deliveries) X(redeliveries) X(acks) X(stale_answers) X(confirmed) X(pulls) \
	X(batch_acks) X(batches_later) X(seeks) X(parks) X(replays) X(skips) X(halts) X(consumers_cut) \
	X(moves) X(grants) X(forwards) X(reowns) X(placements) X(packed) X(drains)
/* clang-format on */

struct sim_counters {
#define SIM_COUNTER_FIELD(name) uint64_t name;
	SIM_COUNTERS(SIM_COUNTER_FIELD)
	SIM_STORE_COUNTERS(SIM_COUNTER_FIELD)
#undef SIM_COUNTER_FIELD
};

/* Drawn from the seed; probabilities in parts of 10,000. */
struct sim_faults {
	uint32_t loss, doubling, replay, slow;
	uint64_t delay_us, jitter_us;
	uint64_t write_us, write_jitter_us;
	uint64_t nemesis_us; /* between two strokes, on average; 0: none */
	uint32_t crash_weight, cut_weight, pause_weight, wipe_weight, transfer_weight, jump_weight,
	        error_weight, leave_weight, full_weight, disconnect_weight, flip_weight,
	        slow_weight, drain_weight, blackout_weight;
	uint32_t install_fails;
	uint32_t drift; /* percent */
};

struct sim_options {
	uint64_t seed;
	uint64_t seconds; /* of faults; then healing */
	uint32_t nodes;   /* 0: 3 or 5, from the seed */
	uint32_t rate;    /* proposals a second; 0: from the seed */
	bool trace;
	bool faultless;
	bool store; /* engine and delivery on top; false: raft alone */
	bool files; /* the real log in every run; else in some of those with a store */
};

struct sim {
	struct sim_options options;
	struct sim_faults faults;
	uint64_t rng, now;
	struct sim_heap heap;
	uint32_t node_count;
	struct sim_node nodes[SIM_SLOTS_MAX];
	bool cut[SIM_SLOTS_MAX][SIM_SLOTS_MAX];
	uint64_t client_us, read_permyriad;
	struct nc_raft_options raft_options;
	uint64_t checkpoint_entries, tail_entries;

	struct nc_raft_members **arena; /* configurations that entries point to */
	size_t arena_count, arena_room;

	struct sim_op *ops; /* [op_count], by payload */
	size_t op_count, op_room;
	struct sim_read *reads;
	size_t read_count, read_room;
	uint64_t acked_max; /* the highest index that a client was told of */

	/* The one log that all must agree on. */
	struct sim_log committed;
	uint64_t *chains; /* of the state after each committed entry, when known: 0 not yet */
	size_t chain_room;
	uint64_t chain_last;
	struct nc_raft_members committed_members;
	uint64_t *leaders; /* [leader_room], by term */
	size_t leader_room;
	struct sim_seen_entry *seen;
	size_t seen_count, seen_room;

	struct sim_store *store; /* NULL: raft alone */

	bool healed;
	bool blackout; /* the power of all of them is going */
	uint64_t healed_at, progress_op;
	uint64_t hash; /* of the trace */
	struct sim_counters counters;
	char violation[512]; /* empty: none */
};

/* What was asked for on the command line. */
struct sim_request {
	uint64_t first, seeds;
	uint64_t for_s; /* stop after so many real seconds; 0: when all seeds are done */
	struct sim_options options;
	const char *mutant;
	bool quiet, mutants;
};

/* main.c. `at_out` is told of each seed before it is run: an assertion may end the process. */
int sim_run_seeds(const struct sim_request *request, volatile uint64_t *at_out);
double sim_real_now(void);

/* mutants.c: the one that is named, or each in turn. */
int sim_run_mutants(const struct sim_request *request);

/* cluster.c */
void sim_run(struct sim *sim, const struct sim_options *options);
void sim_release(struct sim *sim);
uint64_t sim_random(struct sim *sim);
uint64_t sim_below(struct sim *sim, uint64_t bound);
bool sim_chance(struct sim *sim, uint32_t permyriad);
void sim_schedule(struct sim *sim, uint64_t in, enum sim_event_type type, uint32_t slot);
void sim_schedule_sub(struct sim *sim, uint64_t in, enum sim_event_type type, uint32_t slot,
                      uint32_t sub);
__attribute__((format(printf, 2, 3))) void sim_trace(struct sim *sim, const char *format, ...);
__attribute__((format(printf, 2, 3))) void sim_violation(struct sim *sim, const char *format, ...);
const struct nc_raft_members *sim_keep_members(struct sim *sim,
                                               const struct nc_raft_members *members);

/* log.c */
void sim_log_put(struct sim_log *log, uint64_t index, const struct sim_entry *entry);
void sim_log_base(struct sim_log *log, uint64_t index); /* forget entries through `index` */
void sim_log_reset(struct sim_log *log, uint64_t index, uint64_t term,
                   const struct nc_raft_members *members);
uint64_t sim_log_term(const struct sim_log *log, uint64_t index); /* 0: not there */

/* node.c */
uint32_t sim_slot_of(uint64_t id);
void sim_node_start(struct sim *sim, struct sim_node *node);
void sim_node_crash(struct sim *sim, struct sim_node *node);
void sim_node_pump(struct sim *sim, struct sim_node *node);
void sim_node_event(struct sim *sim, struct sim_node *node, struct sim_event *event);
void sim_node_wipe(struct sim *sim, struct sim_node *node);

/* disk.c */
void sim_disk_order(struct sim *sim, struct sim_node *node, const struct nc_raft_ready *ready);
void sim_disk_written(struct sim *sim, struct sim_node *node);
/* What had no room is tried again, if it is so far. */
void sim_disk_tick(struct sim *sim, struct sim_node *node);
bool sim_disk_idle(const struct sim_node *node);
void sim_disk_crash(struct sim *sim, struct sim_node *node);
void sim_disk_clear(struct sim_node *node);

/* files.c: the real log under the disk, in byte-level trouble. */
/* What a process that has ended may have left behind. */
void sim_files_sweep(long process);
void sim_files_new(struct sim *sim, struct sim_node *node);
void sim_files_free(struct sim_node *node); /* does nothing if there is none, as the next */
void sim_files_wipe(struct sim *sim, struct sim_node *node);
/* Take up what recovery finds; false: it refuses, and the disk is lost. */
bool sim_files_start(struct sim *sim, struct sim_node *node);
/* The payload that the log gets of an entry. */
void sim_files_payload(const struct sim_entry *what, struct nc_buf *payload);
void sim_files_append(struct sim *sim, struct sim_node *node, const struct nc_write_batch *batch);
/* Where there is no room. NC_OK: it found some in the reserve; NC_FULL; NC_IO: the log has broken.
 */
int sim_files_full(struct sim *sim, struct sim_node *node, const struct nc_write_batch *batch);
void sim_files_fail(struct sim *sim, struct sim_node *node, const struct nc_write_batch *batch);
bool sim_files_failed(const struct sim_node *node);
bool sim_files_damaged(const struct sim_node *node);
void sim_files_trust(struct sim_node *node);
void sim_files_compact(struct sim_node *node, uint64_t through);
void sim_files_reset(struct sim_node *node, uint64_t index, uint64_t term);
/* Read an entry as the sender of a partial append does. */
int sim_files_read(struct sim_node *node, uint64_t index);
void sim_files_flip(struct sim *sim, struct sim_node *node);
void sim_files_crash(struct sim *sim, struct sim_node *node, const struct nc_write_batch *torn,
                     bool may_damage);

/* network.c */
void sim_network_send(struct sim *sim, struct sim_node *from, const struct nc_raft_message *message,
                      const struct sim_entry *entries);
void sim_network_disconnect(struct sim *sim, struct sim_node *node);

/* client.c */
void sim_client(struct sim *sim);
/* Whom a client asks: mostly who leads; NULL: nobody is up. */
struct sim_node *sim_someone(struct sim *sim);
/* Errors: those of nc_raft_propose(); NC_FULL, as far as the node knows its disk has no room. */
int sim_propose(struct sim *sim, struct sim_node *node, uint32_t size, uint64_t *payload_out);
void sim_client_applied(struct sim *sim, struct sim_node *node, uint64_t index,
                        const struct sim_entry *entry);
void sim_client_read(struct sim *sim, const struct nc_raft_read *read);
void sim_control(struct sim *sim);

/* faults.c */
void sim_faults_draw(struct sim *sim);
void sim_nemesis(struct sim *sim);
void sim_heal(struct sim *sim);
void sim_end(struct sim *sim, struct sim_node *node);
bool sim_whole(const struct sim *sim);

/* check.c */
void sim_check_node(struct sim *sim, struct sim_node *node);
void sim_check_stored(struct sim *sim, const struct sim_node *node, uint64_t index,
                      const struct sim_entry *entry, uint64_t prev_term);
void sim_check_applied(struct sim *sim, struct sim_node *node, uint64_t index,
                       const struct sim_entry *entry);
void sim_check_replaced(struct sim *sim, const struct sim_node *node, uint64_t from);
/* A sole member's entries through `last` are durable: from now on nothing else may be committed. */
void sim_check_sole(struct sim *sim, const struct sim_node *node, uint64_t last);
void sim_check_healed(struct sim *sim);

#endif
