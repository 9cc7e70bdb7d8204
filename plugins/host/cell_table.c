/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The calls of a plugin, carried to its cell and back. */
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/base/grow.h"
#include "core/base/unconst.h"
#include "plugins/host/cell_private.h"

/* A filter as the node sees it. What the plugin has compiled is in the process, and is lost with
 * it. */
struct cell_filter {
	struct nc_cell *cell;
	uint64_t generation; /* the process in which it was compiled; 0: none yet */
	uint32_t number;
	atomic_bool known; /* what follows has been set, and does not change any more */
	int full;
	uint32_t needs;      /* it needs something that this version of the node cannot give */
	struct nc_buf hints; /* as nc_cell_put_hint() puts them */
	size_t source_size;
	uint8_t source[];
};

/* ---- Numbers of filters --------------------------------------------------------------------- */

static uint32_t number_take(struct nc_cell *cell)
{
	(void)pthread_mutex_lock(&cell->status_lock);
	uint32_t number =
	        cell->number_count > 0 ? cell->numbers[--cell->number_count] : cell->number_next++;
	(void)pthread_mutex_unlock(&cell->status_lock);
	return number;
}

static void number_put(struct nc_cell *cell, uint32_t number)
{
	if (nc_grow(&cell->numbers, sizeof number, cell->number_count, &cell->number_room, 64))
		cell->numbers[cell->number_count++] = number;
}

/* Give a number back. Without memory to note it, it is not used again, which costs the process 16
 * bytes. */
static void number_give(struct nc_cell *cell, uint32_t number)
{
	(void)pthread_mutex_lock(&cell->status_lock);
	number_put(cell, number);
	(void)pthread_mutex_unlock(&cell->status_lock);
}

/* ---- Compiling ------------------------------------------------------------------------------ */

static void fault_take(struct nc_cell *cell, nacre_filter_error *error)
{
	struct nc_reader reader = nc_reader(nc_buf_slice(&cell->reply.out));
	uint32_t offset = nc_reader_u32(&reader);
	nacre_filter_slice text = nc_cell_get_text(&reader);
	if (reader.failed)
		return;
	error->source_offset = offset;
	(void)snprintf(error->message, sizeof error->message, "%.*s", (int)text.size,
	               (const char *)text.data);
}

static void trouble_take(struct nc_cell *cell, nacre_filter_error *error)
{
	struct nc_cell_status status;
	nc_cell_status(cell, &status);
	error->source_offset = NACRE_FILTER_NO_OFFSET;
	(void)snprintf(error->message, sizeof error->message, "%s",
	               status.trouble[0] == '\0' ? "its process cannot be asked" : status.trouble);
}

/* Compile a filter in the process, which is ready; the lock is held. Returns the plugin's answer,
 * or a negative error. */
static int compile_there(struct cell_filter *filter, nacre_filter_error *error)
{
	struct nc_cell *cell = filter->cell;
	struct nc_cell_call call = { .op = NC_CELL_COMPILE, .filter = filter->number };
	int answer = NACRE_FILTER_FAILED;
	int err = nc_cell_ask(cell, &call, nc_slice(filter->source, filter->source_size), &answer);
	if (err != NC_OK) {
		trouble_take(cell, error);
		return err == NC_NOMEM ? NACRE_FILTER_NO_MEMORY : NACRE_FILTER_FAILED;
	}
	if (answer < 0) {
		fault_take(cell, error);
	} else {
		filter->generation = cell->generation;
	}
	return answer;
}

/* Take the plugin's hints. If they are wrong, only its own subscriptions miss events. */
static int compiled_take(struct cell_filter *filter)
{
	struct nc_reader reader = nc_reader(nc_buf_slice(&filter->cell->reply.out));
	filter->needs = nc_reader_u32(&reader) & ~NACRE_FILTER_NEEDS_VIEW;
	filter->full = (int)nc_reader_u32(&reader);
	if (reader.failed)
		return NACRE_FILTER_FAILED;
	nc_buf_put(&filter->hints, reader.at, nc_reader_left(&reader));
	if (nc_buf_status(&filter->hints) != NC_OK) {
		nc_buf_clear(&filter->hints);
		return NACRE_FILTER_NO_MEMORY;
	}
	atomic_store_explicit(&filter->known, true, memory_order_release);
	return NACRE_FILTER_OK;
}

