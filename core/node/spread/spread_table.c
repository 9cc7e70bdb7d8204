/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Which subscriptions are shared, and who has them; on the leader, who is to. */
#include <stdio.h>
#include <stdlib.h>

#include "core/base/grow.h"
#include "core/delivery/definition.h"
#include "core/engine/subs.h"
#include "core/node/cluster/cluster.h"
#include "core/node/common/say.h"
#include "core/node/spread/spread_private.h"
#include "core/node/subs/subs_private.h"

#define ASSIGNED_MAX 1024u /* assignments that may be on their way through the log */

/* ---- The table ------------------------------------------------------------------------------ */

struct nc_spread_row *nc_spread_find(const struct nc_spread *spread, struct nc_slice name)
{
	struct nc_hashmap_probe probe;
	for (uint32_t id = nc_hashmap_first(&spread->names, nc_hash_bytes(name), &probe);
	     id != NC_HASHMAP_NONE; id = nc_hashmap_next(&spread->names, &probe)) {
		if (nc_slice_is(name, spread->rows[id].name))
			return &spread->rows[id];
	}
	return NULL;
}

void nc_spread_table_clear(struct nc_spread *spread)
{
	nc_hashmap_release(&spread->names);
	spread->count = 0;
}

static uint64_t hash_of(const struct nc_spread_row *row)
{
	return nc_hash_bytes(nc_slice_str(row->name));
}

/* Remove a row; the last one takes its place. */
static int row_remove(struct nc_spread *spread, struct nc_spread_row *row)
{
	uint32_t at = (uint32_t)(row - spread->rows), last = spread->count - 1;
	(void)nc_hashmap_remove(&spread->names, hash_of(row), at);
	spread->count = last;
	if (at == last)
		return NC_OK;
	(void)nc_hashmap_remove(&spread->names, hash_of(&spread->rows[last]), last);
	*row = spread->rows[last];
	return nc_hashmap_put(&spread->names, hash_of(row), at);
}

static int row_add(struct nc_spread *spread, const struct nc_spread_row *row)
{
	if (!nc_grow(&spread->rows, sizeof *row, spread->count, &spread->room, 64))
		return NC_NOMEM;
	int err = nc_hashmap_put(&spread->names, hash_of(row), spread->count);
	if (err == NC_OK)
		spread->rows[spread->count++] = *row;
	return err;
}

/* Within a snapshot. */
static int row_make(struct nc_spread *spread, const struct nc_sub_row *from,
                    struct nc_spread_row *row_out)
{
	struct nc_definition definition;
	struct nc_spread_row row = { .epoch = from->epoch };
	int err = nc_definition_get(from->definition, &definition);
	if (err != NC_OK)
		return err;
	row.spreads = definition.placement == NC_PLACEMENT_SPREAD;
	row.acks_all = definition.ack == NC_ACK_ALL;
	(void)snprintf(row.plugin, sizeof row.plugin, "%.*s", (int)definition.plugin.size,
	               (const char *)definition.plugin.data);
	nc_definition_release(&definition);
	(void)snprintf(row.name, sizeof row.name, "%.*s", (int)from->name.size,
	               (const char *)from->name.data);
	err = nc_sub_owner_get(spread->reader, from->name, &row.owner);
	row.since = spread->applied;
	row.changed_ns = nc_clock_ns();
	if (err == NC_OK)
		*row_out = row;
	return err;
}

/* Whether the row belongs into the table: a subscription that the leader runs, and is to run, is
 * not shared. */
static bool is_shared(const struct nc_spread_row *row)
{
	return row->spreads || row->owner.number != 0;
}

struct loading {
	struct nc_spread *spread;
	int err;
};

static bool on_row(void *ctx, const struct nc_sub_row *from)
{
	struct loading *loading = ctx;
	struct nc_spread_row row;
	loading->err = row_make(loading->spread, from, &row);
	if (loading->err == NC_OK && is_shared(&row))
		loading->err = row_add(loading->spread, &row);
	return loading->err == NC_OK;
}

int nc_spread_table_load(struct nc_spread *spread)
{
	struct loading loading = { .spread = spread };
	int err = nc_state_reader_begin(spread->reader);
	if (err != NC_OK)
		return err;
	err = nc_sub_row_each(spread->reader, on_row, &loading);
	nc_state_reader_end(spread->reader);
	return err == NC_OK ? loading.err : err;
}

int nc_spread_table_update(struct nc_spread *spread, struct nc_slice name)
{
	struct nc_buf scratch = { 0 };
	struct nc_sub_row from;
	struct nc_spread_row row;
	int err = nc_state_reader_begin(spread->reader);
	if (err != NC_OK)
		return err;
	err = nc_sub_row_get(spread->reader, name, &scratch, &from);
	if (err == NC_OK)
		err = row_make(spread, &from, &row);
	nc_state_reader_end(spread->reader);
	nc_buf_release(&scratch);
	struct nc_spread_row *there = nc_spread_find(spread, name);
	if (err == NC_NOTFOUND || (err == NC_OK && !is_shared(&row))) {
		if (there != NULL) {
			spread->unshared_ns = nc_clock_ns();
			nc_spread_note_past(spread, there);
		}
		return there == NULL ? NC_OK : row_remove(spread, there);
	}
	if (err != NC_OK)
		return err;
	if (there == NULL)
		return row_add(spread, &row);
	row.assigning = there->assigning;
	bool same = nc_sub_owner_same(row.owner, there->owner);
	if (row.epoch == there->epoch && same) {
		row.since = there->since;
		row.changed_ns = there->changed_ns;
		row.listens_ns = there->listens_ns;
	}
	if (!same)
		nc_spread_note_past(spread, there);
	*there = row;
	return NC_OK;
}

