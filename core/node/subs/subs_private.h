/* SPDX-License-Identifier: GPL-3.0-or-later */
/* subs_private.h -- what the files of the subscriptions do for each other; what they share is
 * in subs_shape.h. */
#ifndef NC_CORE_NODE_SUBS_SUBS_PRIVATE_H
#define NC_CORE_NODE_SUBS_SUBS_PRIVATE_H

#include "core/node/subs/subs_shape.h"

/* subs.c: the table. */
struct nc_subscription *nc_subs_find(struct nc_subs *subs, struct nc_slice name);
int nc_subs_install(struct nc_subs *subs, struct nc_subscription *sub);
/* Out of the table; freed now or when its job is back. Who waits for something is told. `why` NULL:
 * it goes on elsewhere. */
void nc_subs_remove(struct nc_subs *subs, struct nc_subscription *sub, const char *why);
void nc_subscription_free(struct nc_subscription *sub);

/* subs_turn.c: let it act at the end of the turn; or not. */
void nc_subs_mark(struct nc_subscription *sub);
void nc_subs_unmark(struct nc_subs *subs, struct nc_subscription *sub);
/* Nothing beyond the cursor has been searched: all of it may match. */
void nc_subs_unsearched_reset(const struct nc_subs *subs, struct nc_subscription *sub);

/* subs_live.c: live events, and who is told of them. */
int nc_subs_live_open(struct nc_subs *subs);
void nc_subs_live_close(struct nc_subs *subs);
int nc_subs_live_add(struct nc_subs *subs, struct nc_subscription *sub);
void nc_subs_live_remove(struct nc_subs *subs, struct nc_subscription *sub);
/* Let a reader merge the index, if it is worth it; and take up what was merged. */
void nc_subs_live_merge(struct nc_subs *subs);

/* subs_isolated.c, and nc_subs_pool() of subs.h */
void nc_subs_pools_stop(struct nc_subs *subs);
/* Requests that waited for their filter are carried out. */
void nc_subs_prepared_take(struct nc_subs *subs);
/* Its filter gave no answer about `position`: it halts, visibly, leaves the head, so that nothing
 * is passed by, and asks again after a pause. Until the filter answers again. */
void nc_subs_fault(struct nc_subs *subs, struct nc_subscription *sub, int err, uint64_t position);
void nc_subs_answers_again(struct nc_subs *subs, struct nc_subscription *sub);

/* subs_plugins.c: a plugin came, went or was replaced: subscriptions that lack theirs go on, others
 * take the new one at a position. */
void nc_subs_plugins_changed(struct nc_subs *subs);
/* If it has a plugin of another build than was recorded with it: say so. */
void nc_subs_tell_other_build(const struct nc_subscription *sub);
void nc_subs_renew(struct nc_subs *subs, struct nc_subscription *sub);
/* The new one takes the selector, as subs->prepared if it runs in a process of its own; or does
 * not, and the one before stays. */
void nc_subs_renew_now(struct nc_subs *subs, struct nc_subscription *sub);
void nc_subs_renew_refused(struct nc_subs *subs, struct nc_subscription *sub,
                           const struct nc_refusal *refusal);
/* subs_isolated.c: ask it first, where it runs. False: it runs in the node. */
bool nc_subs_prepare_renewal(struct nc_subs *subs, struct nc_subscription *sub);
/* Its filter has been asked: if its hints have come by that, it is found by them from now on. */
void nc_subs_hints_take(struct nc_subs *subs, struct nc_subscription *sub);
/* It took the new one: say so. */
void nc_subs_replugged(struct nc_subs *subs, struct nc_subscription *sub, uint64_t position);
/* subs_move.c: put the same definition, judged by the plugin that is loaded now, into the log: it
 * holds from a position. False with the refusal: the plugin does not take its selector. */
bool nc_subs_move_plugin(struct nc_subs *subs, struct nc_subscription *sub,
                         struct nc_refusal *refusal);

/* subs_filter.c: compile the filter of sub->definition. On failure the fault and its text, for a
 * client: of `body`, its request, the byte at fault is named as it was written there; empty: none
 * asked. */
bool nc_subs_filter_compile(struct nc_subs *subs, struct nc_subscription *sub, struct nc_slice body,
                            struct nc_refusal *refusal);

