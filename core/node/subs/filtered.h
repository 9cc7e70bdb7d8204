/* SPDX-License-Identifier: GPL-3.0-or-later */
/* filtered.h -- the filter of a read (PROTOCOL.md section 6, member `filter`), and the dry run over
 * history that R.filter.test asks for.
 *
 * The filter is compiled and asked by the reader that carries the read out, a batch at a time, so
 * that neither a long selector nor a slow plugin holds the loop up.
 *
 * Threads:   one at a time.
 * Ownership: plugin and selector are borrowed as long as it lives.
 */
#ifndef NC_CORE_NODE_SUBS_FILTERED_H
#define NC_CORE_NODE_SUBS_FILTERED_H

#include "core/engine/query.h"
#include "plugins/host/plugin_host.h"
#include "transport/nats/request.h"

struct nc_filtered {
	struct nc_plugin_host *host;
	struct nc_slice plugin, selector;
	struct nc_filter *filter; /* NULL: not compiled yet */
	struct nc_filter_batch *batch;
	/* Of a dry run: what has been found so far. */
	bool dry;
	uint64_t show; /* how many of the matches are shown */
	uint64_t matched, from, last;
	uint64_t begun_ns;
	struct nc_buf shown; /* JSON objects, comma between them */
	struct nc_buf room;  /* of nc_filter_narrow() */
};

/* Compile the filter. False with the refusal: 40402, 40004 with the byte at fault, or what else
 * kept it from it. */
bool nc_filtered_begin(struct nc_filtered *filtered, struct nc_refusal *refusal_out);

/* For a query: which events the filter matches; of a dry run none, they are counted here. An
 * nc_query_wanted_fn; `ctx` is the nc_filtered. Errors: as nc_filter_match(). */
int nc_filtered_wanted(void *ctx, const struct nc_event *events, size_t count,
                       uint64_t *wanted_out);

/* What the plugin, or the host on its behalf, says when a query ended with an error of
 * nc_filtered_wanted(). */
void nc_filtered_trouble(const struct nc_filtered *filtered, int err, char *text, size_t size);

/* Append what a dry run found: the answer of R.filter.test. */
void nc_filtered_put(const struct nc_filtered *filtered, const struct nc_query *query,
                     struct nc_buf *out);

void nc_filtered_release(struct nc_filtered *filtered);

/* Say why a filter did not compile, as a client hears it. Always false. */
bool nc_filter_refuse(struct nc_refusal *refusal, struct nc_slice plugin, int err,
                      const struct nc_filter_error *error);

/* The filter that a request's body names, as far as it can be told: JSON, {"filter":{"plugin":NAME,
 * "selector":…},…}. `room` is for the name. */
struct nc_filter_named {
	struct nc_slice plugin, selector;
};
bool nc_filter_named_find(struct nc_slice body, struct nc_buf *room,
                          struct nc_filter_named *named_out);

/* Let a search of all history go by an index where the hints allow: a stream, types, a tag, or the
 * category of all that is named. Gives whether what that index holds is all that the filter says,
 * so that what it gives matches. The key may lie in `room`, which is cleared. */
bool nc_filter_narrow(const struct nc_filter_hints *hints, struct nc_query_spec *spec,
                      struct nc_buf *room);

#endif
