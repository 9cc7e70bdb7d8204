/* SPDX-License-Identifier: GPL-3.0-or-later */
/* subs_private.h -- the calls by which the files of the subscriptions serve each other, file by
 * file; the structs that they share are in subs_shape.h.
 *
 * Where a call says "refuses", it has answered the request with an error, and the caller is done
 * with it.
 *
 * Threads:   the loop's, but for what is said to be a reader's.
 * Ownership: the table owns the subscriptions. One that is removed while a job works for it is
 *            freed when that is back. Slices given to a call are borrowed until it returns.
 */
#ifndef NC_CORE_NODE_SUBS_SUBS_PRIVATE_H
#define NC_CORE_NODE_SUBS_SUBS_PRIVATE_H

#include "core/node/subs/subs_shape.h"

/* ---- The table (subs.c) --------------------------------------------------------------------- */

/* NULL: there is none of this name here. */
struct nc_subscription *nc_subs_find(struct nc_subs *subs, struct nc_slice name);
/* Put it into the table, which then owns it. Errors: NC_NOMEM, it is still the caller's. */
int nc_subs_install(struct nc_subs *subs, struct nc_subscription *sub);
/* Take it out of the table and free it, now or when its last job is back. Whoever waits for
 * something is told `why`; NULL: that the subscription goes on elsewhere. */
void nc_subs_remove(struct nc_subs *subs, struct nc_subscription *sub, const char *why);
void nc_subscription_free(struct nc_subscription *sub); /* NULL is a no-op */

/* ---- The end of a turn (subs_turn.c) -------------------------------------------------------- */

/* Let it act at the end of this turn; or take that back. */
void nc_subs_mark(struct nc_subscription *sub);
void nc_subs_unmark(struct nc_subs *subs, struct nc_subscription *sub);
/* Set sub->unsearched as if nothing beyond the cursor had been searched yet. */
void nc_subs_unsearched_reset(const struct nc_subs *subs, struct nc_subscription *sub);

/* ---- Live events, and whom they concern (subs_live.c) --------------------------------------- */

/* Errors, here and below: NC_NOMEM. */
int nc_subs_live_open(struct nc_subs *subs);
void nc_subs_live_close(struct nc_subs *subs);
int nc_subs_live_add(struct nc_subs *subs, struct nc_subscription *sub);
void nc_subs_live_remove(struct nc_subs *subs, struct nc_subscription *sub);
/* Take over an index of filters that a reader has merged; have one merged, if it is worth it. */
void nc_subs_live_merge(struct nc_subs *subs);

/* ---- Plugins in processes of their own (subs_isolated.c) ------------------------------------ */

void nc_subs_pools_stop(struct nc_subs *subs);
/* Carry out requests that have waited until their filter was compiled. */
void nc_subs_prepared_take(struct nc_subs *subs);
/* The filter failed to judge the event at `position`. The subscription shows a fault, and leaves
 * the head so that it passes no event by; a search asks the filter again after a pause. The second
 * call ends this, when the filter has answered. */
void nc_subs_fault(struct nc_subs *subs, struct nc_subscription *sub, int err, uint64_t position);
/* It does, or another judges: said, if it halted for it. `why` is for people. */
void nc_subs_fault_ends(struct nc_subs *subs, struct nc_subscription *sub, const char *why);

/* ---- Plugins that come, go and are replaced (subs_plugins.c) -------------------------------- */

/* The node's plugins have changed. Subscriptions whose plugin was missing go on; those whose plugin
 * was replaced take the new one, from a position that all nodes agree on. */
void nc_subs_plugins_changed(struct nc_subs *subs);
/* Log it if the plugin is of another build than the one recorded with the subscription. */
void nc_subs_tell_other_build(const struct nc_subscription *sub);
/* Begin to take the new plugin; if something else of the subscription is under way, a later tick
 * does. */
void nc_subs_renew(struct nc_subs *subs, struct nc_subscription *sub);
/* Take it: it accepts the selector (if it runs in a process of its own, as subs->prepared). Or it
 * refuses the selector, and the subscription keeps the old one. */
