/* SPDX-License-Identifier: GPL-3.0-or-later */
/* subs_shape.h -- what subscriptions are made of: one of them, what is under way for it, and the
 * table of all. Three names are close to each other: `struct nc_sub` is the state machine of
 * core/delivery, `struct nc_subscription` is a subscription as this node runs it, with its machine,
 * and `struct nc_subs` is all of them.
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

/* A request that is answered when a progress is replicated. */
struct nc_sub_waiter {
	struct nc_sub_waiter *next;
	uint64_t progress; /* the number of that progress */
	uint64_t since_ms;
	uint64_t term; /* the leader's, when it came; 0: the subscription runs without a lease */
	char *answer;  /* owned; NULL: an empty message */
	char reply[];
};

/* A request that is kept, to be carried out later. */
struct nc_sub_later {
	struct nc_sub_later *next;
	uint64_t since_ms;
	enum nc_operation op;
	int endpoint;
	size_t reply_size, body_size;
	char bytes[]; /* the reply subject with its NUL, the body */
};

/* A pull request: where its answers go. The subscription's list holds it while it waits, and each
 * delivery for it does. */
struct nc_sub_pull {
	struct nc_sub_pull *next;
	uint64_t id;
	uint32_t left; /* events that it is still to be given */
	uint32_t holders;
	bool cut; /* it was ended before it was given them all */
	enum nc_form form;
	char reply[];
};

/* Memory for finding the keys of events. Begins as zeros. */
struct nc_sub_keys {
	struct nc_view_builder builder;
	struct nc_arena arena;
	char number[32];
};

/* The work that an update with a backfill has left (core/delivery/backfill.h). */
struct nc_sub_backfill {
	struct nc_buf bytes;
	struct nc_backfill is;    /* slices of `bytes` */
	struct nc_filter *filter; /* the old one */
};

/* A replay: parked events that are offered to the machine again, in ascending order, as it has room
 * (subs_replay.c). */
struct nc_sub_replaying {
	bool under_way;
	struct nc_replay_ask ask;
	size_t next; /* of positions: the index of the next one */
	uint64_t after,
	        through;        /* of a key or all: the rows in between are still to be looked at */
	bool checked;           /* of positions: none would leave an older one of its key behind */
	uint64_t count;         /* how many have been offered so far */
	bool scan_next;         /* the last job was a replay's: a search of history goes first */
	int endpoint;           /* for the statistics */
	char *reply;            /* owned; NULL: answered */
	struct nc_buf unparked; /* rows that were removed since, and that a reader may still see */
};

/* What is to get into the log: the progress, and rows of parked events (subs_save.c). */
struct nc_sub_save {
	/* Rows to be written and positions whose rows are to be removed, not yet in the log; of a
	 * transient subscription `parked` has all its rows. */
	struct nc_buf parked, unparked;
	size_t sent_parked, sent_unparked; /* how many bytes of each, the first, are under way */
	bool under_way;                    /* a progress is, and with it those rows */
	uint64_t number;                   /* of that progress */
	bool hurry;                        /* somebody waits for the next one */
	bool missed;                       /* a progress was taken that did not get into the log */
};

struct nc_sub_move;

/* Positions, both inclusive; `to` 0: none. */
struct nc_sub_span {
	uint64_t from, to;
};

/* Jobs of its that are with the readers. */
struct nc_sub_at_work {
	bool delivering, searching;
	bool searching_replay; /* the latter is a replay's */
};

/* Its place in the list of those that are looked at at the end of the turn. */
struct nc_sub_turn {
	bool listed;
	struct nc_subscription *prev, *next;
};

/* Its pull requests (subs_pull.c). */
struct nc_sub_pulling {
	uint64_t last_id;  /* of those given out */
	enum nc_form form; /* that the last of them asked for */
	struct nc_sub_pull *waiting;
	struct nc_sub_later *measured; /* requests that wait until all sizes are known */
	bool sized;                    /* history is searched for sizes too */
};

