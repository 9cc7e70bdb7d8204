/* SPDX-License-Identifier: GPL-3.0-or-later */
/* store_spread_private.h -- subscriptions that the simulator's nodes share (store_private.h): who
 * runs which, by leases, and what nodes say to each other of them.
 */
#ifndef NC_TESTS_SIM_STORE_SPREAD_PRIVATE_H
#define NC_TESTS_SIM_STORE_SPREAD_PRIVATE_H

#include "core/engine/command.h"
#include "tests/sim/sim_private.h"

struct store_node;

enum store_letter_kind { STORE_RENEWAL, STORE_GRANT, STORE_COMMAND, STORE_RESULT };

struct store_letter {
	uint8_t kind;                   /* enum store_letter_kind */
	uint64_t from;                  /* a node's id */
	uint64_t boot;                  /* of who asks */
	uint64_t sent_ns, released;     /* RENEWAL; of GRANT: when it was asked for */
	bool leaving;                   /* RENEWAL: it runs nothing any more */
	uint64_t least, clear;          /* GRANT */
	uint64_t term, number, command; /* COMMAND; of RESULT: which */
	uint64_t index;                 /* RESULT: of what is applied with it; 0: it is not known */
};

/* A command that went to the leader. */
struct store_sent {
	uint64_t command, index; /* index 0: not answered yet */
	uint64_t until;
};

/* store_spread.c: which of the shared ones a node runs. */
void store_spread_start(struct sim *sim, struct sim_node *node); /* another life of it */
void store_spread_lead(struct sim *sim, struct sim_node *node);
void store_spread_tick(struct sim *sim, struct sim_node *node);
void store_spread_applied(struct sim *sim, struct sim_node *node);
void store_spread_assigned(struct store_node *of, uint32_t sub, uint64_t command);
void store_spread_owned(struct store_node *of);
/* It has no owner any more, as was just applied; when may who leads run it. */
void store_spread_back(struct sim *sim, struct sim_node *node, uint32_t sub);
uint64_t store_spread_back_ns(const struct store_node *of, uint32_t sub);
/* Whether it is shared, as far as is applied here. */
void store_spread_look(struct sim *sim, struct sim_node *node, uint32_t sub);
void store_spread_renewal(struct sim *sim, struct sim_node *node, uint64_t letter);
void store_spread_confirmed(struct sim *sim, struct sim_node *node, uint64_t letter,
                            uint64_t index);
void store_spread_granted(struct sim *sim, struct sim_node *node,
                          const struct store_letter *letter);
bool store_spread_settled(struct sim *sim);
uint64_t store_own_propose(struct sim *sim, uint32_t sub, uint64_t epoch,
                           struct nc_sub_owner owner);
/* Whether the node may deliver it now. */
bool store_runs(struct sim *sim, const struct sim_node *node, uint32_t sub);
/* It is about to: nobody else may. */
void store_check_alone(struct sim *sim, const struct sim_node *node, uint32_t sub);

/* store_leave.c: an owner that leaves in order. */
void store_leave_begin(struct sim *sim, struct sim_node *node);
void store_leave_tick(struct sim *sim, struct sim_node *node);

/* store_forward.c: letters between nodes, and commands of owners. */
void store_post(struct sim *sim, struct sim_node *from, uint64_t to,
                const struct store_letter *text);
void store_letter_take(struct sim *sim, struct sim_node *node, uint64_t letter);
bool store_forward(struct sim *sim, struct sim_node *node, uint64_t command);
void store_forward_applied(struct sim *sim, struct sim_node *node, uint64_t command);
void store_forward_refused(struct sim *sim, struct sim_node *node, uint64_t command);
void store_sent_applied(struct sim *sim, struct sim_node *node);
void store_sent_tick(struct sim *sim, struct sim_node *node);

#endif
