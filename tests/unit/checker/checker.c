/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Histories that are wrong in one way each. */
#include "tests/e2e/checker/checker.h"

#include <criterion/criterion.h>
#include <stdlib.h>

#include "tests/unit/checker/generate.h"

static struct nc_checker *judged(const char *const *lines)
{
	struct nc_checker *checker = nc_checker_new();
	cr_assert_not_null(checker);
	for (; *lines != NULL; lines++)
		cr_assert_eq(nc_checker_line(checker, nc_slice_str(*lines)), NC_OK);
	cr_assert_eq(nc_checker_judge(checker), NC_OK);
	return checker;
}

/* That fault and no other; NC_FAULT_COUNT: none at all. */
static void expect_lines(enum nc_fault fault, const char *const *lines)
{
	struct nc_checker *checker = judged(lines);
	uint64_t all = nc_checker_faults(checker, NC_FAULT_COUNT);
	uint64_t wanted = fault == NC_FAULT_COUNT ? 0 : nc_checker_faults(checker, fault);
	if (all != wanted || (fault != NC_FAULT_COUNT && wanted == 0))
		nc_checker_report(checker, stderr);
	cr_expect_eq(all, wanted, "other faults than wanted");
	cr_expect(fault == NC_FAULT_COUNT || wanted > 0, "not found: %s",
	          fault == NC_FAULT_COUNT ? "" : nc_fault_name(fault));
	nc_checker_free(checker);
}

#define expect(fault, ...) expect_lines(fault, (const char *const[]){ __VA_ARGS__, NULL })

#define EVENT(stream, seq, pos, id)                                                 \
	"{\"stream\":\"" stream "\",\"seq\":" #seq ",\"pos\":" #pos ",\"id\":\"" id \
	"\",\"data\":\"" id "\"}"
#define TRY(stream, id, expects) \
	"{\"stream\":\"" stream "\",\"id\":\"" id "\",\"data\":\"" id "\",\"expect\":" expects "}"
#define APPEND(start, end, tries, outcome)                                                         \
	"{\"op\":\"append\",\"start\":" #start ",\"end\":" #end ",\"events\":[" tries "]," outcome \
	"}"
#define OK(seq, pos)        "\"results\":[{\"seq\":" #seq ",\"pos\":" #pos "}]"
#define REFUSED(actual)     "\"refused\":10071,\"actual\":" #actual
#define UNKNOWN             "\"unknown\":true"
#define FINAL(node, events) "{\"op\":\"final\",\"node\":\"" node "\",\"events\":[" events "]}"
#define READ(start, end, more, events) \
	"{\"op\":\"read\",\"start\":" #start ",\"end\":" #end "," more ",\"events\":[" events "]}"
#define SUB(order, until)                                                     \
	"{\"op\":\"sub\",\"name\":\"b\",\"match\":\"all\",\"order\":\"" order \
	"\",\"until\":" #until "}"
#define DELIVER(at, stream, seq, pos, id)                                                          \
	"{\"op\":\"deliver\",\"sub\":\"b\",\"at\":" #at ",\"stream\":\"" stream "\",\"seq\":" #seq \
	",\"pos\":" #pos ",\"id\":\"" id "\",\"data\":\"" id "\",\"attempt\":1}"
#define ACK(end, pos) "{\"op\":\"ack\",\"sub\":\"b\",\"pos\":" #pos ",\"end\":" #end "}"

/* Two events, x before y, one after the other in time, in two streams. */
#define X     APPEND(10, 20, TRY("s", "x", "\"none\""), OK(1, 1))
#define Y     APPEND(30, 40, TRY("t", "y", "\"any\""), OK(1, 2))
#define STATE EVENT("s", 1, 1, "x") "," EVENT("t", 1, 2, "y")