/* What is about to be published (subs_deliver.c). */
struct nc_sub_out {
	struct nc_delivery *todo;
	size_t count, room;      /* of todo */
	struct nc_buf packed;    /* under subs->lock: what is in each message (subs_pack.c) */
	struct nc_buf too_large; /* under subs->lock: positions and flights (subs_too_large.c) */
	struct nc_ahead ahead;   /* what of it is to come is in memory already */
	uint64_t posted_turn;    /* the loop's (service->turns + 1) in which it last put deliveries
	                            into the outbox */
};

/* What becomes of its filter when the plugin is replaced, or does not answer (subs_plugins.c). */
struct nc_sub_plugin {
	bool renew;   /* its plugin was replaced: take the new one when no search is under way */
	bool renewed; /* the new one, in a process of its own, is asked whether it takes the
	                 selector; nothing is searched until it has said so */
	uint64_t judges_from; /* events from here on are judged by the filter it has; 0: all */
	uint64_t pause_ns, retry_ns; /* after a fault of its filter: when it is asked again */
};

/* Of one that runs here by a lease (subs_own.c). */
struct nc_sub_lease {
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

/* Events of it that may not be seen any more, parked or waiting (subs_tidy.c). */
struct nc_sub_tidy {
	bool window; /* those that wait or fly, of positions above `after` */
	uint64_t after;
	struct nc_sub_span rows; /* those that are parked */
	/* What was marked meanwhile: looked at when that has been gone through, and not from the
	 * beginning each time, or it would never end beside many deletions. */
	bool window_again;
	struct nc_sub_span again;
	bool rows_next; /* they take turns; and with what else is to be read */
	bool yields;
	bool under_way;
	uint64_t all_ns;        /* when all was last to be looked at */
	struct nc_looks looks;  /* from time to time */
	struct nc_buf unparked; /* not in the log when it began, or since */
};

struct nc_subscription {
	struct nc_subs *subs; /* NULL: not in the table yet */
	uint32_t id;
	char name[65];
	uint64_t epoch;
	uint64_t started;      /* the epoch starts after this position */
	struct nc_floor floor; /* and with what this admits; the machine has it too */
	bool gone;             /* deleted while a job was under way */
	const char *end;       /* then: what who pulls is told when nothing more comes */
	struct nc_definition definition;
	char *push_subject;       /* of a push one */
	struct nc_filter *filter; /* NULL: its plugin is missing; then `fault` says so */
	struct nc_filter_hints hints;
	char fault[NC_SUB_FAULT_SIZE]; /* "": none */
	bool indexed;                  /* live events find it by the index, not by the router */
	struct nc_sub *machine;
	uint64_t unsearched; /* events beyond the cursor that may match: exact, or a bound */
	uint64_t scanned_ns; /* when its cursor was last moved past what does not match */
	bool inactive;       /* nobody has listened for long */
	bool lagging;        /* an advisory has said so */
	struct nc_sub_waiter *waiters;
	struct nc_sub_later *later;
	struct nc_sub_turn turn;
	struct nc_sub_at_work jobs;
	struct nc_sub_pulling pull;
	struct nc_sub_out out;
	struct nc_sub_save save;
	struct nc_sub_move *move;         /* on its way; NULL: none */
	struct nc_sub_backfill *backfill; /* NULL: none */
	struct nc_sub_replaying replay;
	struct nc_sub_tidy tidy;
	struct nc_sub_plugin plugin;
	struct nc_sub_lease lease;
};

/* A command about a subscription, on its way through the log. */
enum nc_sub_pending_kind { NC_SUB_CREATING, NC_SUB_DELETING, NC_SUB_SAVING, NC_SUB_MOVING };
struct nc_sub_pending {
	struct nc_sub_pending *prev,
	        *next; /* in a list that may be long: one for each subscription */
	struct nc_ticket *ticket;
	enum nc_sub_pending_kind kind;
	struct nc_subscription *sub; /* of CREATING: not yet in the table */
	char name[NC_WORD_SIZE_MAX + 1];
	uint32_t id; /* of SAVING: the subscription's */
	uint64_t epoch;
};

/* What a filter says of one event; `fault` is why it said nothing, "" if it did answer. */
struct nc_sub_verdict {
	bool matches;
	char fault[NC_SUB_FAULT_SIZE];
};

/* Names of subscriptions that are being made or deleted, and the requests that stand behind that
 * (subs_behind.c). */
#define NC_SUB_LINES            1024u /* buckets */
#define NC_SUB_BEHIND_MAX       4096u
#define NC_SUB_BEHIND_BYTES_MAX (16u << 20)
struct nc_sub_line;
struct nc_sub_behind;
struct nc_sub_lines {
	struct nc_sub_line *at[NC_SUB_LINES]; /* by the name's hash */
	uint32_t count;
	uint64_t entered, left; /* creations and deletions that have begun, and ended */
	uint64_t oldest;        /* the first number under way; UINT64_MAX: none is; 0: not known */
	struct nc_sub_behind *first, *last; /* the requests of all names, in order of arrival */
	size_t waiting, bytes;              /* how many these are, and how large together */
	uint64_t pass;                      /* counts the times that the list was gone through */
	bool settled; /* all that came before the request being carried out has been applied */
	bool ready;   /* something has ended: requests behind it may go on */
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
	/* Live events are shown to a subscription by the router, if its hints say all or its plugin
	 * has no sets; by the index otherwise. */
	struct nc_router *router;
	struct nc_filter_index *index;
	struct nc_filter_batch *batch; /* for live events */
	struct nc_sub_keys keys;
	struct nc_recent recent; /* live events that a subscription was offered */
	struct nc_sub_teller teller;
	struct nc_outbox leased;        /* deliveries that may leave only while the lease holds */
	struct nc_delivery *spare_todo; /* [spare_room], memory for the next `todo` */
	size_t spare_room;
	struct nc_ahead_stock stock; /* of the subscriptions' `ahead` */