/* subs_key.c: the key of an event by the definition's order; empty: none. Valid until the next call
 * with these `keys`, and as long as the event. */
struct nc_slice nc_subs_key(struct nc_sub_keys *keys, const struct nc_definition *definition,
                            const struct nc_event *event);
void nc_subs_keys_release(struct nc_sub_keys *keys);

/* subs_start.c */
enum nc_sub_start nc_subs_start_kind(enum nc_start start);
/* Start, value and stream, for the engine; no name. */
struct nc_sub_create nc_subs_start_of(const struct nc_definition *definition,
                                      const struct nc_filter_hints *hints);
/* Whether the filter goes with the start. False with the refusal. */
bool nc_subs_start_check(const struct nc_subscription *sub, struct nc_refusal *refusal);

/* Whether all members of the cluster know such a definition, by the form of its deliveries; if not,
 * that is said. */
struct nc_subs_ask;
bool nc_subs_form_takes(const struct nc_subs_ask *ask, const struct nc_definition *definition);

/* subs_pull.c: take a pull request. Errors: NC_NOMEM, NC_FULL, NC_INVALID. */
int nc_subs_pull(struct nc_subscription *sub, const struct nc_next *next, struct nc_slice reply,
                 uint64_t now_ns);
/* The request that is given an event, held for that; NULL: it waits no more. */
struct nc_sub_pull *nc_subs_pull_give(struct nc_subscription *sub, uint64_t id);
const char *nc_subs_pull_reply(const struct nc_subscription *sub, uint64_t id);
void nc_subs_pull_forget(struct nc_subscription *sub, uint64_t id);
void nc_subs_pull_let_go(struct nc_sub_pull *pull); /* NULL is a no-op */
/* The status line is told to all who wait; or to one, whose event is not published after all. */
void nc_subs_pulls_end(struct nc_subs *subs, struct nc_subscription *sub, const char *status);
void nc_subs_pull_cut(struct nc_subs *subs, struct nc_subscription *sub, struct nc_sub_pull *pull,
                      const char *status);
/* Events that were about to be published are not: whose request has counted them hears that they do
 * not come. Status lines stay. */
void nc_subs_todo_cut(struct nc_subs *subs, struct nc_subscription *sub, const char *status);
/* The event list[at] is not seen any more: a request that has counted it ends, behind what else it
 * is given. */
void nc_subs_pull_gone(struct nc_subscription *sub, const struct nc_delivery *list, size_t count,
                       size_t at);
/* Nothing more will be published: all of both that are left to tell are told. */
void nc_subs_pulls_finish(struct nc_subs *subs, struct nc_subscription *sub, const char *status);
/* Requests that name max_bytes wait until the sizes of all events in the window are known; true:
 * the readers have been asked for some. */
bool nc_subs_measure(struct nc_subs *subs, struct nc_subscription *sub);

/* subs_tidy.c: parked events of these positions may not be seen any more; or all that it has. */
void nc_subs_tidy_mark(struct nc_subscription *sub, uint64_t from, uint64_t to);
void nc_subs_tidy_all(struct nc_subs *subs, struct nc_subscription *sub);
/* Of a tick: what has been in memory for a while is read anew before it is delivered, and some of
 * what was not looked at for long is. */
void nc_subs_tidy_tick(struct nc_subs *subs, uint64_t now_ns);

/* subs_act.c: do what the machine asks for, until it asks for nothing. */
void nc_subs_act(struct nc_subs *subs, struct nc_subscription *sub);
void nc_subs_advise(struct nc_subs *subs, const struct nc_subscription *sub, const char *what,
                    uint64_t position, const char *reason);
/* The row of a parked event goes: with the next progress, or at once from memory. */
void nc_subs_unpark(struct nc_subscription *sub, uint64_t position);
/* A status line, behind the events that were asked for before it. */
void nc_subs_todo_status(struct nc_subscription *sub, const char *subject, const char *reply,
                         const char *block);
/* Only what the machine asks for; nothing is saved, no job starts. */
void nc_subs_steps(struct nc_subs *subs, struct nc_subscription *sub, uint64_t now_ns);
/* Less still: what is decided of events is said, so that their rows go with a change. */
void nc_subs_steps_leaving(struct nc_subs *subs, struct nc_subscription *sub);