Test(checker, finds_nothing_in_a_history_that_holds)
{
	expect(NC_FAULT_COUNT, X, Y, FINAL("n1", STATE), FINAL("n2", STATE),
	       READ(41, 50, "\"from\":1,\"head\":2,\"complete\":true", STATE),
	       READ(15, 18, "\"from\":1,\"head\":0,\"complete\":true", ""),
	       APPEND(50, 60, TRY("s", "z", "\"none\""), REFUSED(1)), SUB("stream", 2),
	       DELIVER(50, "s", 1, 1, "x"), ACK(60, 1), DELIVER(61, "t", 1, 2, "y"));
	expect(NC_FAULT_COUNT, APPEND(10, 20, TRY("s", "x", "\"any\""), UNKNOWN), Y,
	       APPEND(50, 60, TRY("s", "u", "\"any\""), UNKNOWN), FINAL("n1", STATE));
}

Test(checker, wants_a_final_state)
{
	expect(NC_FAULT_NO_FINAL, X, Y);
}

Test(checker, says_what_it_does_not_understand)
{
	expect(NC_FAULT_MALFORMED, X, Y, FINAL("n1", STATE), "{\"op\":\"append\"");
	expect(NC_FAULT_MALFORMED, X, Y, FINAL("n1", STATE), "{\"op\":\"dance\",\"start\":1}");
	expect(NC_FAULT_MALFORMED, X, Y, FINAL("n1", STATE), "{\"op\":\"read\",\"wat\":1}");
	expect(NC_FAULT_MALFORMED, X, Y, FINAL("n1", STATE),
	       APPEND(1, 2, TRY("s", "q", "\"any\""), OK(9, 9) "," UNKNOWN));
}

Test(checker, finds_what_was_answered_and_is_lost)
{
	expect(NC_FAULT_LOST, X, Y, FINAL("n1", EVENT("s", 1, 1, "x")));
}

Test(checker, finds_what_stands_elsewhere_than_answered)
{
	expect(NC_FAULT_MOVED, APPEND(10, 60, TRY("s", "x", "\"none\""), OK(1, 2)),
	       APPEND(10, 60, TRY("s", "x", "\"none\""), UNKNOWN), Y, FINAL("n1", STATE));
}

Test(checker, finds_what_stands_twice)
{
	expect(NC_FAULT_DOUBLED, X, Y, APPEND(10, 50, TRY("s", "x", "\"any\""), OK(2, 3)),
	       FINAL("n1", STATE "," EVENT("s", 2, 3, "x")));
}

Test(checker, finds_what_nobody_appended)
{
	expect(NC_FAULT_FOREIGN, X, Y, FINAL("n1", STATE "," EVENT("s", 2, 3, "made up")));
}

Test(checker, finds_what_was_refused_and_is_there)
{
	expect(NC_FAULT_REFUSED, X, Y, APPEND(50, 60, TRY("s", "z", "7"), REFUSED(1)),
	       FINAL("n1", STATE "," EVENT("s", 2, 3, "z")));
	expect(NC_FAULT_REFUSED, X, Y, APPEND(50, 60, TRY("s", "z", "1"), "\"refused\":10023"),
	       FINAL("n1", STATE "," EVENT("s", 2, 3, "z")));
	expect(NC_FAULT_COUNT, X, Y, APPEND(50, 60, TRY("s", "z", "1"), "\"refused\":10023"),
	       APPEND(61, 70, TRY("s", "z", "1"), OK(2, 3)),
	       FINAL("n1", STATE "," EVENT("s", 2, 3, "z")));
}

Test(checker, finds_gaps)
{
	expect(NC_FAULT_GAP, X, APPEND(30, 40, TRY("s", "y", "\"any\""), OK(3, 2)),
	       FINAL("n1", EVENT("s", 1, 1, "x") "," EVENT("s", 3, 2, "y")));
}

#define PAIR       TRY("s", "x", "\"any\"") "," TRY("t", "y", "\"any\"")
#define PAIR_OK(a) "\"results\":[{\"seq\":1,\"pos\":1},{\"seq\":1,\"pos\":" #a "}]"

