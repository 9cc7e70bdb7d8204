/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Asking a subscription to be another (update); also because its plugin was replaced. */
#include <stdio.h>

#include "core/node/subs/subs_ask.h"
#include "core/node/subs/subs_move.h"

static bool update_refuse(const struct nc_subs_ask *ask, struct nc_fault fault, const char *text)
{
	nc_subs_ask_error(ask, fault, text);
	return false;
}

/* The new filter, if it is another. */
static bool filter_make(const struct nc_subs_ask *ask, const struct nc_subscription *sub,
                        struct nc_sub_move *move)
{
	struct nc_refusal refusal;
	struct nc_subscription made = { .definition = move->definition };
	bool same = nc_definition_filter_eq(&sub->definition, &move->definition);
	if (!same || sub->filter == NULL) {
		if (!nc_subs_filter_compile(ask->subs, &made, ask->body, &refusal))
			return update_refuse(ask, refusal.fault, refusal.text);
		move->filter = made.filter;
		move->definition.plugin_build = made.definition.plugin_build;
		move->definition.plugin_sha256 = made.definition.plugin_sha256;
	} else {
		made.hints = sub->hints;
	}
	return nc_subs_start_check(&made, &refusal) ||
	       update_refuse(ask, refusal.fault, refusal.text);
}

/* Prepare an update from durable to transient, or back: what is done stays done, and parked events
 * go along. False: it was refused; or it is carried out later, when rows that are on their way are
 * in the log. */
static bool rehome_prepare(const struct nc_subs_ask *ask, struct nc_subscription *sub,
                           struct nc_sub_move *move, bool backfill)
{
	if (sub->lease.owned) {
		return update_refuse(
		        ask, NC_FAULT_NAME_TAKEN,
		        "durable: changes where the leader runs it; make its placement "
		        "leader first");
	}
	if (backfill) {
		return update_refuse(ask, NC_FAULT_REQUEST,
		                     "durable: does not change together with a backfill");
	}
	if (sub->save.under_way && nc_subs_ask_keep(ask, &sub->later))
		return false;
	if (!sub->save.under_way && nc_subs_rows_read(ask->subs, sub, &move->rows) == NC_OK)
		return true;
	return update_refuse(ask, NC_FAULT_BUSY, "out of memory; try again");
}

static uint64_t floor_of(const struct nc_subscription *sub)
{
	struct nc_sub_info info;
	nc_sub_info(sub->machine, &info);
	return info.ack_floor;
}

/* Whether an update that begins a new epoch may be made now. False: it was refused, or is carried
 * out later. */
static bool anew_prepare(const struct nc_subs_ask *ask, struct nc_subscription *sub,
                         struct nc_sub_move *move, bool elsewhere, bool backfill)
{
	if (sub->backfill != NULL && (elsewhere || move->rehomes || move->filter != NULL))
		return update_refuse(ask, NC_FAULT_NAME_TAKEN, "a backfill is under way");
	if (move->rehomes && !rehome_prepare(ask, sub, move, backfill))
		return false;
	if (backfill && sub->filter == NULL) {
		return update_refuse(ask, NC_FAULT_NO_PLUGIN,
		                     "backfill: the plugin of the filter before is not loaded");
	}
	return true;
}

/* The place of its other start. False: it was refused, and that is said. */
static bool start_move(const struct nc_subs_ask *ask, const struct nc_subscription *sub,
                       struct nc_sub_move *move)
{
	struct nc_filter_hints hints =
	        move->filter == NULL ? sub->hints : nc_filter_hints(move->filter);
	const struct nc_sub_create start = nc_subs_start_of(&move->definition, &hints);
	return (!move->definition.durable || nc_subs_start_takes(ask, &start)) &&
	       nc_subs_start_find(ask, &start, &move->place);
}

/* Find where the new epoch starts, if the update begins one: at another start, or, with a backfill,
 * at the beginning of its past. */
