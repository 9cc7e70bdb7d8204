/* SPDX-License-Identifier: GPL-3.0-or-later */
/* by_pattern_private.h -- between the files of this plugin. */
#ifndef NC_PLUGINS_BY_PATTERN_PRIVATE_H
#define NC_PLUGINS_BY_PATTERN_PRIVATE_H

#include "plugins/pattern/names.h"
#include "plugins/pattern/nats.h"
#include "plugins/pattern/pattern.h"

/* One of the two. */
struct by_pattern {
	struct nc_names subjects;    /* NATS patterns; never sealed */
	struct nc_pattern *envelope; /* NULL: it is subjects */
};

/* ---- envelope.c ----------------------------------------------------------------------------- */

#define ENVELOPE_ON_STACK 64 /* leaves that need no allocation */
#define ENVELOPE_TIME     30 /* bytes of a time as text */

/* An event's envelope, flattened. */
struct envelope {
	nacre_filter_view view;
	nacre_filter_leaf *leaves;
	nacre_filter_leaf on_stack[ENVELOPE_ON_STACK];
	uint8_t time[ENVELOPE_TIME];
	uint8_t *paths; /* of metadata */
};

/* NACRE_FILTER_OK or NACRE_FILTER_NO_MEMORY. */
int envelope_make(struct envelope *envelope, const nacre_filter_event *event);
void envelope_release(struct envelope *envelope);

/* An nc_pattern_field_fn: only what an envelope has. */
int envelope_field(struct nc_slice path, size_t offset, nacre_filter_error *error);

/* ---- set.c ---------------------------------------------------------------------------------- */

int by_pattern_set_build(const void *const *filters, const uint32_t *ids, uint64_t filter_count,
                         void **set_out);
int by_pattern_set_match(const void *set, const nacre_filter_event *event,
                         nacre_filter_emit_id_fn *emit, void *emit_ctx);
void by_pattern_set_destroy(void *set);

#endif
