/* SPDX-License-Identifier: Apache-2.0 */
/* What the parts of libnacre share. */
#ifndef NC_TRANSPORT_CLIENT_PRIVATE_H
#define NC_TRANSPORT_CLIENT_PRIVATE_H

#include <nats/nats.h>

#include "core/base/buf.h"
#include "transport/client/nacre.h"

struct nacre_client {
	natsConnection *nc;
	char *root; /* <prefix>.<store> */
	int64_t timeout_ms;
};

int64_t nc_client_now_ms(void);
/* Sleep before the `attempt`th retry, from 0: short, then longer. False: `deadline_ms` forbids it.
 */
bool nc_client_pause(unsigned attempt, int64_t deadline_ms);

/* Fill `error`, which may be NULL, and give `status` back. */
__attribute__((format(printf, 3, 4))) int nc_client_fail(struct nacre_error *error, int status,
                                                         const char *format, ...);
int nc_client_fail_nats(struct nacre_error *error, natsStatus status, const char *what);
/* Whether `msg` is an error answer; then *error says which. */
bool nc_client_is_error(natsMsg *msg, struct nacre_error *error);
/* Whether it is worth to ask again. */
bool nc_client_is_passing(const struct nacre_error *error);

/* A header's value, "" if absent; and as a number, 0 if absent or none. */
const char *nc_client_header(natsMsg *msg, const char *name);
uint64_t nc_client_header_u64(natsMsg *msg, const char *name);

/* Append a name as subjects spell it: =HH for what is not [A-Za-z0-9_/-]; dots stay or not. */
void nc_client_put_name(struct nc_buf *subject, const char *name, bool dots_stay);
bool nc_client_name_valid(const char *name);

#endif