Test(checker, finds_a_torn_batch)
{
	expect(NC_FAULT_COUNT, APPEND(1, 5, PAIR, PAIR_OK(2)), FINAL("n1", STATE));
	expect(NC_FAULT_TORN, APPEND(1, 5, PAIR, UNKNOWN), FINAL("n1", EVENT("s", 1, 1, "x")));
	expect(NC_FAULT_TORN, APPEND(1, 5, PAIR, PAIR_OK(3)),
	       APPEND(1, 5, TRY("u", "between", "\"any\""), OK(1, 2)),
	       FINAL("n1", EVENT("s", 1, 1, "x") "," EVENT("u", 1, 2,
	                                                   "between") "," EVENT("t", 1, 3, "y")));
}

Test(checker, finds_appends_against_the_order_of_time)
{
	expect(NC_FAULT_ORDER, APPEND(30, 40, TRY("s", "x", "\"none\""), OK(1, 1)),
	       APPEND(10, 20, TRY("t", "y", "\"any\""), OK(1, 2)), FINAL("n1", STATE));
}

Test(checker, lets_overlapping_appends_stand_in_any_order)
{
	expect(NC_FAULT_COUNT, APPEND(10, 40, TRY("s", "x", "\"none\""), OK(1, 1)),
	       APPEND(5, 20, TRY("t", "y", "\"any\""), OK(1, 2)), FINAL("n1", STATE));
}

Test(checker, finds_a_stale_read)
{
	expect(NC_FAULT_ORDER, X, Y, FINAL("n1", STATE),
	       READ(41, 50, "\"from\":1,\"head\":1,\"complete\":true", EVENT("s", 1, 1, "x")));
	expect(NC_FAULT_ORDER, X, Y, FINAL("n1", STATE),
	       READ(41, 50, "\"stream\":\"t\",\"from\":1,\"head\":0,\"complete\":true", ""));
}

Test(checker, finds_a_read_of_the_future)
{
	expect(NC_FAULT_ORDER, X, Y, FINAL("n1", STATE),
	       READ(21, 25, "\"from\":1,\"head\":2,\"complete\":true", STATE));
	expect(NC_FAULT_ORDER, X, Y, FINAL("n1", STATE),
	       READ(21, 25, "\"from\":1,\"head\":2,\"complete\":true,\"direct\":true", STATE));
}

Test(checker, finds_reads_that_go_back)
{
	/* Y is under way all the time: each read alone is fine. */
	const char *slow = APPEND(30, 90, TRY("t", "y", "\"any\""), OK(1, 2));
	const char *sees = READ(40, 45, "\"from\":1,\"head\":2,\"complete\":true", STATE);
	const char *later =
	        READ(50, 55, "\"from\":1,\"head\":1,\"complete\":true", EVENT("s", 1, 1, "x"));
	const char *late = READ(50, 55, "\"from\":1,\"head\":1,\"complete\":true,\"direct\":true",
	                        EVENT("s", 1, 1, "x"));
	expect(NC_FAULT_COUNT, X, slow, FINAL("n1", STATE), sees);
	expect(NC_FAULT_COUNT, X, slow, FINAL("n1", STATE), later);
	expect(NC_FAULT_ORDER, X, slow, FINAL("n1", STATE), sees, later);
	expect(NC_FAULT_COUNT, X, slow, FINAL("n1", STATE), sees, late);
}

Test(checker, finds_holes_and_wrong_events_in_reads)
{
	expect(NC_FAULT_READ, X, Y, FINAL("n1", STATE),
	       READ(41, 50, "\"from\":1,\"head\":2,\"complete\":true", EVENT("t", 1, 2, "y")));
	expect(NC_FAULT_READ, X, Y, FINAL("n1", STATE),
	       READ(41, 50, "\"from\":1,\"head\":2,\"complete\":true", EVENT("s", 1, 1, "x")));
	expect(NC_FAULT_READ, X, Y, FINAL("n1", STATE),
	       READ(41, 50, "\"from\":1,\"head\":3,\"complete\":true", STATE));
	expect(NC_FAULT_READ, X, Y, FINAL("n1", STATE),
	       READ(41, 50, "\"stream\":\"s\",\"from\":1,\"head\":1", EVENT("s", 1, 1, "another")));
}

