/* SPDX-License-Identifier: GPL-3.0-or-later */
/* body.h -- the JSON bodies of requests that ask for little: nothing, one name, or whether
 * something is to be. Members that are not known are refused by name, as everywhere.
 */
#ifndef NC_TRANSPORT_NATS_BODY_H
#define NC_TRANSPORT_NATS_BODY_H

#include "transport/nats/request.h"

/* Whether the body is empty, or an object without members. False with the refusal. */
bool nc_body_is_bare(struct nc_slice body, struct nc_refusal *refusal);

/* {"<member>":"<name>"}: the name, NUL-terminated, into `name_out` of `size` bytes. False with the
 * refusal. */
bool nc_body_name(struct nc_slice body, const char *member, char *name_out, size_t size,
                  struct nc_refusal *refusal);

/* {"<member>":true}, or false, which it is also where it is not given. False with the refusal. */
bool nc_body_flag(struct nc_slice body, const char *member, bool *flag_out,
                  struct nc_refusal *refusal);

#endif