void nc_subs_renew_now(struct nc_subs *subs, struct nc_subscription *sub);
void nc_subs_renew_refused(struct nc_subs *subs, struct nc_subscription *sub,
                           const struct nc_refusal *refusal);
/* subs_isolated.c: let the new plugin compile the selector in its own process first. False: it runs
 * in the node, and need not. */
bool nc_subs_prepare_renewal(struct nc_subs *subs, struct nc_subscription *sub);
/* The filter has just been asked. If the plugin has given its hints by that, live events find the
 * subscription by them from now on. */
void nc_subs_hints_take(struct nc_subs *subs, struct nc_subscription *sub);
/* The new plugin judges events from `position` on: say so in the log and by an advisory. */
void nc_subs_replugged(struct nc_subs *subs, struct nc_subscription *sub, uint64_t position);
/* subs_move.c: put the same definition into the log, with the plugin that is loaded now; it takes
 * effect from a position. False with the refusal: the plugin does not accept the selector. */
bool nc_subs_move_plugin(struct nc_subs *subs, struct nc_subscription *sub,
                         struct nc_refusal *refusal);

/* ---- Filters, keys and starts --------------------------------------------------------------- */

/* subs_filter.c: compile the filter of sub->definition. False with the refusal for the client.
 * `body` is the client's request, in which the place of an error in the selector is named; empty:
 * there is none. */
bool nc_subs_filter_compile(struct nc_subs *subs, struct nc_subscription *sub, struct nc_slice body,
                            struct nc_refusal *refusal);

/* subs_key.c: the key of an event, by the definition's order; empty: it has none. Valid until the
 * next call with these `keys`, and only while the event is. Errors: NC_NOMEM, it is not known which
 * key it has: it must not be delivered, and be asked for again. */
int nc_subs_key(struct nc_sub_keys *keys, const struct nc_definition *definition,
                const struct nc_event *event, struct nc_slice *key_out);
void nc_subs_keys_release(struct nc_sub_keys *keys);

/* subs_start.c: the engine's word for a start. */
enum nc_sub_start nc_subs_start_kind(enum nc_start start);
/* The start, its value and its stream as the engine takes them; without a name. */
struct nc_sub_create nc_subs_start_of(const struct nc_definition *definition,
                                      const struct nc_filter_hints *hints);
/* Whether a subscription with this filter can begin at its start. False with the refusal. */
bool nc_subs_start_check(const struct nc_subscription *sub, struct nc_refusal *refusal);

/* Whether all members of the cluster know definitions with this form of deliveries; if not,
 * refuses. */
struct nc_subs_ask;
bool nc_subs_form_takes(const struct nc_subs_ask *ask, const struct nc_definition *definition);

/* ---- Pull requests (subs_pull.c) ------------------------------------------------------------ */

/* Take a pull request. Errors: those of nc_sub_request(). */
int nc_subs_pull(struct nc_subscription *sub, const struct nc_next *next, struct nc_slice reply,
                 uint64_t now_ns);
/* The request `id`, which is given one more event; held until nc_subs_pull_let_go(). NULL: it does
 * not wait any more. */
struct nc_sub_pull *nc_subs_pull_give(struct nc_subscription *sub, uint64_t id);
/* Its reply subject. NULL: likewise. */
const char *nc_subs_pull_reply(const struct nc_subscription *sub, uint64_t id);
void nc_subs_pull_forget(struct nc_subscription *sub, uint64_t id);
void nc_subs_pull_let_go(struct nc_sub_pull *pull); /* NULL is a no-op */
/* End all requests that wait with this status line; or one, because an event that it counted is not
 * published after all. */
void nc_subs_pulls_end(struct nc_subs *subs, struct nc_subscription *sub, const char *status);
void nc_subs_pull_cut(struct nc_subs *subs, struct nc_subscription *sub, struct nc_sub_pull *pull,
                      const char *status);
/* Drop the events that were about to be published: the requests that counted them end with this
 * status line. Status lines that were about to be published stay. */
void nc_subs_todo_cut(struct nc_subs *subs, struct nc_subscription *sub, const char *status);
/* The event list[at] was deleted or has expired: a request that counted it ends, after the other
 * events of the list that it is given. */
