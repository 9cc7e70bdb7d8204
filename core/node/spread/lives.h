/* SPDX-License-Identifier: GPL-3.0-or-later */
/* lives.h -- who of the other nodes was there when a request came that several hear: pure.
 *
 * Nobody says that he answers it. Whoever lived when it came and can be asked has said so for
 * himself; a node that was started anew since is another life, and no witness of the one before;
 * and who lived then and has died may have answered it. So it may be refused only where nobody is
 * left who could have.
 *
 * Time: nanoseconds of a clock that does not go back. Threads: one at a time. No allocation.
 */
#ifndef NC_CORE_NODE_SPREAD_LIVES_H
#define NC_CORE_NODE_SPREAD_LIVES_H

#include "core/engine/command.h"

#define NC_LIVES_MAX      32u
/* Who lives says something so often, on a busy machine. */
#define NC_LIVES_PAUSE_NS UINT64_C(150000000)

struct nc_life {
	struct nc_sub_owner who; /* boot 0: it was not heard yet, and may be any life */
	uint64_t heard_ns;       /* last, or since when it would have been */
	uint64_t closed_ns;      /* NATS has said that it is not there; 0: not since it was heard */
	uint64_t left_ns;        /* it has said that it answers nothing any more; 0: it has not */
	bool over;               /* there is a later one */
};

/* Begins as zeros. The one not heard longest makes room. */
struct nc_lives {
	struct nc_life at[NC_LIVES_MAX]; /* [count] */
	size_t count;
};

/* Again and again: what is known of a node. `life.over` and, unless it has left, `life.left_ns` are
 * not looked at. */
void nc_lives_note(struct nc_lives *lives, const struct nc_life *life);

/* We lead from now on: followers say little to one another, so that silence says something only
 * from here on. One that was never heard may live as well as any. But whom NATS says not to be
 * there is not there. */
void nc_lives_await(struct nc_lives *lives, uint64_t number, uint64_t now_ns);

/* A node that was asked; or, `closed`, of which NATS says that it is not there. */
struct nc_witness {
	struct nc_sub_owner who;
	bool closed;
	bool behind; /* it does not know yet what we know, and may still take what comes to it */
};

enum nc_lives_verdict {
	NC_LIVES_NOBODY, /* is left who could have answered it */
	NC_LIVES_YET,    /* nobody has, and somebody may still who is behind */
	NC_LIVES_WAIT,   /* somebody may live who was not asked */
	NC_LIVES_PERHAPS /* somebody has who is dead */
};

/* Of a request that came at `arrived_ns`, or while we slept, since `early_ns`; that `hearers` may
 * have heard, and that none of `witnesses` answers. */
struct nc_lives_case {
	uint64_t early_ns, arrived_ns, now_ns;
	const struct nc_sub_owner *hearers; /* [hearer_count]; NULL: any, whatever that is */
	size_t hearer_count;
	const struct nc_witness *witnesses; /* [count], asked since it came */
	size_t count;
};
enum nc_lives_verdict nc_lives_judge(const struct nc_lives *lives, const struct nc_lives_case *of);

/* What becomes of it. `unsure`: who is to have it was not reached; `last`: it is asked for no more.
 */
enum nc_lives_fate {
	NC_LIVES_AGAIN,   /* it is asked for again */
	NC_LIVES_LEAVE,   /* somebody may have answered it: nobody does any more */
	NC_LIVES_GIVE_UP, /* nobody has; what is to be said of it is not known */
	NC_LIVES_REFUSE   /* nobody has, or will */
};
enum nc_lives_fate nc_lives_fate(enum nc_lives_verdict verdict, bool unsure, bool last);

/* That one had not been heard for so long at `at_ns` that it is not waited for. */
bool nc_lives_gone(const struct nc_lives *lives, struct nc_sub_owner who, uint64_t at_ns);

#endif