bool nc_cell_filter_known(const void *made)
{
	const struct cell_filter *filter = made;
	return atomic_load_explicit(&filter->known, memory_order_acquire);
}

int nc_cell_filter_later(struct nc_cell *cell, struct nc_slice selector, void **filter_out)
{
	struct cell_filter *filter = malloc(sizeof *filter + selector.size);
	if (filter == NULL)
		return NC_NOMEM;
	*filter = (struct cell_filter){ .cell = cell,
		                        .number = UINT32_MAX,
		                        .source_size = selector.size };
	memcpy(filter->source, selector.data, selector.size);
	*filter_out = filter;
	return NC_OK;
}

static void table_destroy(void *filter);

static int table_compile(const nacre_filter_host *host, const nacre_filter_selector *selector,
                         void **filter_out, nacre_filter_error *error)
{
	struct nc_cell *cell = host->host_ctx;
	void *made;
	const struct nc_slice source =
	        nc_slice(selector->source.data, (size_t)selector->source.size);
	*filter_out = NULL;
	if (nc_cell_filter_later(cell, source, &made) != NC_OK)
		return NACRE_FILTER_NO_MEMORY;
	struct cell_filter *filter = made;
	int answer = NACRE_FILTER_FAILED;
	(void)pthread_mutex_lock(&cell->lock);
	filter->number = number_take(cell);
	if (!nc_cell_ready(cell)) {
		trouble_take(cell, error);
	} else {
		answer = compile_there(filter, error);
	}
	if (answer >= 0)
		answer = compiled_take(filter);
	(void)pthread_mutex_unlock(&cell->lock);
	if (answer < 0) {
		table_destroy(filter);
		return answer;
	}
	*filter_out = filter;
	return NACRE_FILTER_OK;
}

/* The filter in the process is replaced by the next one with its number, or ends with the process:
 * so nothing has to be awaited here. */
static void table_destroy(void *made)
{
	struct cell_filter *filter = made;
	if (filter == NULL)
		return;
	if (filter->number != UINT32_MAX)
		number_give(filter->cell, filter->number);
	nc_buf_release(&filter->hints);
	free(filter);
}

/* What the node has to give the filter. The view of the data is made in the process. */
static uint32_t table_needs(const void *made)
{
	const struct cell_filter *filter = made;
	return filter->needs;
}

static int table_hints(const void *made, nacre_filter_emit_fn *emit, void *emit_ctx)
{
	const struct cell_filter *filter = made;
	struct nc_reader reader = nc_reader(nc_buf_slice(&filter->hints));
	nacre_filter_hint hint;
	while (nc_reader_left(&reader) > 0) {
		if (!nc_cell_get_hint(&reader, &hint))
			return NACRE_FILTER_FAILED;
		emit(emit_ctx, &hint);
	}
	return filter->full;
}

/* ---- Matching ------------------------------------------------------------------------------- */

/* Why a filter that was just compiled cannot be asked; NULL: it can. The first time, its needs and
 * hints are taken. */
static const char *unusable(struct cell_filter *filter)
{
	int answer = nc_cell_filter_known(filter) ? NACRE_FILTER_OK : compiled_take(filter);
	if (answer == NACRE_FILTER_NO_MEMORY)
		return "no memory for its hints";
	if (answer != NACRE_FILTER_OK)
		return "its process answers what cannot be read";
	return filter->needs == 0 ? NULL : "it asks for what this node cannot give";
}

/* Whether the filter is compiled in the present process; if not, it is compiled now. The lock is
 * held. */
