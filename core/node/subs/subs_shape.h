/* SPDX-License-Identifier: GPL-3.0-or-later */
/* subs_shape.h -- what subscriptions are made of: one of them, what is on its way for it, and the
 * table of all.
 *
 * Threads: the loop's, but for what is said to be under the lock, or to be a reader's.
 */
#ifndef NC_CORE_NODE_SUBS_SUBS_SHAPE_H
#define NC_CORE_NODE_SUBS_SUBS_SHAPE_H

#include <pthread.h>

#include "core/base/hashmap.h"
#include "core/delivery/ack.h"
#include "core/delivery/ask.h"
#include "core/delivery/backfill.h"
#include "core/delivery/router.h"
#include "core/delivery/subscription.h"
#include "core/engine/subs.h"
#include "core/node/common/pace.h"
#include "core/node/service/service_private.h"
#include "core/node/spread/answered.h"
#include "core/node/subs/ahead.h"
#include "core/node/subs/looks.h"
#include "core/node/subs/recent.h"
#include "core/node/subs/subs.h"
#include "core/node/subs/subs_deliver.h"
#include "plugins/host/filter_index.h"
#include "plugins/host/view.h"

#define NC_SUB_FAULT_SIZE 200

/* Who waits for an answer until something is replicated. */
struct nc_sub_waiter {
	struct nc_sub_waiter *next;
	uint64_t progress; /* its number */
	uint64_t since_ms;
	uint64_t term; /* of one that is owned: in which it came; else 0 */
	char *answer;  /* owned; NULL: an empty message */
	char reply[];
};

/* A request that comes again when what is parked is in the log. */
struct nc_sub_later {
	struct nc_sub_later *next;
	uint64_t since_ms;
	enum nc_operation op;
	int endpoint;
	size_t reply_size, body_size;
	char bytes[]; /* the reply subject with its NUL, the body */
};

/* A pull request: its answers go here. Held by the list while it waits, and by each delivery. */
struct nc_sub_pull {
	struct nc_sub_pull *next;
	uint64_t id;
	uint32_t left; /* events that it is still to be given */
	uint32_t holders;
	bool cut; /* it has been ended before it was given all */
	enum nc_form form;
	char reply[];
};

/* What it takes to find an event's key; begins as zeros. */
struct nc_sub_keys {
	struct nc_view_builder builder;
	struct nc_arena arena;
	char number[32];
};

/* What an update with a backfill has left to be done, up to `is.through`. */
struct nc_sub_backfill {
	struct nc_buf bytes;
	struct nc_backfill is;    /* in `bytes` */
	struct nc_filter *filter; /* the one before */
};

/* Parked events on their way back, in ascending order. */
struct nc_sub_replaying {
	bool under_way;
	struct nc_replay_ask ask;
	size_t next;             /* of ask.positions */
	uint64_t after, through; /* of the others: rows in between are still to be looked at */
	bool checked;            /* of positions: none leaves an older one of its key behind */
	uint64_t count;          /* on their way so far */
	bool scan_next;          /* the last job was of this: a search of history goes first */
	int endpoint;            /* for the statistics */
	char *reply;             /* owned; NULL: answered */
	struct nc_buf unparked;  /* rows that may be gone before a reader has looked */
};

/* What of it is to get into the log: its progress, and rows of parked events (subs_save.c). */
struct nc_sub_save {
	struct nc_buf parked, unparked; /* rows, and rows that go: not yet in the log */
	size_t sent_parked,
	        sent_unparked; /* bytes of them, the first ones, that are on their way */
	bool under_way;        /* a progress, and with it those rows */
	uint64_t number;       /* the progress's */
	bool hurry;            /* somebody waits for the next one */
	bool missed;           /* one was taken that did not get into the log */
};

struct nc_sub_move;

/* Positions, inclusive; to 0: none. */
struct nc_sub_span {
	uint64_t from, to;
};

