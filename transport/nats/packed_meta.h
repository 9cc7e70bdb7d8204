/* SPDX-License-Identifier: GPL-3.0-or-later */
/* packed_meta.h -- an event's metadata by name, as packed events have it: each name once, in the
 * order in which the names first come, with all its values in theirs. An event may have some ten
 * thousand names; the work is that of sorting them.
 *
 * Ownership: slices of the metadata; the arrays are the struct's, which begins as zeros and is used
 * again for the next event. Errors: NC_NOMEM.
 */
#ifndef NC_TRANSPORT_NATS_PACKED_META_H
#define NC_TRANSPORT_NATS_PACKED_META_H

#include "core/base/buf.h"

struct nc_packed_value {
	struct nc_slice name, value;
	size_t order; /* where it stands in the metadata */
};

struct nc_packed_name {
	size_t order;                         /* of its first value */
	const struct nc_packed_value *values; /* [count] */
	size_t count;
};

struct nc_packed_meta {
	struct nc_packed_name *names; /* [count] */
	struct nc_packed_value *values;
	size_t count, room; /* room: of both */
};

int nc_packed_meta_set(struct nc_packed_meta *by_name, struct nc_slice meta);
void nc_packed_meta_release(struct nc_packed_meta *by_name);

#endif