static bool anew_make(const struct nc_subs_ask *ask, struct nc_subscription *sub,
                      struct nc_sub_move *move, bool backfill)
{
	const struct nc_definition *from = &sub->definition, *to = &move->definition;
	bool elsewhere = from->start != to->start || from->start_value != to->start_value;
	move->rehomes = from->durable != to->durable;
	backfill = backfill && !nc_definition_filter_eq(from, to);
	if (!anew_prepare(ask, sub, move, elsewhere, backfill))
		return false;
	move->place.cursor = move->rehomes ? floor_of(sub) : sub->started;
	move->place.floor = sub->floor;
	move->anew = elsewhere || backfill || move->rehomes;
	move->stays = move->rehomes && !elsewhere;
	if (elsewhere) {
		if (!start_move(ask, sub, move))
			return false;
	} else if (backfill) {
		nc_backfill_put(&move->backfill, from->plugin, from->selector, move->position - 1,
		                sub->machine);
	} else if (sub->backfill != NULL) {
		nc_buf_put_slice(&move->backfill, nc_buf_slice(&sub->backfill->bytes));
	}
	return nc_buf_status(&move->backfill) == NC_OK ||
	       update_refuse(ask, NC_FAULT_BUSY, "out of memory; try again");
}

static void update_propose(const struct nc_subs_ask *ask, struct nc_subscription *sub,
                           struct nc_sub_move *move)
{
	struct nc_buf definition = { 0 }, progress = { 0 }, command = { 0 }, unparked = { 0 };
	struct nc_sub_update update = { .change = nc_subs_change_of(sub),
		                        .backfill = nc_buf_slice(&move->backfill),
		                        .anew = move->anew,
		                        .cursor = move->place.cursor };
	nc_definition_put(&definition, &move->definition);
	move->progress = nc_sub_progress_take(sub->machine, &progress);
	if (!move->anew) {
		update.change.progress = nc_buf_slice(&progress);
	} else {
		update.floor = move->place.floor;
	}
	if (move->anew && move->backfill.size == 0) { /* as with a seek, those events come again */
		nc_buf_put_slice(&unparked, update.change.unparked);
		unparked.failed |=
		        nc_subs_rows_beyond(ask->subs, sub, move->place.cursor, &unparked) != NC_OK;
		update.change.unparked = nc_buf_slice(&unparked);
	}
	update.definition = nc_buf_slice(&definition);
	nc_command_put_sub_update(&command, &update);
	command.failed |= definition.failed | progress.failed | unparked.failed;
	if (!nc_subs_move_propose(ask, sub, move, &command))
		sub->save.missed = true; /* the progress was taken and did not get into the log */
	nc_buf_release(&definition);
	nc_buf_release(&progress);
	nc_buf_release(&unparked);
}

/* A transient subscription becomes durable: for the log it is a new one. */
static void enter_log(const struct nc_subs_ask *ask, struct nc_subscription *sub,
                      struct nc_sub_move *move)
{
	struct nc_buf definition = { 0 }, command = { 0 };
	struct nc_sub_create create;
	const struct nc_filter_hints hints =
	        move->filter == NULL ? sub->hints : nc_filter_hints(move->filter);
	struct nc_slice stream = hints.count > 0 ? hints.hints[0].stream : nc_slice(NULL, 0);
	if (!nc_subs_start_again(ask, &move->place, stream, &create)) {
		nc_subs_move_free(move);
		return;
	}
	nc_definition_put(&definition, &move->definition);
	create.name = nc_slice_str(sub->name);
	create.definition = nc_buf_slice(&definition);
	nc_command_put_sub_create(&command, &create);
	command.failed |= definition.failed;
	(void)nc_subs_move_propose(ask, sub, move, &command);
	nc_buf_release(&definition);
}

/* A durable subscription becomes transient: the log deletes it, and this node goes on with it. */
static void leave_log(const struct nc_subs_ask *ask, struct nc_subscription *sub,
                      struct nc_sub_move *move)
{
	struct nc_buf command = { 0 };
	nc_command_put_sub_delete(&command, nc_slice_str(sub->name));
	(void)nc_subs_move_propose(ask, sub, move, &command);
}

