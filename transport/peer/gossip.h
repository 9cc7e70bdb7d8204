/* SPDX-License-Identifier: GPL-3.0-or-later */
/* gossip.h -- where the NATS servers are, told by UDP: nodes that know spread it, a node that does
 * not listens until it is told. IPv4, multicast or broadcast.
 *
 * A datagram is a frame (frame.h), signed like all: a forged address would be sent the node's
 * credentials. Its message number is the sender's wall clock in milliseconds, and one that is more
 * than NC_GOSSIP_AGE_MS away from ours is not believed: an old one, sent again, could lead to a
 * server that is another's by now. What stands before '@' in a URL is never spread.
 *
 * Threads: the loop's.
 */
#ifndef NC_TRANSPORT_PEER_GOSSIP_H
#define NC_TRANSPORT_PEER_GOSSIP_H

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

#include "core/base/buf.h"

#define NC_GOSSIP_AGE_MS    300000u
#define NC_GOSSIP_URLS_SIZE 1024u /* bytes with the NUL, of all URLs */

struct nc_gossip;

struct nc_gossip_options {
	uv_loop_t *loop;
	bool broadcast;        /* else multicast */
	const char *group;     /* address that it is sent to; NULL or empty: the usual one */
	const char *interface; /* address of the interface; NULL or empty: the system chooses */
	uint16_t port;
	uint8_t ttl; /* of multicast */
	const char *store, *name, *secret, *also;
	const char *urls; /* comma-separated, to be spread; empty: listen */
	/* Heard: comma-separated. May come again. */
	void (*on_urls)(void *ctx, const char *urls, const char *from);
	/* Something came that is not signed with our secret, or is too old. */
	void (*on_drop)(void *ctx);
	void *ctx;
};

/* Errors: NC_INVALID, an address or interface cannot be used, said through `fault`; NC_NOMEM. */
#define NC_GOSSIP_FAULT_SIZE 200
int nc_gossip_start(const struct nc_gossip_options *options, struct nc_gossip **gossip_out,
                    char fault[NC_GOSSIP_FAULT_SIZE]);
/* From now on spread these. */
void nc_gossip_spread(struct nc_gossip *gossip, const char *urls);
/* NULL is a no-op. Frees when the loop has run once more. */
void nc_gossip_stop(struct nc_gossip *gossip);

/* The URLs without what stands before '@' in each; for tests, too. Errors: NC_TOOBIG. */
int nc_gossip_plain(const char *urls, char plain_out[NC_GOSSIP_URLS_SIZE]);

#endif