/* Bytes that entries may take in an answer that is a list of them: what is not theirs of a message,
 * its headers and what closes the list, has room beside. */
#define NC_SUBS_LIST_BESIDE 256u
static inline size_t nc_subs_list_room(const struct nc_subs *subs)
{
	size_t payload = nc_bus_max_payload(subs->service->bus);
	return payload > NC_SUBS_LIST_BESIDE ? payload - NC_SUBS_LIST_BESIDE : 0;
}

/* subs_show.c: tell when it begins to lag, and when it has caught up. */
void nc_subs_watch_lag(struct nc_subs *subs, struct nc_subscription *sub);

/* subs_save.c: replicate progress, creation, deletion. */
void nc_subs_save(struct nc_subs *subs, struct nc_subscription *sub, uint64_t now_ns);
/* Who asked for it: a reply subject, empty if nobody did, and the endpoint. */
struct nc_subs_asker {
	struct nc_slice reply;
	int endpoint;
};
/* False: no memory, or the replica does not take it. */
bool nc_subs_propose(struct nc_subs *subs, struct nc_slice command, enum nc_sub_pending_kind kind,
                     struct nc_subscription *sub, struct nc_subs_asker asker);
/* The first so many bytes of its rows, parked and unparked, are in the log: they go from memory. */
void nc_subs_rows_saved(struct nc_subscription *sub, size_t parked, size_t unparked);
/* To who asked for what has come back, unless he has been told that his time was over. */
void nc_subs_answer_fault(struct nc_subs *subs, const struct nc_ticket *ticket,
                          struct nc_fault fault, const char *text);
void nc_subs_answer_text(struct nc_subs *subs, const struct nc_ticket *ticket, const char *text);

/* subs_behind.c: a creation or a deletion begins, and has ended. */
void nc_subs_line_enter(struct nc_subs *subs, struct nc_slice name);
void nc_subs_line_leave(struct nc_subs *subs, struct nc_slice name);
/* Who stood behind what has ended goes on: at the beginning of a turn, when nobody holds a
 * subscription. At a tick, whose time is over is told so. */
void nc_subs_behind_step(struct nc_subs *subs);
void nc_subs_behind_tick(struct nc_subs *subs);
void nc_subs_behind_refuse(struct nc_subs *subs); /* all of them: this node leads no more */
void nc_subs_behind_drop(struct nc_subs *subs);

/* subs_wait.c. Answer when what has changed by now is replicated: `answer` (copied; NULL: an empty
 * message). */
void nc_subs_wait_saved(struct nc_subs *subs, struct nc_subscription *sub, struct nc_slice reply,
                        const char *answer);
void nc_subs_waiters_answer(struct nc_subs *subs, struct nc_subscription *sub, uint64_t through);
/* Everybody who waits for that since `until_ms` or before is told that there is nothing to wait
 * for. */
void nc_subs_waiters_refuse(struct nc_subs *subs, struct nc_subscription *sub, uint64_t until_ms,
                            struct nc_fault fault, const char *why);
/* Those whose acknowledgements the present leader has heard, too, and answers, are not. */
void nc_subs_waiters_forget(struct nc_subs *subs, struct nc_subscription *sub);
/* Likewise all whose requests were to come again. */
void nc_subs_laters_refuse(struct nc_subs *subs, struct nc_subscription *sub, struct nc_fault fault,
                           const char *why);
/* Who has waited too long, or for what cannot be replicated, is told so. */
void nc_subs_waiters_expire(struct nc_subs *subs);

/* subs_load.c: take up one from the state, if it is still as was told. Errors: NC_NOTFOUND, it is
 * not; those of nc_subs_load(). */
struct nc_sub_taking {
	struct nc_slice name;
	uint64_t epoch;
	struct nc_sub_owner owner;
};
int nc_subs_take_up(struct nc_subs *subs, const struct nc_sub_taking *taking,
                    struct nc_subscription **sub_out);

/* subs_own.c. The subscriptions that this node owns, one per call: `*at` begins as 0; NULL: that
 * was the last. */
