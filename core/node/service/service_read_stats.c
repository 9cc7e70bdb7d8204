/* SPDX-License-Identifier: GPL-3.0-or-later */
/* R.store.stats, on a reader's thread. */
#include "core/base/json.h"
#include "core/node/service/service_read_private.h"
#include "transport/nats/reply.h"

#define STEP_NAMES   2000u
#define CLOSING_SIZE 256u /* the most bytes that follow the names */

/* An object of names that is being written: as many as fit. */
struct names {
	struct nc_buf *out;
	size_t size_max;
	bool any;
};

static bool on_name(void *ctx, struct nc_slice name, uint64_t events)
{
	struct names *names = ctx;
	size_t before = names->out->size;
	if (names->any)
		nc_buf_put_u8(names->out, ',');
	nc_json_put_string(names->out, name);
	nc_buf_put_u8(names->out, ':');
	nc_buf_put_decimal(names->out, events);
	if (names->out->size > names->size_max) {
		names->out->size = before;
		return false;
	}
	names->any = true;
	return true;
}

static void put_names(struct read *read, enum nc_stats_kind kind, const char *member,
                      const char *count_member, size_t size_max)
{
	struct names names = { .out = &read->out, .size_max = size_max };
	nc_buf_printf(&read->out, ",\"%s\":{", member);
	nc_stats_each(read->stats_made, kind, on_name, &names);
	nc_buf_printf(&read->out, "},\"%s\":%llu", count_member,
	              (unsigned long long)nc_stats_names(read->stats_made, kind));
}

/* Types may take half of the room, categories what is left. */
static void stats_answer(struct read *read, bool complete)
{
	size_t payload_max = nc_bus_max_payload(read->service->bus);
	size_t room = payload_max > CLOSING_SIZE ? payload_max - CLOSING_SIZE : 0;
	nc_buf_clear(&read->out);
	nc_service_put_head(read->service, nc_stats_head(read->stats_made), &read->out);
	put_names(read, NC_STATS_TYPES, "types", "type_count", room / 2);
	put_names(read, NC_STATS_CATEGORIES, "categories", "category_count", room);
	nc_buf_printf(&read->out, ",\"complete\":%s}", complete ? "true" : "false");
	nc_service_read_post(read, 0);
}

/* Mostly one step is all. A read that goes on keeps its counts between its turns, and their memory
 * is accounted for as requests are. */
static bool stats_go_on(struct read *read)
{
	size_t size = nc_stats_size_max(read->stats_limit);
	if (!nc_service_keep(read->service, size))
		return false;
	read->size += size;
	return true;
}

bool nc_service_read_stats(struct read *read, struct nc_state_reader *reader)
{
	bool done = false, first = read->stats_made == NULL;
	int err = NC_OK;
	if (first) {
		read->begun_ms = nc_clock_ms();
		err = nc_stats_new(read->stats_limit, &read->stats_made);
	}
	if (err == NC_OK)
		err = nc_stats_step(read->stats_made, reader, STEP_NAMES, &done);
	if (err != NC_OK) {
		nc_service_read_broken(read, err);
		return true;
	}
	uint64_t patience_ms = read->service->options.config->timeout_ms / 2;
	if (done || nc_clock_ms() - read->begun_ms >= patience_ms) {
		stats_answer(read, done);
		return true;
	}
	if (first && !stats_go_on(read)) {
		atomic_fetch_add(&read->service->counters.shed, 1);
		nc_service_read_fail(read, NC_FAULT_BUSY, nc_fault_text(NC_FAULT_BUSY));
		return true;
	}
	return false;
}
