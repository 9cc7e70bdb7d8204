/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A compiled selector: made, counted, asked. */
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/base/assert.h"
#include "plugins/host/batch_private.h"
#include "plugins/host/filter_private.h"
#include "plugins/host/host_private.h"

__attribute__((format(printf, 3, 4))) static void fault(struct nc_filter_error *error,
                                                        size_t offset, const char *format, ...)
{
	error->offset = offset;
	va_list args;
	va_start(args, format);
	(void)vsnprintf(error->message, sizeof error->message, format, args);
	va_end(args);
}

int nc_filter_answer(int answer)
{
	if (answer >= 0)
		return NC_OK;
	return answer == NACRE_FILTER_NO_MEMORY ? NC_NOMEM : NC_IO;
}

static int compiled_fault(int answer, const nacre_filter_error *error,
                          struct nc_filter_error *error_out)
{
	/* the message comes from a plugin: make sure that it ends */
	nacre_filter_error copy = *error;
	copy.message[sizeof copy.message - 1] = '\0';
	nc_plugin_clean(copy.message);
	if (copy.message[0] == '\0') {
		(void)snprintf(copy.message, sizeof copy.message, "the plugin gave no reason (%d)",
		               answer);
	}
	fault(error_out,
	      copy.source_offset == NACRE_FILTER_NO_OFFSET ? NC_FILTER_NO_OFFSET
	                                                   : copy.source_offset,
	      "%s", copy.message);
	if (answer == NACRE_FILTER_REFUSED)
		return NC_INVALID;
	return answer == NACRE_FILTER_NO_MEMORY ? NC_NOMEM : NC_IO;
}

/* The selector as the plugin sees it. */
static int selector_view(struct nc_view_builder *builder, struct nc_arena *arena,
                         struct nc_slice selector, nacre_filter_selector *shown_out,
                         struct nc_filter_error *error_out)
{
	struct nc_view_fault where = { 0 };
	const nacre_filter_view *view = nc_view_json(builder, arena, selector, &where);
	if (view == NULL) {
		fault(error_out, NC_FILTER_NO_OFFSET, "out of memory");
		return NC_NOMEM;
	}
	if (view->state < 0 && where.expected != NULL) {
		fault(error_out, where.offset, "expected %s", where.expected);
		return NC_INVALID;
	}
	if (view->state < 0) {
		fault(error_out, NC_FILTER_NO_OFFSET, "too many values");
		return NC_INVALID;
	}
	*shown_out = (nacre_filter_selector){
		.struct_size = sizeof *shown_out,
		.source = { selector.data, selector.size },
		.view = view,
	};
	return NC_OK;
}

static int compile(struct nc_plugin_host *host, const struct nc_plugin *plugin,
                   struct nc_slice selector, void **compiled_out, struct nc_filter_error *error_out)
{
	struct nc_view_builder builder = { 0 };
	struct nc_arena arena = { 0 };
	nacre_filter_selector shown;
	int err = selector_view(&builder, &arena, selector, &shown, error_out);
	if (err == NC_OK) {
		nacre_filter_error error = { .struct_size = sizeof error };
		void *compiled = NULL;
		int answer = plugin->abi->compile(nc_plugin_abi_host(host, plugin), &shown,
		                                  &compiled, &error);
		if (answer < 0) {
			err = compiled_fault(answer, &error, error_out);
		} else if (compiled == NULL) {
			err = compiled_fault(NACRE_FILTER_FAILED, &error, error_out);
		} else {
			*compiled_out = compiled;
		}
	}
	nc_arena_release(&arena);
	nc_view_builder_release(&builder);
	return err;
}

/* ---- Hints ---------------------------------------------------------------------------------- */

#define HINT_NAME_SIZE_MAX 255 /* bytes of a stream's or type's name; tags are shorter */

/* Hints as they are collected. */
struct hint_work {
	struct nc_filter *filter;
	bool loose; /* there was a hint that this host does not understand */
	bool no_memory;
};

static enum nc_filter_hint_kind hint_part(struct hint_work *work, uint16_t kind,
                                          nacre_filter_slice from, struct nc_slice *to_out)
{
	if (kind != NACRE_FILTER_EXACT && kind != NACRE_FILTER_PREFIX) {
		work->loose = work->loose || kind != NACRE_FILTER_ANY;
		return NC_FILTER_ANY;
	}
	if (from.size >
	    HINT_NAME_SIZE_MAX) { /* no name is so long: such a hint can match nothing */
		work->loose = true;
		return NC_FILTER_ANY;
	}
	uint8_t *bytes = nc_arena_take(&work->filter->arena, from.size);
	if (bytes == NULL) {
		work->no_memory = true;
		return NC_FILTER_ANY;
	}
	if (from.size > 0)
		memcpy(bytes, from.data, from.size);
	*to_out = nc_slice(bytes, from.size);
	return kind == NACRE_FILTER_EXACT ? NC_FILTER_EXACT : NC_FILTER_PREFIX;
}

