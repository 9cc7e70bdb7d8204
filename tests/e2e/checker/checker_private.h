/* SPDX-License-Identifier: GPL-3.0-or-later */
/* checker_private.h -- a history in memory, and the timeline it is held against. */
#ifndef NC_TESTS_E2E_CHECKER_PRIVATE_H
#define NC_TESTS_E2E_CHECKER_PRIVATE_H

#include "core/base/hashmap.h"
#include "tests/e2e/checker/checker.h"

#define NC_NEVER INT64_MAX /* a time */
#define NC_NONE  UINT32_MAX

/* An array that grows: `at[count]`. */
#define NC_ARRAY(type)              \
	struct {                    \
		type *at;           \
		size_t count, room; \
	}
/* Room for one more; false: out of memory. */
bool nc_array_room(void *at_pointer, size_t *room, size_t count, size_t item_size);
#define nc_array_add(array)                                                               \
	(nc_array_room(&(array)->at, &(array)->room, (array)->count, sizeof *(array)->at) \
	         ? &(array)->at[(array)->count++]                                         \
	         : NULL)

/* Strings as numbers. */
struct nc_names {
	NC_ARRAY(struct nc_name {
		size_t offset;
		uint32_t size;
	})
	names;
	struct nc_buf bytes;
	struct nc_hashmap map;
};
uint32_t nc_names_put(struct nc_names *names, struct nc_slice name); /* NC_NONE: no memory */
struct nc_slice nc_names_get(const struct nc_names *names, uint32_t number);

/* An event as somebody saw it. */
struct nc_seen {
	uint32_t stream, id;
	uint64_t data; /* hash of what stands for the content */
	uint64_t seq, pos;
};

enum nc_expect_kind { NC_EXPECT_ANY, NC_EXPECT_NONE, NC_EXPECT_EXISTS, NC_EXPECT_AT };

struct nc_try {              /* one event of an append */
	struct nc_seen seen; /* seq and pos: as answered */
	enum nc_expect_kind expect;
	uint64_t expect_at;
};

enum nc_outcome_kind { NC_OUTCOME_OK, NC_OUTCOME_REFUSED, NC_OUTCOME_UNKNOWN };

struct nc_append {
	uint64_t line;
	int64_t start, end;
	size_t first, count; /* of tries */
	enum nc_outcome_kind outcome;
	uint64_t err_code, actual;
	uint32_t actual_stream; /* NC_NONE: not said */
};

struct nc_read {
	uint64_t line;
	int64_t start, end;
	uint32_t stream; /* NC_NONE: the store */
	uint64_t from, head, min_pos;
	size_t first, count; /* of seen */
	bool complete, direct;
};

struct nc_sub {
	uint64_t line;
	uint32_t name, match; /* match: of a stream or prefix; NC_NONE: all */
	bool prefix, by_stream, global;
	uint64_t from, until; /* positions that must have been delivered */
};

struct nc_delivery {
	uint64_t line;
	uint32_t sub; /* its name */
	int64_t at;
	bool ack; /* else a delivery */
	struct nc_seen seen;
};

struct nc_final {
	uint64_t line;
	uint32_t node;
	size_t first, count; /* of seen */
};

/* An event of the final state. Its moment of commit lies between `not_before` and `not_after`; each
 * bound is that of the line beside it. */
struct nc_event {
	uint32_t stream, id;
	uint64_t data, seq;
	bool there, appended;
	int64_t not_before, not_after;
	uint64_t before_line, after_line;
	int64_t first_start; /* of the tries that may have made it */
	uint64_t first_line;
};

struct nc_stream {
	NC_ARRAY(uint32_t) at; /* position of version i + 1 */
};

struct nc_checker {
	uint64_t lines;
	struct nc_names strings;
	NC_ARRAY(struct nc_append) appends;
	NC_ARRAY(struct nc_try) tries;
	NC_ARRAY(struct nc_read) reads;
	NC_ARRAY(struct nc_sub) subs;
	NC_ARRAY(struct nc_delivery) deliveries;
	NC_ARRAY(struct nc_final) finals;
	NC_ARRAY(struct nc_seen) seen;

	NC_ARRAY(struct nc_event) events;   /* by position; [0] is none */
	NC_ARRAY(struct nc_stream) streams; /* by the number of the name */
	struct nc_hashmap by_id;            /* (stream, id) -> position */

	uint64_t faults[NC_FAULT_COUNT];
	struct nc_buf words; /* of the first faults */
};

__attribute__((format(printf, 3, 4))) void nc_fault(struct nc_checker *checker, enum nc_fault fault,
                                                    const char *format, ...);

/* history.c */
int nc_history_line(struct nc_checker *checker, struct nc_slice line);

/* truth.c */
int nc_truth_build(struct nc_checker *checker);
/* The event at `pos`; NULL: none. */
struct nc_event *nc_truth_at(struct nc_checker *checker, uint64_t pos);
/* Position of (stream, id); 0: not there. */
uint32_t nc_truth_find(const struct nc_checker *checker, uint32_t stream, uint32_t id);
/* Position of `seq` of the stream; 0: it has not so many. */
uint32_t nc_truth_version(const struct nc_checker *checker, uint32_t stream, uint64_t seq);
bool nc_truth_same(const struct nc_event *event, const struct nc_seen *seen);
/* Who looked between `start` and `end` saw everything through `last`, and `next` not yet; 0: no
 * such. */
void nc_truth_looked(struct nc_checker *checker, int64_t start, int64_t end, uint64_t line,
                     uint64_t last, uint64_t next);
/* The bounds of all, drawn together: faults where they leave no moment. */
void nc_truth_timeline(struct nc_checker *checker);

void nc_judge_appends(struct nc_checker *checker); /* appends.c */
void nc_judge_reads(struct nc_checker *checker);   /* reads.c */
int nc_judge_subs(struct nc_checker *checker);     /* subs.c */

#endif