struct nc_subscription *nc_subs_own_next(const struct nc_subs *subs, uint32_t *at);
/* Whether it must not run now: then it sleeps. */
bool nc_subs_own_runs(const struct nc_subscription *sub);
bool nc_subs_own_sleeps(struct nc_subscription *sub);
/* It leaves the table. */
void nc_subs_own_end(struct nc_subs *subs, struct nc_subscription *sub);
void nc_subs_own_doubt(struct nc_subscription *sub);
/* When the leader may run one that has no owner: not while the lease of one who has not heard that
 * he has it no more may stand. */
uint64_t nc_subs_own_back_ns(const struct nc_subs *subs, struct nc_slice name);
void nc_subs_own_stop(struct nc_subs *subs);
/* It only saves, since it is about to be moved. */
bool nc_subs_own_yields(struct nc_subscription *sub, uint64_t now_ns);
void nc_subs_own_tick(struct nc_subs *subs, uint64_t now_ns);

/* subs_load.c: count what is parked, and tell the machine what batches have acknowledged. */
int nc_subs_parked_load(struct nc_subs *subs, struct nc_subscription *sub);
/* Tell the machine of packed rows, ascending, in memory. */
int nc_subs_parked_tell(struct nc_subs *subs, struct nc_subscription *sub, struct nc_slice rows);
int nc_subs_acked_load(struct nc_subs *subs, struct nc_subscription *sub);
/* No bytes: there is none. `before` is the filter before, NULL: to be compiled; one that does not
 * compile is sub->fault. Errors: NC_CORRUPT, NC_UNSUPPORTED, NC_NOMEM. */
int nc_subs_backfill_set(struct nc_subs *subs, struct nc_subscription *sub, struct nc_slice bytes,
                         struct nc_filter *before);
void nc_subs_backfill_drop(struct nc_subscription *sub);

/* subs_move.c: seek and update. */
void nc_subs_move_outcome(struct nc_subs *subs, struct nc_subscription *sub,
                          const struct nc_ticket *ticket, const struct nc_outcome *outcome);
/* `ticket` NULL: it is given up, and nobody has run out of time. */
void nc_subs_move_refused(struct nc_subs *subs, struct nc_subscription *sub,
                          const struct nc_ticket *ticket, int err);
/* Make it so, if it is decided and no job looks at what was. */
void nc_subs_move_finish(struct nc_subs *subs, struct nc_subscription *sub);
void nc_subs_move_free(struct nc_sub_move *move); /* NULL is a no-op */

/* subs_late.c: whether an event is parked as of now; `fn` is told of each row that it has had, the
 * last counts. Errors: those of the state. */
int nc_subs_parked_find(struct nc_subs *subs, const struct nc_subscription *sub, uint64_t position,
                        nc_parked_fn *fn, void *ctx, bool *parked_out);
/* An event is parked no more: its key is free. Errors, which are said: those of the state. */
int nc_subs_parked_gone(struct nc_subs *subs, struct nc_subscription *sub, uint64_t position);
/* An event of this epoch was acknowledged: if it is parked, it is so no more. False: not now, a
 * change of the subscription is on its way, or the state cannot be read. */
bool nc_subs_late_ack(struct nc_subs *subs, struct nc_subscription *sub, uint64_t position);
/* An event was answered for good: if it is to be fetched anew, what was answered is in memory alone
 * until it has been; so it is now. False: likewise. */
bool nc_subs_late_recall(struct nc_subs *subs, struct nc_subscription *sub, uint64_t position);

/* subs_replay.c */
struct nc_sub_job;
bool nc_subs_replay_wants(const struct nc_subscription *sub);
/* Give the job the rows that are in memory. False: no memory. */
bool nc_subs_replay_rows(const struct nc_subscription *sub, struct nc_sub_job *job);
void nc_subs_replay_take(struct nc_subs *subs, struct nc_subscription *sub, struct nc_sub_job *job);
/* Stop; who waits for it is told why. */
void nc_subs_replay_end(struct nc_subs *subs, struct nc_subscription *sub, struct nc_fault fault,
                        const char *why);

/* subs_jobs.c: jobs on the readers. */
void nc_subs_jobs_start(struct nc_subs *subs, struct nc_subscription *sub);
void nc_subs_jobs_take(struct nc_subs *subs);
void nc_subs_deliveries_release(struct nc_delivery *deliveries, size_t count);

#endif