static void hint_take(void *emit_ctx, const nacre_filter_hint *hint)
{
	struct hint_work *work = emit_ctx;
	struct nc_filter_hint mine = { 0 };
	if (hint->struct_size != sizeof *hint)
		work->loose = true;
	if (hint->struct_size >= sizeof *hint) {
		mine.stream_kind = hint_part(work, hint->stream_kind, hint->stream, &mine.stream);
		mine.type_kind = hint_part(work, hint->type_kind, hint->type, &mine.type);
		mine.tag_kind = hint_part(work, hint->tag_kind, hint->tag, &mine.tag);
	}
	nc_buf_put(&work->filter->hints, &mine, sizeof mine);
	work->no_memory = work->no_memory || nc_buf_status(&work->filter->hints) != NC_OK;
}

static int hints_take(struct nc_filter *filter)
{
	if (filter->plugin->abi->hints == NULL)
		return NC_OK;
	struct hint_work work = { .filter = filter };
	int answer = filter->plugin->abi->hints(filter->compiled, hint_take, &work);
	if (answer < 0 || work.no_memory) /* some hints alone would say too little */
		nc_buf_clear(&filter->hints);
	if (work.no_memory)
		return NC_NOMEM;
	filter->full = answer == NACRE_FILTER_HINTS_FULL && !work.loose && filter->hints.size > 0;
	return NC_OK;
}

struct nc_filter_hints nc_filter_hints(const struct nc_filter *filter)
{
	return (struct nc_filter_hints){
		.hints = (const struct nc_filter_hint *)(const void *)filter->hints.data,
		.count = filter->hints.size / sizeof(struct nc_filter_hint),
		.full = filter->full,
	};
}

bool nc_filter_hints_come(struct nc_filter *filter)
{
	if (!filter->late || !nc_cell_filter_known(filter->compiled))
		return false;
	filter->late = false;
	/* without memory for the hints, the filter is always asked */
	return hints_take(filter) == NC_OK;
}

/* ---- Life ----------------------------------------------------------------------------------- */

/* Make a filter of what the plugin has compiled, which is taken over even if this fails. */
static int filter_new(struct nc_plugin *plugin, void *compiled, struct nc_filter **filter_out,
                      struct nc_filter_error *error_out)
{
	struct nc_filter *filter = calloc(1, sizeof *filter);
	if (filter == NULL) {
		plugin->abi->destroy(compiled);
		fault(error_out, NC_FILTER_NO_OFFSET, "out of memory");
		return NC_NOMEM;
	}
	atomic_init(&filter->references, 1);
	atomic_fetch_add(&plugin->users, 1);
	filter->plugin = plugin;
	filter->compiled = compiled;
	filter->needs = plugin->abi->needs == NULL ? 0 : plugin->abi->needs(compiled);
	int err = NC_OK;
	if ((filter->needs & ~NACRE_FILTER_NEEDS_VIEW) != 0) {
		fault(error_out, NC_FILTER_NO_OFFSET,
		      "the filter needs what this node cannot give (0x%x)", filter->needs);
		err = NC_UNSUPPORTED;
	} else if (hints_take(filter) != NC_OK) {
		fault(error_out, NC_FILTER_NO_OFFSET, "out of memory");
		err = NC_NOMEM;
	}
	if (err == NC_OK) {
		*filter_out = filter;
	} else {
		nc_filter_unref(filter);
	}
	return err;
}

/* The plugin that is to compile it; NULL if there is none, and the error says so. */
static struct nc_plugin *plugin_find(struct nc_plugin_host *host, struct nc_slice name,
                                     struct nc_slice selector, int *err_out,
                                     struct nc_filter_error *error_out)
{
	*error_out = (struct nc_filter_error){ .offset = NC_FILTER_NO_OFFSET };
	if (selector.size > NC_SELECTOR_SIZE_MAX) {
		fault(error_out, NC_SELECTOR_SIZE_MAX, "at most %u bytes", NC_SELECTOR_SIZE_MAX);
		*err_out = NC_TOOBIG;
		return NULL;
	}
	(void)pthread_mutex_lock(&host->lock);
	struct nc_plugin *plugin = nc_plugin_lookup(host, name);
	(void)pthread_mutex_unlock(&host->lock);
	if (plugin != NULL)
		return plugin;
	size_t shown = name.size < NC_PLUGIN_NAME_SIZE_MAX ? name.size : NC_PLUGIN_NAME_SIZE_MAX;
	fault(error_out, NC_FILTER_NO_OFFSET, "no plugin %.*s is loaded", (int)shown,
	      (const char *)name.data);
	*err_out = NC_NOTFOUND;
	return NULL;
}

