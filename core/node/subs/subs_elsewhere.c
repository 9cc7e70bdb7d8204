/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What R.sub.list says of a subscription that another node runs: what that node tells; where it
 * does not, what the log knows, up to 100 ms behind, and that this is so. R.sub.info is answered by
 * the node itself. */
#include "core/engine/progress.h"
#include "core/node/common/say.h"
#include "core/node/spread/spread.h"
#include "core/node/spread/standings.h"
#include "core/node/subs/subs_ask.h"

struct logged {
	struct nc_definition definition;
	struct nc_sub_progress progress;
};

/* What the log has of the subscription; before its first progress it stands at its start. */
static int logged_read(struct nc_subs *subs, struct nc_slice name, struct logged *logged_out)
{
	struct nc_buf scratch = { 0 }, progress = { 0 };
	struct nc_sub_row row;
	struct logged logged = { 0 };
	int err = nc_state_reader_begin(subs->reader);
	if (err != NC_OK)
		return err;
	err = nc_sub_row_get(subs->reader, name, &scratch, &row);
	if (err == NC_OK) {
		logged.progress.cursor = logged.progress.floor = row.cursor;
		err = nc_sub_row_progress(subs->reader, name, &progress);
		if (err == NC_OK) {
			err = nc_sub_progress_read(nc_buf_slice(&progress), &logged.progress);
		} else if (err == NC_NOTFOUND) {
			err = NC_OK;
		}
	}
	nc_state_reader_end(subs->reader);
	if (err == NC_OK)
		err = nc_definition_get(row.definition, &logged.definition);
	nc_buf_release(&scratch);
	nc_buf_release(&progress);
	if (err == NC_OK)
		*logged_out = logged;
	return err;
}

/* Its state as far as the log tells: whether it is paused or halted. Only its node knows more. */
static enum nc_standing_state state_of(const struct nc_sub_progress *progress, bool moving)
{
	if (moving)
		return NC_STANDING_MOVING;
	return progress->halted   ? NC_STANDING_HALTED
	       : progress->paused ? NC_STANDING_PAUSED
	                          : NC_STANDING_UNKNOWN;
}

static int put_logged(struct nc_subs *subs, const struct nc_spread_elsewhere *elsewhere,
                      bool moving, enum nc_standing_form form, struct nc_buf *out)
{
	struct logged logged;
	struct nc_standing standing = { .name = nc_slice_str(elsewhere->name),
		                        .state = NC_STANDING_MOVING };
	int err = logged_read(subs, standing.name, &logged);
	if (err == NC_NOTFOUND) { /* deleted just now */
		nc_standing_put_json(out, &standing, NC_STANDING_SHORT);
		return NC_OK;
	}
	if (err != NC_OK) {
		nc_say_error("subscription %s: reading where it stands failed: %s", elsewhere->name,
		             nc_err_name(err));
		return err;
	}
	const struct nc_sub_progress *progress = &logged.progress;
	standing.state = state_of(progress, moving);
	standing.epoch = elsewhere->epoch;
	standing.durable = standing.logged = true;
	standing.push = logged.definition.push;
	standing.plugin = logged.definition.plugin;
	standing.node = nc_slice_str(elsewhere->node);
	standing.in_flight = progress->in_flight;
	standing.redelivered = progress->redelivered;
	standing.ack_floor = progress->floor;
	standing.last_delivered = progress->last_delivered;
	nc_standing_put_json(out, &standing, form);
	nc_definition_release(&logged.definition);
	return NC_OK;
}

int nc_subs_put_elsewhere(struct nc_subs *subs, const struct nc_spread_elsewhere *elsewhere,
                          struct nc_survey *survey, enum nc_standing_form form, struct nc_buf *out)
{
	struct nc_standing standing;
	bool owned = elsewhere->owner != 0 && elsewhere->owner != subs->service->options.self;
	int err = survey == NULL || !owned
	                  ? NC_TIMEOUT
	                  : nc_survey_find(survey, elsewhere->owner, nc_slice_str(elsewhere->name),
	                                   &standing);
	if (err == NC_OK && standing.epoch >= elsewhere->epoch) {
		standing.node = nc_slice_str(elsewhere->node);
		nc_standing_put_json(out, &standing, form);
		return NC_OK;
	}
	return put_logged(subs, elsewhere, !owned || err == NC_NOTFOUND, form, out);
}
