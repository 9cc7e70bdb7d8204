/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Many filters: a trie of all NATS patterns, and a set of all patterns on the envelope. */
#include <stdlib.h>

#include "plugins/by_pattern/by_pattern_private.h"

#define TOLD_ON_STACK 512 /* words; 64 filters each */

struct by_pattern_set {
	struct nc_nats_trie *trie;        /* owners are indexes into ids */
	struct nc_pattern_set *envelopes; /* NULL: there are none */
	uint32_t *ids;
	size_t count;
};

/* Which filters were told already: one may hold several patterns that match. */
struct told {
	const struct by_pattern_set *set;
	uint64_t *bits;
	nacre_filter_emit_id_fn *emit;
	void *emit_ctx;
};

void by_pattern_set_destroy(void *built)
{
	struct by_pattern_set *set = built;
	if (set == NULL)
		return;
	nc_nats_trie_free(set->trie);
	nc_pattern_set_free(set->envelopes);
	free(set->ids);
	free(set);
}

static int filters_enter(struct by_pattern_set *set, const void *const *filters,
                         const struct nc_pattern **patterns, uint32_t *pattern_ids)
{
	size_t pattern_count = 0;
	for (size_t i = 0; i < set->count; i++) {
		const struct by_pattern *filter = filters[i];
		if (filter->envelope != NULL) {
			pattern_ids[pattern_count] = set->ids[i];
			patterns[pattern_count++] = filter->envelope;
		}
		for (size_t k = 0; k < filter->subjects.count; k++) {
			if (nc_nats_trie_add(set->trie, filter->subjects.items[k].bytes,
			                     (uint32_t)i) != NC_OK)
				return NACRE_FILTER_NO_MEMORY;
		}
	}
	if (pattern_count == 0)
		return NACRE_FILTER_OK;
	int err = nc_pattern_set_new(patterns, pattern_ids, pattern_count, &set->envelopes);
	return err == NC_OK ? NACRE_FILTER_OK : NACRE_FILTER_NO_MEMORY;
}

int by_pattern_set_build(const void *const *filters, const uint32_t *ids, uint64_t filter_count,
                         void **set_out)
{
	*set_out = NULL;
	int answer = NACRE_FILTER_NO_MEMORY;
	struct by_pattern_set *set = calloc(1, sizeof *set);
	const struct nc_pattern **patterns =
	        calloc(filter_count + 1, sizeof(const struct nc_pattern *));
	uint32_t *pattern_ids = calloc(filter_count + 1, sizeof *pattern_ids);
	if (set == NULL || patterns == NULL || pattern_ids == NULL)
		goto out;
	set->count = filter_count;
	set->ids = calloc(filter_count + 1, sizeof *set->ids);
	if (set->ids == NULL || nc_nats_trie_new(&set->trie) != NC_OK)
		goto out;
	for (size_t i = 0; i < set->count; i++)
		set->ids[i] = ids[i];
	answer = filters_enter(set, filters, patterns, pattern_ids);
out:
	free(patterns);
	free(pattern_ids);
	if (answer < 0) {
		by_pattern_set_destroy(set);
	} else {
		*set_out = set;
	}
	return answer;
}

static void owner_take(void *ctx, uint32_t owner)
{
	struct told *told = ctx;
	uint64_t bit = 1ull << owner % 64;
	if ((told->bits[owner / 64] & bit) != 0)
		return;
	told->bits[owner / 64] |= bit;
	told->emit(told->emit_ctx, told->set->ids[owner]);
}

int by_pattern_set_match(const void *built, const nacre_filter_event *event,
                         nacre_filter_emit_id_fn *emit, void *emit_ctx)
{
	const struct by_pattern_set *set = built;
	uint64_t on_stack[TOLD_ON_STACK];
	struct told told = { set, on_stack, emit, emit_ctx };
	size_t words = (set->count + 63) / 64;
	if (words > TOLD_ON_STACK) {
		told.bits = malloc(words * sizeof *told.bits);
		if (told.bits == NULL)
			return NACRE_FILTER_NO_MEMORY;
	}
	memset(told.bits, 0, words * sizeof *told.bits);
	nc_nats_trie_find(set->trie, nc_slice_in(event->stream), owner_take, &told);
	if (told.bits != on_stack)
		free(told.bits);
	if (set->envelopes == NULL)
		return NACRE_FILTER_OK;
	struct envelope envelope;
	int answer = envelope_make(&envelope, event);
	if (answer < 0)
		return answer;
	answer = nc_pattern_set_match(set->envelopes, &envelope.view, emit, emit_ctx);
	envelope_release(&envelope);
	return answer;
}
