/* SPDX-License-Identifier: GPL-3.0-or-later */
/* batch_private.h -- a batch of events, for the files that ask plugins about it. */
#ifndef NC_PLUGINS_HOST_BATCH_PRIVATE_H
#define NC_PLUGINS_HOST_BATCH_PRIVATE_H

#include "plugins/host/plugin_host.h"
#include "plugins/host/view.h"

struct nc_filter_batch {
	struct nc_arena arena;  /* events, their lists, their views */
	struct nc_buf pointers; /* nacre_filter_event *, one after the other */
	struct nc_view_builder builder;
	size_t viewed; /* how many events have their views; they are the first ones */
	struct nc_filter_views views;
};

nacre_filter_event *const *nc_filter_batch_events(const struct nc_filter_batch *batch);

/* Make the views of all events. Errors: NC_NOMEM. */
int nc_filter_batch_view(struct nc_filter_batch *batch);

#endif