Test(checker, finds_a_direct_read_that_does_not_reach_what_it_was_told)
{
	expect(NC_FAULT_STALE, X, Y, FINAL("n1", STATE),
	       READ(41, 50, "\"from\":1,\"head\":1,\"direct\":true,\"min_pos\":2",
	            EVENT("s", 1, 1, "x")));
}

Test(checker, finds_refusals_without_reason)
{
	expect(NC_FAULT_CONFLICT, X, Y, FINAL("n1", STATE),
	       APPEND(50, 60, TRY("s", "z", "1"), REFUSED(1)));
	expect(NC_FAULT_CONFLICT, X, Y, FINAL("n1", STATE),
	       APPEND(50, 60, TRY("s", "z", "\"any\""), REFUSED(1)));
	expect(NC_FAULT_CONFLICT, X, Y, FINAL("n1", STATE),
	       APPEND(50, 60, TRY("s", "z", "\"none\""), REFUSED(2)));
	expect(NC_FAULT_ORDER, X, Y, FINAL("n1", STATE), /* of a version long gone */
	       APPEND(50, 60, TRY("s", "z", "4"), REFUSED(0)));
	expect(NC_FAULT_ORDER, X, Y, FINAL("n1", STATE), /* of one yet to come */
	       APPEND(25, 28, TRY("t", "z", "\"none\""), REFUSED(1)));
}

Test(checker, finds_expectations_that_were_not_met)
{
	expect(NC_FAULT_CONFLICT, X, APPEND(30, 40, TRY("s", "y", "\"none\""), OK(2, 2)),
	       FINAL("n1", EVENT("s", 1, 1, "x") "," EVENT("s", 2, 2, "y")));
	expect(NC_FAULT_CONFLICT, APPEND(10, 20, TRY("s", "x", "\"exists\""), OK(1, 1)), Y,
	       FINAL("n1", STATE));
	expect(NC_FAULT_CONFLICT, APPEND(10, 20, TRY("s", "x", "5"), OK(1, 1)), Y,
	       FINAL("n1", STATE));
}

Test(checker, finds_nodes_that_differ)
{
	expect(NC_FAULT_DIFFER, X, Y, FINAL("n1", STATE), FINAL("n2", EVENT("s", 1, 1, "x")));
	expect(NC_FAULT_DIFFER, X, Y, FINAL("n1", STATE),
	       FINAL("n2", EVENT("s", 1, 1, "x") "," EVENT("t", 1, 2, "another")));
}

#define Z      APPEND(30, 40, TRY("s", "z", "\"any\""), OK(2, 2))
#define SAME   EVENT("s", 1, 1, "x") "," EVENT("s", 2, 2, "z")
#define SUBBED X, Z, FINAL("n1", SAME)

Test(checker, finds_what_a_subscription_left_out)
{
	expect(NC_FAULT_SUB_GAP, SUBBED, SUB("none", 2), DELIVER(50, "s", 1, 1, "x"));
	expect(NC_FAULT_COUNT, SUBBED, SUB("none", 1), DELIVER(50, "s", 1, 1, "x"));
}

Test(checker, finds_deliveries_out_of_order)
{
	expect(NC_FAULT_SUB_ORDER, SUBBED, SUB("stream", 2), DELIVER(50, "s", 2, 2, "z"),
	       DELIVER(51, "s", 1, 1, "x"));
	expect(NC_FAULT_COUNT, SUBBED, SUB("none", 2), DELIVER(50, "s", 2, 2, "z"),
	       DELIVER(51, "s", 1, 1, "x"));
	expect(NC_FAULT_COUNT, X, Y, FINAL("n1", STATE), SUB("stream", 2),
	       DELIVER(50, "t", 1, 2, "y"), DELIVER(51, "s", 1, 1, "x"));
	expect(NC_FAULT_SUB_ORDER, X, Y, FINAL("n1", STATE), SUB("global", 2),
	       DELIVER(50, "t", 1, 2, "y"), DELIVER(51, "s", 1, 1, "x"));
}