struct nc_subscription {
	uint32_t id;
	char name[65];
	struct nc_definition definition;
	char *push_subject;       /* of a push one */
	struct nc_filter *filter; /* NULL: its plugin is missing; then `fault` says so */
	struct nc_filter_hints hints;
	struct nc_sub *machine;
	uint64_t epoch;
	uint64_t started;                 /* the epoch starts after this position */
	struct nc_floor floor;            /* and with what this admits; the machine has it too */
	struct nc_sub_backfill *backfill; /* NULL: none */
	struct nc_sub_move *move;         /* on its way; NULL: none */
	struct nc_sub_replaying replay;
	uint64_t unsearched;        /* events beyond the cursor that may match: exact, or a bound */
	bool inactive;              /* nobody has listened for long */
	bool lagging;               /* an advisory has said so */
	bool delivering, searching; /* jobs of its that are with the readers */
	bool searching_replay;      /* the latter is a replay's */
	struct nc_subs *subs;       /* NULL: not in the table yet */
	bool indexed;               /* live events find it by the index, not by the router */
	bool dirty;                 /* look at it at the end of the turn: it is in the list */
	struct nc_subscription *prev_dirty, *next_dirty;
	bool gone;               /* deleted while a job was under way */
	const char *end;         /* then: what who pulls is told when nothing more comes */
	uint64_t scanned_ns;     /* when its cursor was last moved past what does not match */
	uint64_t requests;       /* ids of pull requests, given out */
	enum nc_form asked_form; /* of the last of them */
	struct nc_sub_pull *pulls;
	struct nc_sub_waiter *waiters;
	struct nc_sub_later *later;
	struct nc_sub_later *measured; /* requests that wait until all sizes are known */
	bool sized;                    /* history is searched for sizes too */
	struct nc_delivery *todo;
	size_t todo_count, todo_room;
	struct nc_buf packed;  /* under subs->lock: what is in each message (subs_pack.c) */
	struct nc_ahead ahead; /* what of it is to come is in memory already */
	uint64_t posted_turn;  /* the loop's (service->turns + 1) in which it last put deliveries
	                          into the outbox */
	/* Events of it that may not be seen any more, parked or waiting (subs_tidy.c). */
	struct nc_sub_tidy {
		bool window; /* those that wait or fly, of positions above `after` */
		uint64_t after;
		struct nc_sub_span rows; /* those that are parked */
		/* What was marked meanwhile: looked at when that has been gone through, and not
		 * from the beginning each time, or it would never end beside many deletions. */
		bool window_again;
		struct nc_sub_span again;
		bool rows_next; /* they take turns; and with what else is to be read */
		bool yields;
		bool under_way;
		uint64_t all_ns;        /* when all was last to be looked at */
		struct nc_looks looks;  /* from time to time */
		struct nc_buf unparked; /* not in the log when it began, or since */
	} tidy;
	struct nc_sub_save save;
	char fault[NC_SUB_FAULT_SIZE]; /* "": none */
	bool renew;   /* its plugin was replaced: take the new one when no search is under way */
	bool renewed; /* the new one, in a process of its own, is asked whether it takes the
	                 selector; nothing is searched until it has said so */
	uint64_t filter_from; /* events from here on are judged by the filter it has; 0: all */
	uint64_t pause_ns, retry_ns; /* after a fault of its filter: when it is asked again */
	/* Of one that runs here by a lease (subs_own.c). */
	bool owned;
	struct nc_bus_sub *listens; /* to its own R.ack.<name>.>; NULL: the leader does */
	bool asleep;                /* there is no lease just now */
	bool leaves;                /* it is let go, and its last job still delivers */
	bool reown;                 /* it waits for a new epoch */
	uint64_t since;             /* the entry that gave it to us */
	uint64_t reown_ns;          /* when that is asked for again */
	uint64_t yield_ns;          /* it delivers nothing until then */
	/* Of one that the leader has without a lease: an earlier owner's may stand until then. */
	uint64_t wait_ns;
};

/* A command of a subscription's on its way through the log. */
enum nc_sub_pending_kind { NC_SUB_CREATING, NC_SUB_DELETING, NC_SUB_SAVING, NC_SUB_MOVING };
struct nc_sub_pending {
	struct nc_sub_pending *prev, *next; /* the list's; there may be one a subscription */
	struct nc_ticket *ticket;
	enum nc_sub_pending_kind kind;
	struct nc_subscription *sub; /* of CREATING: not yet in the table */
	char name[65];
	uint32_t id; /* of SAVING: the subscription's */
	uint64_t epoch;
};

/* What a filter says of one event; `fault`: why it says nothing, "": it does. */
struct nc_sub_verdict {
	bool matches;
	char fault[NC_SUB_FAULT_SIZE];
};