void nc_subs_pull_gone(struct nc_subscription *sub, const struct nc_delivery *list, size_t count,
                       size_t at);
/* Nothing more will be published: both of nc_subs_todo_cut() and nc_subs_pulls_end(). */
void nc_subs_pulls_finish(struct nc_subs *subs, struct nc_subscription *sub, const char *status);
/* Requests that name max_bytes wait until the sizes of all events in the window are known. True: a
 * reader has been asked for some. */
bool nc_subs_measure(struct nc_subs *subs, struct nc_subscription *sub);

/* ---- Events that were deleted or have expired (subs_tidy.c) --------------------------------- */

/* Parked events from `from` to `to` may be gone, or any event that the subscription has: look for
 * them. */
void nc_subs_tidy_mark(struct nc_subscription *sub, uint64_t from, uint64_t to);
void nc_subs_tidy_all(struct nc_subs *subs, struct nc_subscription *sub);
/* From the timer: have events that were kept in memory for a while read again before they are
 * delivered, and look through some of what was not looked at for long. */
void nc_subs_tidy_tick(struct nc_subs *subs, uint64_t now_ns);

/* ---- What the machine asks for (subs_act.c) ------------------------------------------------- */

/* Do what the machine asks for until it asks for nothing more; then save, and start jobs. */
void nc_subs_act(struct nc_subs *subs, struct nc_subscription *sub);
/* Publish an advisory about the subscription. */
void nc_subs_advise(struct nc_subs *subs, const struct nc_subscription *sub, const char *what,
                    uint64_t position, const char *reason);
/* Remove the row of a parked event: with the next progress, or at once if it is in memory. */
void nc_subs_unpark(struct nc_subscription *sub, uint64_t position);
/* The log has removed it by itself: a reader that is at work may still see it. */
void nc_subs_unparked(struct nc_subscription *sub, uint64_t position);
/* Publish a status line, after the deliveries that are due before it. */
void nc_subs_todo_status(struct nc_subscription *sub, const char *subject, const char *reply,
                         const char *block);
/* Do what the machine asks for, but save nothing and start no job. */
void nc_subs_steps(struct nc_subs *subs, struct nc_subscription *sub, uint64_t now_ns);
/* Only take the rows of what is about to leave the window (nc_sub_step_leaving()), so that they go
 * with a change. */
void nc_subs_steps_leaving(struct nc_subs *subs, struct nc_subscription *sub);

/* How many bytes the entries of a list may take in an answer; the rest of the message, its headers
 * and what closes the list, needs at most NC_SUBS_LIST_BESIDE. */
#define NC_SUBS_LIST_BESIDE 256u
static inline size_t nc_subs_list_room(const struct nc_subs *subs)
{
	size_t payload = nc_bus_max_payload(subs->service->bus);
	return payload > NC_SUBS_LIST_BESIDE ? payload - NC_SUBS_LIST_BESIDE : 0;
}

/* subs_show.c: add counts of what filters have seen. */
void nc_subs_views_add(struct nc_filter_views *sum, struct nc_filter_views more);
/* subs_show.c: publish an advisory when it begins to lag, and when it has caught up. */
void nc_subs_watch_lag(struct nc_subs *subs, struct nc_subscription *sub);

/* ---- Through the log (subs_save.c) ---------------------------------------------------------- */

/* Put the subscription's progress into the log, if that is due. */
void nc_subs_save(struct nc_subs *subs, struct nc_subscription *sub, uint64_t now_ns);
/* Who asked for a command: a reply subject, empty if nobody did, and the endpoint. */
struct nc_subs_asker {
	struct nc_slice reply;
	int endpoint;
};
/* Propose a command. False: no memory, or the replica does not take it. */
bool nc_subs_propose(struct nc_subs *subs, struct nc_slice command, enum nc_sub_pending_kind kind,
                     struct nc_subscription *sub, struct nc_subs_asker asker);
/* So many bytes, the first ones, of the rows in sub->save.parked and sub->save.unparked are in the
 * log now, and leave memory. */
void nc_subs_rows_saved(struct nc_subscription *sub, size_t parked, size_t unparked);
/* Answer whoever asked for the command, unless the request has run out of time and was answered. */
void nc_subs_answer_fault(struct nc_subs *subs, const struct nc_ticket *ticket,
                          struct nc_fault fault, const char *text);