	/* Events that were deleted or have expired (subs_tidy.c). */
	uint64_t sweeps;         /* how often everything in memory was let go */
	uint64_t aged;           /* how often what had been in memory for a while was */
	uint64_t forgot_ns;      /* when that was last considered */
	struct nc_looks forgets; /* whether it is to be considered */
	struct nc_looks_budget tidy_budget;
	uint32_t tidy_next; /* id of the subscription whose turn it is */

	struct nc_pace pace; /* of what the loop delivers */

	/* The table (subs.c), and the list of those that act at the end of the turn. */
	struct nc_subscription *first_dirty, *last_dirty;
	struct nc_subscription **slots; /* [room], by id; NULL: free */
	uint64_t *due_ns; /* [room], by id: when a tick looks at it; UINT64_MAX: never */
	uint32_t room, count;
	uint32_t full_below; /* all slots before this one are taken */
	struct nc_hashmap names;
	struct nc_subscription *found; /* the one that was looked for last; NULL: none */

	uint32_t pass_next;    /* id: whose cursor next moves past events that do not match */
	uint32_t waiter_count; /* nc_sub_waiter and nc_sub_later of all subscriptions */
	bool renewing;         /* some subscriptions have `renew` set */
	struct nc_sub_pending *pending;
	struct nc_sub_lines lines;
	struct nc_state_reader *reader; /* the loop's, for short reads */
	struct nc_buf scratch;
	struct nc_buf progress, command; /* used by nc_subs_save(), which keeps their memory */
	struct nc_sub_owning own;
	uint64_t foreign_acks, ignored_answers; /* counters, see nc_subs_put_counters() */
	struct nc_answered answered;            /* acknowledgements that this node answers */
	uint64_t answers_ns; /* when the answers came that are being taken; 0: ask the clock */
	struct nc_filter_views views; /* counts of searches that have ended; `batch` has its own */
	uint64_t transient_epochs; /* the last one given out; they begin with the leader's term, so
	                              that no two nodes give out the same */

	uv_async_t wake;
	pthread_mutex_t lock;                 /* of the next three */
	struct nc_sub_job *done;              /* jobs that readers have done */
	struct nc_sub_merge *merged;          /* an index that a reader has merged */
	struct nc_sub_prepare *prepared_list; /* requests whose filters have been compiled */

	/* Of the request that is being carried out; else NULL: what its filter says of the event of
	 * R.sub.explain, and its filter, if these came from a process of its own. */
	const struct nc_sub_verdict *verdict;
	struct nc_filter *prepared;
	atomic_bool plugins_changed;
	atomic_size_t unconfirmed; /* bytes that readers sent since they last waited for a PONG */
	struct nc_sub_pool *pools; /* readers of isolated plugins */
};

#endif
