/* SPDX-License-Identifier: GPL-3.0-or-later */
/* R.sub.list: this node's subscriptions and those that others run, who are asked first; and what
 * this node tells when it is asked so. */
#include <stdlib.h>
#include <string.h>

#include "core/base/json.h"
#include "core/node/spread/spread.h"
#include "core/node/spread/standings.h"
#include "core/node/subs/subs_ask.h"
#include "transport/nats/reply.h"

#define LIST_WIDE_SIZE      420u /* bytes of an entry that says where it stands, about */
/* The fewest that an entry takes, beside its name. */
#define ENTRY_SIZE_MIN      (sizeof "{\"name\":\"\",\"state\":\"live\"}" - 1)
#define ENTRY_WIDE_SIZE_MIN 200u

/* ---- All of them ---------------------------------------------------------------------------- */

struct entry {
	const char *name;
	const struct nc_subscription *sub; /* NULL: another node runs it */
	struct nc_spread_elsewhere elsewhere;
};

/* The subscriptions of a range of names. */
struct entries {
	const char *after, *through; /* `through` NULL: to the end */
	struct entry *at;            /* [count], ascending by name */
	size_t count;
	size_t total; /* of any name */
	bool more;    /* some come behind `through` */
};

static int by_name(const void *a, const void *b)
{
	const struct entry *x = a, *y = b;
	return strcmp(x->name, y->name);
}

static void entry_add(struct entries *all, const struct entry *entry)
{
	bool behind = all->through != NULL && strcmp(entry->name, all->through) > 0;
	all->total++;
	all->more = all->more || behind;
	if (!behind && strcmp(entry->name, all->after) > 0)
		all->at[all->count++] = *entry;
}

static void on_elsewhere(void *ctx, const struct nc_spread_elsewhere *elsewhere)
{
	entry_add(ctx, &(struct entry){ .name = elsewhere->name, .elsewhere = *elsewhere });
}

/* Free `at`. False: no memory. */
static bool entries_collect(struct nc_subs *subs, const char *after, const char *through,
                            struct entries *all_out)
{
	struct entries all = { .after = after, .through = through };
	size_t room = subs->count + nc_spread_count(subs->service->spread) + 1;
	all.at = malloc(room * sizeof *all.at);
	if (all.at == NULL)
		return false;
	for (uint32_t id = 0; id < subs->room; id++) {
		const struct nc_subscription *sub = subs->slots[id];
		if (sub != NULL)
			entry_add(&all, &(struct entry){ .name = sub->name, .sub = sub });
	}
	nc_spread_each_elsewhere(subs->service->spread, on_elsewhere, &all);
	qsort(all.at, all.count, sizeof *all.at, by_name);
	*all_out = all;
	return true;
}

/* ---- A page --------------------------------------------------------------------------------- */

struct page {
	struct nc_list_ask ask;
	/* The last name that may be on the page; ask.after, if none may be. */
	char through[NC_WORD_SIZE_MAX + 1];
	enum nc_standing_form form;           /* wide, unless there is no room for that */
	uint64_t owners[NC_RAFT_MEMBERS_MAX]; /* [owner_count]: other nodes that run some of it */
	size_t owner_count;
};

static void owner_note(struct page *page, uint64_t owner, uint64_t self)
{
	size_t i = 0;
	while (i < page->owner_count && page->owners[i] != owner)
		i++;
	if (owner != 0 && owner != self && i == page->owner_count && i < NC_RAFT_MEMBERS_MAX)
		page->owners[page->owner_count++] = owner;
}

/* Which names the page may have, of those after page->ask.after: as many as one message can hold at
 * most. */
static void page_plan(const struct nc_subs *subs, const struct entries *all, struct page *page)
{
	size_t asked = page->ask.limit == 0 ? all->total : page->ask.limit;
	size_t room = nc_subs_list_room(subs), size = 0;
	bool wide = (asked < all->total ? asked : all->total) * LIST_WIDE_SIZE < room;
	size_t least = wide ? ENTRY_WIDE_SIZE_MIN : ENTRY_SIZE_MIN;
	page->form = wide ? NC_STANDING_WIDE : NC_STANDING_SHORT;
	memcpy(page->through, page->ask.after, sizeof page->through);
	for (size_t i = 0; i < all->count && i < asked && size <= room; i++) {
		const struct entry *entry = &all->at[i];
		size += strlen(entry->name) + least;
		memcpy(page->through, entry->name, strlen(entry->name) + 1);
		if (entry->sub == NULL)
			owner_note(page, entry->elsewhere.owner, subs->service->options.self);
	}
}

static int put_entry(struct nc_subs *subs, const struct entry *entry, struct nc_survey *survey,
                     enum nc_standing_form form, struct nc_buf *out)
{
	struct nc_standing standing;
	int err;
	nc_buf_put_u8(out, '{');
	if (entry->sub == NULL) {
		err = nc_subs_put_elsewhere(subs, &entry->elsewhere, survey, form, out);
	} else {
		err = nc_subs_standing(subs, entry->sub, form, &standing);
		if (err == NC_OK)
			nc_standing_put_json(out, &standing, form);
	}
	nc_buf_put_u8(out, '}');
	return err;
}