/* ---- What others ask of it ------------------------------------------------------------------ */

bool nc_spread_has(const struct nc_spread *spread, struct nc_slice name)
{
	return nc_spread_active(spread) && spread->leads && nc_spread_find(spread, name) != NULL;
}

size_t nc_spread_count(const struct nc_spread *spread)
{
	return spread == NULL ? 0 : spread->count;
}

void nc_spread_each_elsewhere(const struct nc_spread *spread, nc_spread_each_fn *fn, void *ctx)
{
	for (uint32_t i = 0; spread != NULL && i < spread->count; i++) {
		const struct nc_spread_row *row = &spread->rows[i];
		if (nc_subs_find(spread->service->subs, nc_slice_str(row->name)) != NULL)
			continue;
		const struct nc_spread_elsewhere elsewhere = {
			.name = row->name,
			.plugin = row->plugin,
			.node = row->owner.number == 0
			                ? ""
			                : nc_cluster_name(spread->service->options.cluster,
			                                  row->owner.number),
			.owner = row->owner.number,
			.epoch = row->epoch
		};
		fn(ctx, &elsewhere);
	}
}

/* ---- Who is to have it ---------------------------------------------------------------------- */

static bool propose(struct nc_spread *spread, struct nc_spread_row *row, struct nc_sub_owner owner)
{
	const struct nc_sub_own own = { .name = nc_slice_str(row->name),
		                        .epoch = row->epoch,
		                        .owner = owner };
	struct nc_buf command = { 0 };
	struct nc_spread_taken *taken = nc_spread_taken_new(spread);
	struct nc_ticket *ticket = taken == NULL ? NULL
	                                         : nc_ticket_new(&spread->service->tickets,
	                                                         nc_slice(NULL, 0), nc_clock_ms());
	nc_command_put_sub_own(&command, &own);
	int err = ticket == NULL ? NC_NOMEM : nc_buf_status(&command);
	if (err == NC_OK) {
		memcpy(taken->name, row->name, sizeof taken->name);
		ticket->of = NC_TICKET_SPREAD;
		ticket->taken = taken;
		err = nc_replica_command(spread->service->replica, nc_buf_slice(&command), ticket);
	}
	nc_buf_release(&command);
	if (err == NC_OK) {
		row->assigning = true;
		return true;
	}
	if (ticket != NULL)
		nc_ticket_free(&spread->service->tickets, ticket);
	nc_spread_taken_free(spread, taken);
	return false;
}

int nc_spread_keep(struct nc_spread *spread, struct nc_slice name)
{
	struct nc_spread_row *row = nc_spread_find(spread, name);
	if (row == NULL)
		return NC_NOTFOUND;
	if (row->assigning)
		return NC_OK; /* an assignment is on its way, which begins another epoch too */
	return propose(spread, row, (struct nc_sub_owner){ spread->self, spread->boot }) ? NC_OK
	                                                                                 : NC_BUSY;
}

static struct nc_placement_share share_of(const struct nc_spread_row *row,
                                          const struct nc_subscription *here)
{
	return (struct nc_placement_share){ .name = nc_slice_str(row->name),
		                            .spreads = row->spreads,
		                            .runs = here != NULL && nc_subs_own_runs(here),
		                            .owner = row->owner };
}

void nc_spread_assign(struct nc_spread *spread, uint64_t now_ns)
{
	struct nc_placement_round round;
	unsigned assigned = 0;
	if (!nc_spread_active(spread) || !spread->service->serving || spread->service->drain.begun)
		return;
	nc_placement_round_begin(&round, &spread->placement,
	                         (struct nc_sub_owner){ spread->self, spread->boot }, now_ns);
	for (uint32_t i = 0; i < spread->count && assigned < ASSIGNED_MAX; i++) {
		struct nc_spread_row *row = &spread->rows[i];
		struct nc_sub_owner owner;
		const struct nc_subscription *here =
		        nc_subs_find(spread->service->subs, nc_slice_str(row->name));
		/* Before it moves, a change of it has to end, and its parked events have to get
		 * into the log. */
		bool changes = here != NULL && (here->move != NULL || here->save.parked.size > 0 ||
		                                here->save.missed);
		const struct nc_placement_share share = share_of(row, here);
		if (row->assigning || changes)
			continue;
		if (!nc_placement_owner(&spread->placement, &round, &share, &owner)) {
			row->yield_ns = 0;
			continue;
		}
		if (nc_spread_yields_first(spread, row, now_ns))
			continue;
		if (!propose(spread, row, owner))
			break; /* again at the next look */
		assigned++;
	}
	if (assigned > 0) {
		nc_say_info("%u subscriptions are given to other nodes: %zu share them", assigned,
		            round.count);
	}
}
