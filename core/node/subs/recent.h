/* SPDX-License-Identifier: GPL-3.0-or-later */
/* recent.h -- the latest events, in memory: what is delivered as it comes need not be read back.
 *
 * Two halves. When one is full the other, which holds older events, is emptied and filled; so at
 * least half of what fits is always there, and an event costs one copy.
 *
 * Life:      `= {0}` is an empty one; nc_recent_release() frees it.
 * Threads:   one at a time.
 * Ownership: records are copied. An event that was got is slices into the copy: valid until the
 *            next put.
 */
#ifndef NC_CORE_NODE_SUBS_RECENT_H
#define NC_CORE_NODE_SUBS_RECENT_H

#include "core/engine/event.h"

#define NC_RECENT_HALF_SIZE   (1u << 20) /* bytes of records, at which a half is full */
#define NC_RECENT_HALF_EVENTS 4096u
#define NC_RECENT_SIZE_MAX    16384u /* bytes; a larger record is not kept */

struct nc_recent_place {
	uint64_t position, version, time_ns;
	size_t offset, size; /* of the record, in the half's bytes */
};

struct nc_recent_half {
	struct nc_buf bytes;
	struct nc_recent_place *places; /* [NC_RECENT_HALF_EVENTS], ascending; NULL: none yet */
	size_t count;
};

struct nc_recent {
	struct nc_recent_half halves[2];
	unsigned filling; /* which of them */
};

/* Keep the record of an event that stands behind all that were put before; one that does not, one
 * that is large, or one for which there is no memory, is left out. */
void nc_recent_put(struct nc_recent *recent, struct nc_slice record, uint64_t position,
                   uint64_t version, uint64_t time_ns);

bool nc_recent_has(const struct nc_recent *recent, uint64_t position);
/* False: it is not here. `event_out` must then not be moved (event.h, made ids). */
bool nc_recent_get(const struct nc_recent *recent, uint64_t position, struct nc_event *event_out);

/* Forget what was there the last time: called now and then, nothing is kept longer than from one
 * call to the next but one. */
void nc_recent_age(struct nc_recent *recent);
/* Forget all: for whoever makes events go, or changes what is stored. */
void nc_recent_clear(struct nc_recent *recent);
void nc_recent_release(struct nc_recent *recent);

#endif