int nc_filter_compile(struct nc_plugin_host *host, struct nc_slice name, struct nc_slice selector,
                      struct nc_filter **filter_out, struct nc_filter_error *error_out)
{
	int err;
	void *compiled;
	struct nc_plugin *plugin = plugin_find(host, name, selector, &err, error_out);
	if (plugin == NULL)
		return err;
	err = compile(host, plugin, selector, &compiled, error_out);
	return err == NC_OK ? filter_new(plugin, compiled, filter_out, error_out) : err;
}

int nc_filter_compile_later(struct nc_plugin_host *host, struct nc_slice name,
                            struct nc_slice selector, struct nc_filter **filter_out,
                            struct nc_filter_error *error_out)
{
	int err;
	void *compiled;
	struct nc_plugin *plugin = plugin_find(host, name, selector, &err, error_out);
	if (plugin == NULL)
		return err;
	if (plugin->cell == NULL) {
		err = compile(host, plugin, selector, &compiled, error_out);
	} else {
		err = nc_cell_filter_later(plugin->cell, selector, &compiled);
	}
	if (err == NC_OK)
		err = filter_new(plugin, compiled, filter_out, error_out);
	if (err == NC_OK)
		(*filter_out)->late = plugin->cell != NULL;
	return err;
}

bool nc_plugin_host_isolates(struct nc_plugin_host *host, struct nc_slice name)
{
	(void)pthread_mutex_lock(&host->lock);
	const struct nc_plugin *plugin = nc_plugin_lookup(host, name);
	(void)pthread_mutex_unlock(&host->lock);
	return plugin != NULL && plugin->cell != NULL;
}

bool nc_filter_isolated(const struct nc_filter *filter)
{
	return filter->plugin->cell != NULL;
}

void nc_filter_trouble(const struct nc_filter *filter, char *text, size_t size)
{
	struct nc_cell_status status = { 0 };
	if (filter->plugin->cell != NULL)
		nc_cell_status(filter->plugin->cell, &status);
	(void)snprintf(text, size, "%s", status.trouble);
}

struct nc_filter *nc_filter_ref(struct nc_filter *filter)
{
	unsigned before = atomic_fetch_add_explicit(&filter->references, 1, memory_order_relaxed);
	nc_assert(before > 0);
	return filter;
}

void nc_filter_unref(struct nc_filter *filter)
{
	if (filter == NULL)
		return;
	unsigned before = atomic_fetch_sub_explicit(&filter->references, 1, memory_order_acq_rel);
	nc_assert(before > 0);
	if (before > 1)
		return;
	filter->plugin->abi->destroy(filter->compiled);
	if (atomic_fetch_sub(&filter->plugin->users, 1) == 1)
		nc_plugin_rest(filter->plugin);
	nc_arena_release(&filter->arena);
	nc_buf_release(&filter->hints);
	free(filter);
}

struct nc_plugin_info nc_filter_plugin(const struct nc_filter *filter)
{
	return nc_plugin_describe(filter->plugin);
}

bool nc_filter_has_sets(const struct nc_filter *filter)
{
	return filter->plugin->abi->set_build != NULL;
}

/* ---- Answers -------------------------------------------------------------------------------- */

const nacre_filter_event *const *nc_filter_shown(struct nc_filter_batch *batch, uint32_t needs)
{
	if ((needs & NACRE_FILTER_NEEDS_VIEW) != 0 && nc_filter_batch_view(batch) != NC_OK)
		return NULL;
	return (const nacre_filter_event *const *)nc_filter_batch_events(batch);
}

int nc_filter_match(const struct nc_filter *filter, struct nc_filter_batch *batch,
                    uint64_t *matched_out)
{
	size_t count = nc_filter_batch_count(batch);
	if (count == 0)
		return NC_OK;
	const nacre_filter_event *const *events = nc_filter_shown(batch, filter->needs);
	if (events == NULL)
		return NC_NOMEM;
	memset(matched_out, 0, (count + 63) / 64 * sizeof *matched_out);
	int answer = filter->plugin->abi->match(filter->compiled, events, count, matched_out);
	if (count % 64 != 0) /* a plugin may have written bits after the last event: clear them */
		matched_out[count / 64] &= (1ull << count % 64) - 1;
	return nc_filter_answer(answer);
}
