/* SPDX-License-Identifier: GPL-3.0-or-later */
/* desk.h -- a few nodes on a desk: their messages, disks and crashes are moved by hand. What
 * happens is written to desk->out. For scenarios.
 */
#ifndef NC_TESTS_SIM_DESK_H
#define NC_TESTS_SIM_DESK_H

#include "tests/sim/sim_private.h"

#define IDS    16
#define FLIGHT 4096
#define ORDERS 256

struct letter {
	struct nc_raft_message message;
	struct nc_raft_entry *entries;
	struct nc_raft_members members;
};

struct order {
	struct nc_raft_ready ready;
	struct sim_entry *entries;
};

struct desk_node {
	struct nc_raft *raft;
	struct sim_log memory, disk;
	struct nc_log_hard hard;
	struct order orders[ORDERS];
	size_t order_count;
	uint64_t checkpoint, life;
};

struct desk {
	struct desk_node nodes[IDS];
	struct letter flight[FLIGHT];
	size_t flight_count;
	bool cut[IDS][IDS];
	struct nc_raft_members configs[256];
	size_t config_count;
	uint32_t limit;
	struct nc_buf out;
};

enum fate { DELIVER, DROP, REPEAT };

const char *desk_type_name(const struct nc_raft_message *message, struct nc_buf *buf);
void desk_pump(struct desk *desk, struct desk_node *node);
void desk_step(struct desk *desk, const struct letter *letter);
bool desk_carry(struct desk *desk, uint64_t from, uint64_t to, const char *type, enum fate fate,
                bool say);
bool desk_persist(struct desk *desk, struct desk_node *node, uint64_t count, bool tell);
void desk_settle(struct desk *desk);
void desk_start(const struct desk *desk, struct desk_node *node, uint64_t id, bool doubtful);
void desk_crash(struct desk *desk, struct desk_node *node, uint64_t kept);
void desk_install(struct desk *desk, struct desk_node *node, bool ok);

#endif
