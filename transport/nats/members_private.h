/* SPDX-License-Identifier: GPL-3.0-or-later */
/* members_private.h -- the body of a read: one flat JSON object, a member at a time, each at most
 * once. What is refused is said as a client reads it.
 */
#ifndef NC_TRANSPORT_NATS_MEMBERS_PRIVATE_H
#define NC_TRANSPORT_NATS_MEMBERS_PRIVATE_H

#include "core/base/json.h"
#include "transport/nats/request_private.h"

struct nc_members {
	struct nc_json json;
	struct nc_refusal *refusal;
	uint32_t seen; /* a bit for each name of `names` */
	const char *const *names;
	size_t name_count;
};

/* Begin the object that `body` is, or refuse. */
bool nc_members_begin(struct nc_members *members, struct nc_slice body);
/* 1 with the index of the member and the first token of its value; 0 at the end; -1 refused. */
int nc_members_next(struct nc_members *members, size_t *index_out, struct nc_json_token *value_out);
/* Say that the body is not well-formed; always false. */
bool nc_members_refuse(struct nc_members *members);

/* The value as a whole number from `least` on; one beyond 64 bits is UINT64_MAX. False with the
 * refusal, which names the member. */
bool nc_members_number(const struct nc_json_token *value, const char *name, uint64_t least,
                       struct nc_refusal *refusal, uint64_t *number_out);

#endif