/* By name, as many as one message holds; `next` is what to put in `after` to go on. */
static int entries_put(struct nc_subs *subs, const struct page *page, const struct entries *all,
                       struct nc_survey *survey, struct nc_buf *out)
{
	size_t i = 0;
	nc_buf_put_str(out, "{\"subscriptions\":[");
	for (; i < all->count; i++) {
		size_t before = out->size;
		if (i > 0)
			nc_buf_put_u8(out, ',');
		int err = put_entry(subs, &all->at[i], survey, page->form, out);
		if (err != NC_OK)
			return err;
		if (out->size > nc_subs_list_room(subs)) {
			out->size = before;
			break;
		}
	}
	nc_buf_printf(out, "],\"total\":%zu", all->total);
	bool cut = i < all->count && i > 0;
	if (cut || all->more) { /* as the request's `after`, `through` may hold anything */
		nc_buf_put_str(out, ",\"next\":");
		nc_json_put_string(out, nc_slice_str(cut ? all->at[i - 1].name : page->through));
	}
	nc_buf_put_u8(out, '}');
	return NC_OK;
}

/* The entries are collected again: while other nodes were asked, some may have come or gone. */
static void page_answer(const struct nc_subs_ask *ask, const struct page *page,
                        struct nc_survey *survey)
{
	struct nc_buf *out = &ask->subs->scratch;
	struct entries all;
	if (!entries_collect(ask->subs, page->ask.after, page->through, &all)) {
		nc_subs_ask_error(ask, NC_FAULT_BUSY, "out of memory; try again");
		return;
	}
	nc_buf_clear(out);
	int err = entries_put(ask->subs, page, &all, survey, out);
	free(all.at);
	if (err == NC_OK) {
		nc_subs_ask_answer_buf(ask, out);
	} else {
		nc_subs_ask_error(ask, NC_FAULT_UNAVAILABLE, nc_err_name(err));
	}
}

/* ---- Asked for ------------------------------------------------------------------------------ */

/* A list that waits until the other nodes have answered. */
struct waiting {
	struct nc_service *service;
	int endpoint;
	struct page page;
	size_t reply_size;
	char reply[]; /* with its NUL */
};

static void refuse(struct nc_service *service, const struct nc_subs_ask *ask, struct nc_fault fault,
                   const char *text)
{
	nc_service_error(service, &service->out, nc_service_reply_str(ask->reply),
	                 &service->srv.endpoints[ask->endpoint].stats,
	                 &(struct nc_service_refusal){ .fault = fault, .text = text });
}

static void on_told(void *ctx, struct nc_survey *survey)
{
	struct waiting *waiting = ctx;
	struct nc_service *service = waiting->service;
	const struct nc_subs_ask ask = { .subs = service->subs,
		                         .op = NC_OP_SUB_LIST,
		                         .reply = nc_slice(waiting->reply, waiting->reply_size),
		                         .endpoint = waiting->endpoint };
	if (survey != NULL) {
		page_answer(&ask, &waiting->page, survey);
	} else {
		refuse(service, &ask, NC_FAULT_UNAVAILABLE,
		       "this node does not lead any more; ask again");
	}
	free(waiting);
}

static void ask_owners(const struct nc_subs_ask *ask, const struct page *page)
{
	struct nc_service *service = ask->subs->service;
	struct waiting *waiting = malloc(sizeof *waiting + ask->reply.size + 1);
	if (waiting == NULL) {
		refuse(service, ask, NC_FAULT_BUSY, nc_fault_text(NC_FAULT_BUSY));
		return;
	}
	*waiting = (struct waiting){ .service = service,
		                     .endpoint = ask->endpoint,
		                     .page = *page,
		                     .reply_size = ask->reply.size };
	if (ask->reply.size > 0)
		memcpy(waiting->reply, ask->reply.data, ask->reply.size);
	waiting->reply[ask->reply.size] = '\0';
	const struct nc_survey_ask survey = { .after = page->ask.after,
		                              .through = page->through,
		                              .form = page->form,
		                              .nodes = page->owners,
		                              .count = page->owner_count };
	if (nc_spread_survey(service->spread, &survey, on_told, waiting) != NC_OK) {
		refuse(service, ask, NC_FAULT_BUSY, nc_fault_text(NC_FAULT_BUSY));
		free(waiting);
	}
}

void nc_subs_show_list(const struct nc_subs_ask *ask)
{
	struct nc_subs *subs = ask->subs;
	struct page page = { 0 };
	struct entries all;
	nc_buf_clear(&subs->scratch);
	int err = nc_list_parse(ask->body, &page.ask, &subs->scratch);
	if (err != NC_OK) {
		nc_subs_ask_refuse(ask, err);
		return;
	}
	if (!entries_collect(subs, page.ask.after, NULL, &all)) {
		nc_subs_ask_error(ask, NC_FAULT_BUSY, "out of memory; try again");
		return;
	}
	page_plan(subs, &all, &page);
	free(all.at);
	if (page.owner_count > 0) {
		ask_owners(ask, &page);
	} else {
		page_answer(ask, &page, NULL);
	}
}

/* ---- Asked by the leader -------------------------------------------------------------------- */

int nc_subs_put_standings(struct nc_subs *subs, const char *after, const char *through,
                          enum nc_standing_form form, struct nc_buf *buf)
{
	struct entries own = { .after = after, .through = through };
	own.at = malloc((subs->own.count + 1) * sizeof *own.at);
	if (own.at == NULL)
		return NC_NOMEM;
	uint32_t at = 0;
	const struct nc_subscription *sub;
	while ((sub = nc_subs_own_next(subs, &at)) != NULL)
		entry_add(&own, &(struct entry){ .name = sub->name, .sub = sub });
	qsort(own.at, own.count, sizeof *own.at, by_name);
	nc_standings_put_count(buf, own.count);
	int err = NC_OK;
	for (size_t i = 0; i < own.count && err == NC_OK; i++) {
		struct nc_standing standing;
		err = nc_subs_standing(subs, own.at[i].sub, form, &standing);
		if (err == NC_OK)
			nc_standing_put(buf, &standing, form);
	}
	free(own.at);
	return err == NC_OK ? nc_buf_status(buf) : err;
}