void nc_subs_answer_text(struct nc_subs *subs, const struct nc_ticket *ticket, const char *text);

/* ---- Requests that stand behind a change (subs_behind.c, subs_line.c) ----------------------- */

/* The creation or deletion of a subscription of this name begins; has ended. */
void nc_subs_line_enter(struct nc_subs *subs, struct nc_slice name);
void nc_subs_line_leave(struct nc_subs *subs, struct nc_slice name);
/* Carry out the requests that stood behind what has ended. At the beginning of a turn, when no
 * caller holds a subscription that this could free. */
void nc_subs_behind_step(struct nc_subs *subs);
/* Refuse those that have run out of time; all, since this node leads no more; free all. */
void nc_subs_behind_tick(struct nc_subs *subs);
void nc_subs_behind_refuse(struct nc_subs *subs);
void nc_subs_behind_drop(struct nc_subs *subs);

/* ---- Who waits for a subscription (subs_wait.c) --------------------------------------------- */

/* Send `answer` (copied; NULL: an empty message) when everything that has changed by now is
 * replicated. */
void nc_subs_wait_saved(struct nc_subs *subs, struct nc_subscription *sub, struct nc_slice reply,
                        const char *answer);
/* Progress up to number `through` is replicated: answer those who wait for it. */
void nc_subs_waiters_answer(struct nc_subs *subs, struct nc_subscription *sub, uint64_t through);
/* Refuse those who have waited for that since `until_ms` or longer. */
void nc_subs_waiters_refuse(struct nc_subs *subs, struct nc_subscription *sub, uint64_t until_ms,
                            struct nc_fault fault, const char *why);
/* Forget, without an answer, those whose acknowledgements the present leader has heard as well: it
 * answers them. */
void nc_subs_waiters_forget(struct nc_subs *subs, struct nc_subscription *sub);
/* Free a request that was kept by nc_subs_ask_keep(); NULL is a no-op. */
void nc_sub_later_free(struct nc_subs *subs, struct nc_sub_later *later);
/* Refuse all requests that were to be carried out later. */
void nc_subs_laters_refuse(struct nc_subs *subs, struct nc_subscription *sub, struct nc_fault fault,
                           const char *why);
/* Refuse, in all subscriptions, who has waited too long, or for a log on a full disk. */
void nc_subs_waiters_expire(struct nc_subs *subs);

/* ---- Subscriptions out of the state (subs_load.c) ------------------------------------------- */

/* Run a subscription that the state has, if it is still of this epoch and owner. Errors:
 * NC_NOTFOUND, it is not; those of nc_subs_load(). */
struct nc_sub_taking {
	struct nc_slice name;
	uint64_t epoch;
	struct nc_sub_owner owner;
};
int nc_subs_take_up(struct nc_subs *subs, const struct nc_sub_taking *taking,
                    struct nc_subscription **sub_out);

/* Read its parked events, and the acknowledgements that batches have committed, from the state, and
 * tell the machine. Errors: those of nc_subs_load(). */
int nc_subs_parked_load(struct nc_subs *subs, struct nc_subscription *sub);
int nc_subs_acked_load(struct nc_subs *subs, struct nc_subscription *sub);
/* Tell the machine of parked events in memory: packed rows, ascending. */
int nc_subs_parked_tell(struct nc_subs *subs, struct nc_subscription *sub, struct nc_slice rows);
/* Give it the backfill that `bytes` encode; empty: it has none. `before` is the old filter; NULL:
 * it is compiled here, and if that fails, sub->fault says so. Errors: NC_CORRUPT, NC_UNSUPPORTED,
 * NC_NOMEM. */
int nc_subs_backfill_set(struct nc_subs *subs, struct nc_subscription *sub, struct nc_slice bytes,
                         struct nc_filter *before);
void nc_subs_backfill_drop(struct nc_subscription *sub);

/* ---- Subscriptions under a lease (subs_own.c) ----------------------------------------------- */

/* The subscriptions that this node owns, one per call: `*at` begins as 0; NULL: that was the last.
 */