/* Names of which something is on its way (subs_behind.c), and the requests that stand behind it. */
#define NC_SUB_LINES            1024u /* buckets */
#define NC_SUB_BEHIND_MAX       4096u
#define NC_SUB_BEHIND_BYTES_MAX (16u << 20)
struct nc_sub_line;
struct nc_sub_behind;
struct nc_sub_lines {
	struct nc_sub_line *at[NC_SUB_LINES]; /* by the name's hash */
	uint32_t count;
	uint64_t entered, left;             /* creations and deletions that have begun, and ended */
	struct nc_sub_behind *first, *last; /* requests, of all lines, in order of arrival */
	size_t waiting, bytes;              /* how many, and of how many bytes */
	uint64_t pass;                      /* number of the last time they were gone through */
	bool settled; /* for the one that is being carried out all before it is applied */
	bool ready;   /* something has ended: who stands behind it may go on */
};

/* What this node knows of subscriptions that run under a lease (subs_own.c). */
struct nc_sub_owning {
	uint32_t count;           /* how many of those in the table this node owns … */
	uint32_t asleep;          /* … and how many of these have no lease just now */
	uint32_t leaving;         /* how many that were let go still deliver */
	uint64_t since;           /* the newest entry that gave this node one */
	struct nc_sub_back *back; /* those that went back to the leader lately */
	uint64_t back_ns;         /* any may have done so until then: older ones are not known */
};

struct nc_subs {
	struct nc_service *service;
	struct nc_plugin_host *host;
	struct nc_router *router;      /* those whose hints say all, or that have no sets */
	struct nc_filter_index *index; /* all others */
	struct nc_filter_batch *batch; /* the loop's, for live events */
	struct nc_sub_keys keys;       /* the loop's */
	struct nc_recent recent;       /* likewise: live events that somebody was offered */
	struct nc_sub_teller teller;   /* likewise */
	struct nc_outbox leased; /* likewise: deliveries that go only while the lease stands */
	struct nc_delivery *spare_todo; /* memory for the next one's `todo`; [spare_room] */
	size_t spare_room;
	struct nc_ahead_stock stock;        /* of the subscriptions' `ahead` */
	uint64_t sweeps;                    /* so often all that was in memory was let go of */
	uint64_t aged;                      /* and so often what had been there for a while */
	uint64_t forgot_ns;                 /* when that was last looked at */
	struct nc_looks forgets;            /* whether it is to be */
	struct nc_looks_budget tidy_budget; /* of looking for what has gone out of sight */
	uint32_t tidy_next;                 /* whose turn it is */
	struct nc_pace pace;                /* of what the loop delivers */
	struct nc_subscription *first_dirty, *last_dirty;
	struct nc_subscription **slots; /* [room], by id */
	uint64_t *due_ns;               /* likewise: when a tick looks at it; UINT64_MAX: never */
	uint32_t room, count;
	uint32_t full_below;   /* slots before it are taken */
	uint32_t pass_next;    /* whose cursor is moved next past what does not match it */
	uint32_t waiter_count; /* of all subscriptions, with requests that come again */
	bool renewing;         /* some have `renew` */
	struct nc_hashmap names;
	struct nc_subscription *found; /* that was looked for last, in the table; or NULL */
	struct nc_sub_pending *pending;
	struct nc_sub_lines lines;
	struct nc_state_reader *reader; /* the loop's, for short reads */
	struct nc_buf scratch;
	struct nc_buf progress, command; /* of nc_subs_save(): their room is kept */
	struct nc_sub_owning own;
	uint64_t foreign_acks, ignored_answers;
	struct nc_answered answered; /* acknowledgements that the leader has heard, too */
	uint64_t answers_ns;         /* when those that are being taken came; 0: ask the clock */
	struct nc_filter_views
	        views;             /* of searches that have ended; those of live events: `batch` */
	uint64_t transient_epochs; /* given out: from the leader's term on, so that none is given
	                              twice, by whichever node */

	uv_async_t wake;
	pthread_mutex_t lock;
	struct nc_sub_job *done;              /* under lock: jobs that came back */
	struct nc_sub_merge *merged;          /* likewise: an index that was merged */
	struct nc_sub_prepare *prepared_list; /* likewise: requests whose filters are compiled */
	const struct nc_sub_verdict *verdict; /* likewise, of R.sub.explain */
	struct nc_filter *prepared; /* of the request that is being carried out; else NULL */
	atomic_bool plugins_changed;
	atomic_size_t unconfirmed; /* bytes by readers since the server was last waited for */
	struct nc_sub_pool *pools; /* readers of isolated plugins */
};

#endif
