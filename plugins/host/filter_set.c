/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Many filters of one plugin, asked at once. */
#include <stdlib.h>

#include "core/base/assert.h"
#include "plugins/host/filter_private.h"

struct nc_filter_set {
	const nacre_filter_plugin *abi;
	void *index; /* the plugin's; NULL: it has no sets */
	uint32_t needs;
	size_t count;
	struct nc_filter **filters;
	uint32_t *ids;
};

static int index_build(struct nc_filter_set *set)
{
	if (set->abi->set_build == NULL)
		return NC_OK;
	const void **compiled = calloc(set->count, sizeof *compiled);
	if (compiled == NULL)
		return NC_NOMEM;
	for (size_t i = 0; i < set->count; i++)
		compiled[i] = set->filters[i]->compiled;
	int answer = set->abi->set_build(compiled, set->ids, set->count, &set->index);
	free(compiled);
	if (answer < 0) {
		set->index = NULL;
	} else if (set->index == NULL) {
		answer = NACRE_FILTER_FAILED;
	}
	return nc_filter_answer(answer);
}

int nc_filter_set_new(struct nc_filter *const *filters, const uint32_t *ids, size_t filter_count,
                      struct nc_filter_set **set_out)
{
	nc_assert(filter_count > 0);
	struct nc_filter_set *set = calloc(1, sizeof *set);
	if (set == NULL)
		return NC_NOMEM;
	set->abi = filters[0]->plugin->abi;
	int err = NC_NOMEM;
	set->filters = calloc(filter_count, sizeof(struct nc_filter *));
	set->ids = calloc(filter_count, sizeof *set->ids);
	if (set->filters == NULL || set->ids == NULL)
		goto fail;
	for (; set->count < filter_count; set->count++) {
		nc_assert(filters[set->count]->plugin->abi == set->abi);
		set->filters[set->count] = nc_filter_ref(filters[set->count]);
		set->ids[set->count] = ids[set->count];
		set->needs |= filters[set->count]->needs;
	}
	err = index_build(set);
	if (err != NC_OK)
		goto fail;
	*set_out = set;
	return NC_OK;

fail:
	nc_filter_set_free(set);
	return err;
}

void nc_filter_set_free(struct nc_filter_set *set)
{
	if (set == NULL)
		return;
	if (set->index != NULL)
		set->abi->set_destroy(set->index);
	for (size_t i = 0; i < set->count; i++)
		nc_filter_unref(set->filters[i]);
	free(set->filters);
	free(set->ids);
	free(set);
}

int nc_filter_set_match(const struct nc_filter_set *set, struct nc_filter_batch *batch,
                        size_t index, nc_filter_id_fn *fn, void *ctx)
{
	nc_assert(index < nc_filter_batch_count(batch));
	const nacre_filter_event *const *events = nc_filter_shown(batch, set->needs);
	if (events == NULL)
		return NC_NOMEM;
	if (set->index != NULL)
		return nc_filter_answer(set->abi->set_match(set->index, events[index], fn, ctx));
	for (size_t i = 0; i < set->count; i++) {
		uint64_t matched = 0;
		int answer =
		        set->abi->match(set->filters[i]->compiled, &events[index], 1, &matched);
		if (answer < 0)
			return nc_filter_answer(answer);
		if ((matched & 1) != 0)
			fn(ctx, set->ids[i]);
	}
	return NC_OK;
}