struct nc_subscription *nc_subs_own_next(const struct nc_subs *subs, uint32_t *at);
/* Whether it is under a lease, and the lease holds. */
bool nc_subs_own_runs(const struct nc_subscription *sub);
/* Whether it must not run now, for want of a lease; then it sleeps until nc_subs_own_wake(). */
bool nc_subs_own_sleeps(struct nc_subscription *sub);
/* It leaves the table. */
void nc_subs_own_end(struct nc_subs *subs, struct nc_subscription *sub);
/* The fate of a change that was proposed is not known: have a new epoch begin. */
void nc_subs_own_doubt(struct nc_subscription *sub);
/* When the leader may run a subscription that has no owner: not before the lease is over of a node
 * that owned it and may not know yet that it does no more. */
uint64_t nc_subs_own_back_ns(const struct nc_subs *subs, struct nc_slice name);
void nc_subs_own_stop(struct nc_subs *subs);
/* Whether it only saves, since it is about to be moved. */
bool nc_subs_own_yields(struct nc_subscription *sub, uint64_t now_ns);
void nc_subs_own_tick(struct nc_subs *subs, uint64_t now_ns);

/* ---- Seek and update (subs_move.c, subs_moved.c) -------------------------------------------- */

/* The command of sub->move was applied; or was not taken (`ticket` NULL: the move is given up). */
void nc_subs_move_outcome(struct nc_subs *subs, struct nc_subscription *sub,
                          const struct nc_ticket *ticket, const struct nc_outcome *outcome);
void nc_subs_move_refused(struct nc_subs *subs, struct nc_subscription *sub,
                          const struct nc_ticket *ticket, int err);
/* Carry the move out, if it is decided and no job still works on what was before. */
void nc_subs_move_finish(struct nc_subs *subs, struct nc_subscription *sub);
void nc_subs_move_free(struct nc_sub_move *move); /* NULL is a no-op */

/* ---- Answers that come late (subs_late.c) --------------------------------------------------- */

/* Whether the event at `position` is parked now. `fn` is called with each row that it has had, the
 * newest last. Errors: those of the state. */
int nc_subs_parked_find(struct nc_subs *subs, const struct nc_subscription *sub, uint64_t position,
                        nc_parked_fn *fn, void *ctx, bool *parked_out);
/* A parked event is no longer parked: tell the machine. Errors, which are said: those of the state.
 */
int nc_subs_parked_gone(struct nc_subs *subs, struct nc_subscription *sub, uint64_t position);
/* An event of this epoch was acknowledged: if it is parked, remove its row. False: that is not
 * possible now, since a change of the subscription is on its way or the state cannot be read. */
bool nc_subs_late_ack(struct nc_subs *subs, struct nc_subscription *sub, uint64_t position);
/* An event was answered for good. If the machine still wants it by position, the answer would be in
 * memory alone until it has been read: read it now. False: likewise. */
bool nc_subs_late_recall(struct nc_subs *subs, struct nc_subscription *sub, uint64_t position);

/* ---- Replays (subs_replay.c) ---------------------------------------------------------------- */

struct nc_sub_job;
/* Whether a replay is under way that can go on: the window has room, or its request is unanswered.
 */
bool nc_subs_replay_wants(const struct nc_subscription *sub);
/* Give the job the rows that are in memory. False: no memory. */
bool nc_subs_replay_rows(const struct nc_subscription *sub, struct nc_sub_job *job);
/* Take what the job has found. */
void nc_subs_replay_take(struct nc_subs *subs, struct nc_subscription *sub, struct nc_sub_job *job);
/* Stop the replay, and refuse the request that waits for it. */
void nc_subs_replay_end(struct nc_subs *subs, struct nc_subscription *sub, struct nc_fault fault,
                        const char *why);

/* ---- Readers' jobs (subs_jobs.c, subs_jobs_back.c) ------------------------------------------ */

/* Start the jobs that the subscription needs; take back those that are done. */
void nc_subs_jobs_start(struct nc_subs *subs, struct nc_subscription *sub);
void nc_subs_jobs_take(struct nc_subs *subs);
void nc_subs_deliveries_release(struct nc_delivery *deliveries, size_t count);

#endif