/* The last position that the old filter has judged: later events are for the new one. */
static uint64_t searched_to(struct nc_subs *subs, struct nc_subscription *sub)
{
	struct nc_sub_info info;
	nc_sub_info(sub->machine, &info);
	if (info.at_head) { /* everything up to the head was shown to the filter */
		nc_sub_scanned_to_head(sub->machine, atomic_load(&subs->service->position));
		nc_sub_info(sub->machine, &info);
	}
	return info.cursor;
}

void nc_subs_update(const struct nc_subs_ask *ask)
{
	struct nc_subs *subs = ask->subs;
	struct nc_subscription *sub = nc_subs_move_find(ask);
	struct nc_sub_move *move = sub == NULL ? NULL : nc_subs_move_new(ask);
	char forbidden[80];
	bool backfill = false;
	if (move == NULL)
		return;
	(void)snprintf(forbidden, sizeof forbidden, "%s.", subs->service->options.config->prefix);
	nc_buf_clear(&subs->scratch);
	int err = nc_definition_amend(&sub->definition, ask->body, nc_slice_str(forbidden),
	                              &move->definition, &backfill, &subs->scratch);
	if (err != NC_OK) {
		nc_subs_ask_refuse(ask, err);
		nc_subs_move_free(move);
		return;
	}
	if (!nc_subs_form_takes(ask, &move->definition)) {
		nc_subs_move_free(move);
		return;
	}
	nc_subs_steps_leaving(subs, sub);
	move->position = searched_to(subs, sub) + 1;
	bool was = sub->definition.durable, is = move->definition.durable;
	if (!filter_make(ask, sub, move) || !anew_make(ask, sub, move, backfill)) {
		nc_subs_move_free(move);
	} else if (was && is) {
		update_propose(ask, sub, move);
	} else if (was) {
		leave_log(ask, sub, move);
	} else if (is) {
		enter_log(ask, sub, move);
	} else {
		move->epoch = move->anew ? ++subs->transient_epochs : sub->epoch;
		nc_subs_move_decide(subs, sub, move);
	}
}

/* ---- Its plugin was replaced ---------------------------------------------------------------- */

static bool definition_copy(const struct nc_definition *from, struct nc_definition *to)
{
	struct nc_buf bytes = { 0 };
	nc_definition_put(&bytes, from);
	int err = nc_buf_status(&bytes);
	if (err == NC_OK)
		err = nc_definition_get(nc_buf_slice(&bytes), to);
	nc_buf_release(&bytes);
	return err == NC_OK;
}

bool nc_subs_move_plugin(struct nc_subs *subs, struct nc_subscription *sub,
                         struct nc_refusal *refusal)
{
	const struct nc_subs_ask ask = { .subs = subs, .name = nc_slice_str(sub->name) };
	struct nc_sub_move *move = nc_subs_move_new(&ask);
	*refusal = (struct nc_refusal){ NC_FAULT_BUSY, "out of memory" };
	if (move == NULL)
		return false;
	if (!definition_copy(&sub->definition, &move->definition)) {
		nc_subs_move_free(move);
		return false;
	}
	struct nc_subscription made = { .definition = move->definition };
	made.definition.plugin_build = made.definition.plugin_sha256 = nc_slice(NULL, 0);
	if (!nc_subs_filter_compile(subs, &made, nc_slice(NULL, 0), refusal)) {
		nc_subs_move_free(move);
		return false;
	}
	move->filter = made.filter;
	move->definition.plugin_build = made.definition.plugin_build;
	move->definition.plugin_sha256 = made.definition.plugin_sha256;
	move->replugs = true;
	nc_subs_steps_leaving(subs, sub);
	move->position = searched_to(subs, sub) + 1;
	if (sub->definition.durable) {
		update_propose(&ask, sub, move);
	} else {
		move->epoch = sub->epoch;
		nc_subs_move_decide(subs, sub, move);
	}
	return true;
}
