/* SPDX-License-Identifier: GPL-3.0-or-later */
/* filter_private.h -- a compiled selector, for the files that ask it and that make sets of it. */
#ifndef NC_PLUGINS_HOST_FILTER_PRIVATE_H
#define NC_PLUGINS_HOST_FILTER_PRIVATE_H

#include <stdatomic.h>

#include "plugins/host/arena.h"
#include "plugins/host/host_private.h"

struct nc_filter {
	atomic_uint references;
	struct nc_plugin *plugin;
	void *compiled;
	uint32_t needs;
	struct nc_arena arena; /* the hints' bytes */
	struct nc_buf hints;   /* struct nc_filter_hint after struct nc_filter_hint */
	bool full;
	bool late; /* its hints are not known yet */
};

/* Turn a plugin's answer into an error of ours. */
int nc_filter_answer(int answer);

/* The events of the batch, each with what `needs` asks for; NULL if out of memory. */
const nacre_filter_event *const *nc_filter_shown(struct nc_filter_batch *batch, uint32_t needs);

#endif