Test(checker, lets_deliveries_come_again_until_they_are_acknowledged)
{
	expect(NC_FAULT_COUNT, SUBBED, SUB("stream", 2), DELIVER(50, "s", 1, 1, "x"),
	       DELIVER(51, "s", 1, 1, "x"), ACK(60, 1), DELIVER(61, "s", 2, 2, "z"));
	expect(NC_FAULT_SUB_ACKED, SUBBED, SUB("stream", 2), DELIVER(50, "s", 1, 1, "x"),
	       ACK(60, 1), DELIVER(61, "s", 1, 1, "x"), DELIVER(62, "s", 2, 2, "z"));
}

Test(checker, finds_deliveries_of_what_is_not_there)
{
	expect(NC_FAULT_SUB_EVENT, SUBBED, SUB("none", 0), DELIVER(50, "s", 1, 1, "another"));
	expect(NC_FAULT_ORDER, SUBBED, SUB("none", 0), DELIVER(5, "s", 1, 1, "x"));
}

/* ---- Large ones ----------------------------------------------------------------------------- */

static char *generated(uint64_t seed, uint64_t operations, size_t *size_out)
{
	char *text;
	FILE *out = open_memstream(&text, size_out);
	cr_assert_not_null(out);
	generate_history(seed, operations, out);
	cr_assert_eq(fclose(out), 0);
	return text;
}

static uint64_t faults_in(const char *text)
{
	struct nc_checker *checker = nc_checker_new();
	for (const char *line = text; *line != '\0';) {
		size_t size = strcspn(line, "\n") + 1;
		cr_assert_eq(nc_checker_line(checker, nc_slice(line, size)), NC_OK);
		line += size;
	}
	cr_assert_eq(nc_checker_judge(checker), NC_OK);
	uint64_t faults = nc_checker_faults(checker, NC_FAULT_COUNT);
	if (faults > 0)
		nc_checker_report(checker, stderr);
	nc_checker_free(checker);
	return faults;
}

Test(checker, finds_nothing_in_large_histories_that_hold, .timeout = 120)
{
	for (uint64_t seed = 1; seed <= 5; seed++) {
		size_t size;
		char *text = generated(seed, 4000, &size);
		cr_expect_eq(faults_in(text), 0u, "seed %u", (unsigned)seed);
		free(text);
	}
}

/* Each answered append's line taken away from the final of one node: it must be missed. */
Test(checker, finds_one_lost_event_among_many, .timeout = 120)
{
	for (uint64_t seed = 1; seed <= 20; seed++) {
		size_t size;
		char *text = generated(seed, 400, &size), *at = text;
		for (uint64_t skip = 0; skip <= seed * 3; skip++) {
			char *found = strstr(at + 1, "\"results\":[{\"seq\":");
			if (found == NULL)
				break;
			at = found;
		}
		at += strlen("\"results\":[{\"seq\":");
		*at = *at == '9' ? '8' : (char)(*at + 1); /* another version than it has */
		struct nc_checker *checker = nc_checker_new();
		for (const char *line = text; *line != '\0'; line += strcspn(line, "\n") + 1) {
			cr_assert_eq(nc_checker_line(checker, nc_slice(line, strcspn(line, "\n"))),
			             NC_OK);
		}
		cr_assert_eq(nc_checker_judge(checker), NC_OK);
		cr_expect_gt(nc_checker_faults(checker, NC_FAULT_COUNT), 0u, "seed %u",
		             (unsigned)seed);
		nc_checker_free(checker);
		free(text);
	}
}