static bool filter_ready(struct cell_filter *filter)
{
	struct nc_cell *cell = filter->cell;
	nacre_filter_error error = { .struct_size = sizeof error };
	if (!nc_cell_ready(cell))
		return false;
	if (filter->generation == cell->generation)
		return true;
	if (filter->number == UINT32_MAX)
		filter->number = number_take(cell);
	if (compile_there(filter, &error) < 0) {
		if (cell->process.pid != 0)
			nc_cell_refuses(cell, error.message);
		return false;
	}
	const char *why = unusable(filter);
	if (why == NULL)
		return true;
	filter->generation = 0; /* compile it again before it is asked the next time */
	nc_cell_refuses(cell, why);
	return false;
}

/* Put as many events as fit into one call, from `from` on. Returns how many. */
static uint64_t question_make(struct nc_cell *cell, const nacre_filter_event *const *events,
                              uint64_t from, uint64_t count)
{
	uint64_t at = from, size = 0;
	nc_buf_clear(&cell->question);
	for (; at < count; at++) {
		size += nc_cell_event_size(events[at]);
		if (at > from && size > NC_CELL_BATCH_SIZE)
			break;
		nc_cell_put_event(&cell->question, events[at]);
	}
	return at - from;
}

/* Take the bits of `count` events, after those of the first `from`. */
static bool bits_take(const struct nc_cell *cell, uint64_t from, uint64_t count, uint64_t *matched)
{
	if (cell->reply.out.size != (count + 63) / 64 * 8)
		return false;
	for (uint64_t i = 0; i < count; i++) {
		if (nc_get_u64(cell->reply.out.data + i / 64 * 8) >> i % 64 & 1)
			matched[(from + i) / 64] |= UINT64_C(1) << (from + i) % 64;
	}
	return true;
}

static int match_some(struct cell_filter *filter, const nacre_filter_event *const *events,
                      uint64_t from, uint64_t *count, uint64_t *matched)
{
	struct nc_cell *cell = filter->cell;
	struct nc_cell_call call = { .op = NC_CELL_MATCH, .filter = filter->number };
	int answer = NACRE_FILTER_FAILED;
	call.count = question_make(cell, events, from, *count);
	if (nc_buf_status(&cell->question) != NC_OK)
		return NACRE_FILTER_NO_MEMORY;
	int err = nc_cell_ask(cell, &call, nc_buf_slice(&cell->question), &answer);
	if (err != NC_OK)
		return err == NC_NOMEM ? NACRE_FILTER_NO_MEMORY : NACRE_FILTER_FAILED;
	if (answer >= 0 && !bits_take(cell, from, call.count, matched))
		return NACRE_FILTER_FAILED;
	*count = call.count;
	return answer;
}

/* A compiled filter never changes, except for the process that it is compiled in, which is under
 * the cell's lock. */
static int table_match(const void *made, const nacre_filter_event *const *events,
                       uint64_t event_count, uint64_t *matched)
{
	struct cell_filter *filter = nc_unconst(made);
	int answer = NACRE_FILTER_OK;
	(void)pthread_mutex_lock(&filter->cell->lock);
	for (uint64_t from = 0; answer >= 0 && from < event_count;) {
		uint64_t count = event_count;
		answer = filter_ready(filter) ? match_some(filter, events, from, &count, matched)
		                              : NACRE_FILTER_FAILED;
		from += count;
	}
	(void)pthread_mutex_unlock(&filter->cell->lock);
	return answer < 0 ? answer : NACRE_FILTER_OK;
}

void nc_cell_table_fill(struct nc_cell *cell, uint32_t abi_minor)
{
	cell->host = (nacre_filter_host){ .struct_size = sizeof cell->host,
		                          .abi_minor = NACRE_FILTER_ABI_MINOR,
		                          .host_ctx = cell };
	cell->table = (nacre_filter_plugin){
		.struct_size = sizeof cell->table,
		.abi_minor = abi_minor,
		.name = cell->name,
		.build = cell->build,
		.summary = cell->summary,
		.compile = table_compile,
		.destroy = table_destroy,
		.needs = table_needs,
		.hints = table_hints,
		.match = table_match,
	};
}
