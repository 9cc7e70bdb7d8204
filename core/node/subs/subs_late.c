/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Acknowledgements that come when their event has been parked: within an epoch the ack of any
 * attempt counts, so the event is done, and no replay brings it again. And those that come when it
 * is to be fetched anew, so that its key is not known yet. */
#include "core/node/common/say.h"
#include "core/node/subs/subs_private.h"

struct finding {
	uint64_t position;
	nc_parked_fn *fn;
	void *ctx;
	bool parked;
};

static bool on_row(void *ctx, const struct nc_parked *parked)
{
	struct finding *finding = ctx;
	if (parked->position != finding->position)
		return false;
	finding->parked = true;
	if (finding->fn != NULL)
		(void)finding->fn(finding->ctx, parked);
	return false;
}

/* Look in the state, then among the rows that are on their way to the log; of a transient
 * subscription, in memory. */
int nc_subs_parked_find(struct nc_subs *subs, const struct nc_subscription *sub, uint64_t position,
                        nc_parked_fn *fn, void *ctx, bool *parked_out)
{
	struct finding finding = { position, fn, ctx, false };
	int err = nc_state_reader_begin(subs->reader);
	if (err != NC_OK)
		return err;
	err = nc_parked_each(subs->reader, nc_slice_str(sub->name), position, on_row, &finding);
	nc_state_reader_end(subs->reader);
	struct nc_slice list = nc_buf_slice(&sub->save.parked);
	struct nc_parked parked;
	while (nc_parked_next(&list, &parked))
		(void)on_row(&finding, &parked);
	list = nc_buf_slice(&sub->save.unparked);
	uint64_t gone;
	while (nc_unparked_next(&list, &gone))
		finding.parked &= gone != position;
	if (err == NC_OK)
		*parked_out = finding.parked;
	return err;
}

/* Read an event and call `fn` with it. Errors, which are said: those of the state. */
static int event_read(struct nc_subs *subs, const struct nc_subscription *sub, uint64_t position,
                      nc_event_fn *fn, void *ctx)
{
	const struct nc_get_spec spec = { .kind = NC_GET_POSITION,
		                          .number = position,
		                          .unseen = true };
	int err = nc_query_get(subs->reader, &spec, fn, ctx);
	if (err != NC_OK) {
		nc_say_error("subscription %s: reading %llu failed: %s", sub->name,
		             (unsigned long long)position, nc_err_name(err));
	}
	return err;
}

struct unparking {
	struct nc_subscription *sub;
	int err;
};

static void on_unparked(void *ctx, const struct nc_event *event)
{
	struct unparking *unparking = ctx;
	struct nc_subscription *sub = unparking->sub;
	struct nc_slice key;
	unparking->err = nc_subs_key(&sub->subs->keys, &sub->definition, event, &key);
	if (unparking->err == NC_OK)
		nc_sub_parked_gone(sub->machine, key);
}

int nc_subs_parked_gone(struct nc_subs *subs, struct nc_subscription *sub, uint64_t position)
{
	struct unparking unparking = { sub, NC_OK };
	int err = event_read(subs, sub, position, on_unparked, &unparking);
	return err == NC_OK ? unparking.err : err;
}

bool nc_subs_late_ack(struct nc_subs *subs, struct nc_subscription *sub, uint64_t position)
{
	struct nc_sub_info info;
	bool parked = false;
	if (sub->move == NULL) /* first take a PARK that is due */
		nc_subs_steps(subs, sub, nc_clock_ns());
	nc_sub_info(sub->machine, &info);
	if (info.parked == 0)
		return true;
	int err = nc_subs_parked_find(subs, sub, position, NULL, NULL, &parked);
	if (err == NC_OK && parked && sub->move != NULL)
		return false; /* its rows are on their way with the change */
	if (err != NC_OK) {
		nc_say_error("subscription %s: reading what is parked failed: %s", sub->name,
		             nc_err_name(err));
		return false;
	}
	if (!parked)
		return true;
	if (nc_subs_parked_gone(subs, sub, position) != NC_OK)
		return false;
	nc_subs_unpark(sub, position);
	return true;
}

static void on_recalled(void *ctx, const struct nc_event *event)
{
	struct nc_subscription *sub = ctx;
	struct nc_slice key;
	if (nc_subs_key(&sub->subs->keys, &sub->definition, event, &key) != NC_OK)
		return; /* a reader reads it later */
	const struct nc_sub_event recalled = { .position = event->position,
		                               .key = key,
		                               .version = event->version,
		                               .time_ns = event->time_ns,
		                               .size = (uint32_t)event->data.size };
	(void)nc_sub_offer(sub->machine, &recalled); /* without memory, a reader reads it later */
}

bool nc_subs_late_recall(struct nc_subs *subs, struct nc_subscription *sub, uint64_t position)
{
	uint32_t attempts;
	if (nc_sub_find(sub->machine, position, &attempts) != NC_SUB_RECALLED)
		return true;
	if (sub->move != NULL)
		return false; /* its rows are on their way with the change */
	(void)event_read(subs, sub, position, on_recalled, sub);
	return nc_sub_find(sub->machine, position, &attempts) != NC_SUB_RECALLED;
}
