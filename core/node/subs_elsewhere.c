/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What R.sub.list says of a subscription that another node runs: what the log knows, up to 100 ms
 * behind what that node does. R.sub.info is answered by the node itself. */
#include "core/base/json.h"
#include "core/engine/progress.h"
#include "core/node/subs_ask.h"

struct standing {
	struct nc_definition definition;
	struct nc_sub_progress progress;
};

/* Before the first progress it stands where it starts. */
static int standing_read(struct nc_subs *subs, const struct nc_subs_elsewhere *entry,
                         struct standing *standing_out)
{
	struct nc_buf scratch = { 0 }, progress = { 0 };
	struct nc_slice name = nc_slice_str(entry->name);
	struct nc_sub_row row;
	struct standing standing = { 0 };
	int err = nc_state_reader_begin(subs->reader);
	if (err != NC_OK)
		return err;
	err = nc_sub_row_get(subs->reader, name, &scratch, &row);
	if (err == NC_OK) {
		standing.progress.cursor = standing.progress.floor = row.cursor;
		err = nc_sub_row_progress(subs->reader, name, &progress);
		if (err == NC_OK) {
			err = nc_sub_progress_read(nc_buf_slice(&progress), &standing.progress);
		} else if (err == NC_NOTFOUND) {
			err = NC_OK;
		}
	}
	nc_state_reader_end(subs->reader);
	if (err == NC_OK)
		err = nc_definition_get(row.definition, &standing.definition);
	nc_buf_release(&scratch);
	nc_buf_release(&progress);
	if (err == NC_OK)
		*standing_out = standing;
	return err;
}

static const char *state_of(const struct nc_subs_elsewhere *entry,
                            const struct nc_sub_progress *progress)
{
	if (*entry->node == '\0')
		return "moving";
	return progress->halted ? "halted" : progress->paused ? "paused" : "live";
}

void nc_subs_put_elsewhere(struct nc_subs *subs, const struct nc_subs_elsewhere *entry, bool wide,
                           struct nc_buf *out)
{
	struct standing standing;
	int err = standing_read(subs, entry, &standing);
	nc_buf_printf(out, "{\"name\":\"%s\"", entry->name);
	if (err != NC_OK) { /* deleted just now */
		nc_buf_put_str(out, ",\"state\":\"moving\"}");
		return;
	}
	const struct nc_sub_progress *progress = &standing.progress;
	if (wide) {
		nc_buf_printf(out, ",\"durable\":true,\"push\":%s,\"plugin\":",
		              standing.definition.push ? "true" : "false");
		nc_json_put_string(out, standing.definition.plugin);
		nc_buf_printf(out,
		              ",\"in_flight\":%llu,\"redelivered\":%llu,\"ack_floor\":%llu,"
		              "\"last_delivered\":%llu,\"node\":\"%s\",\"epoch\":%llu",
		              (unsigned long long)progress->outstanding,
		              (unsigned long long)progress->redelivered,
		              (unsigned long long)progress->floor,
		              (unsigned long long)progress->last_delivered, entry->node,
		              (unsigned long long)entry->epoch);
	}
	nc_buf_printf(out, ",\"state\":\"%s\"}", state_of(entry, progress));
	nc_definition_release(&standing.definition);
}
