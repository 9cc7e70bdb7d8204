/* SPDX-License-Identifier: GPL-3.0-or-later */
/* core/delivery/ask.h, and the update of a definition: what is taken, what is refused and how. */
#include <criterion/criterion.h>

#include "core/delivery/ask.h"

static struct nc_buf why;

static void teardown(void)
{
	nc_buf_release(&why);
}

TestSuite(ask, .fini = teardown);

#define expect_refused(call, body)                                                \
	do {                                                                      \
		nc_buf_clear(&why);                                               \
		cr_expect_eq(call, NC_INVALID, "%s is taken", body);              \
		cr_expect_gt(why.size, 0u, "%s is refused without a word", body); \
	} while (0)

Test(ask, a_seek_names_one_place)
{
	enum nc_start start;
	uint64_t value;
	cr_expect_eq(nc_seek_parse(NC_SLICE("\"first\""), &start, &value, &why), NC_OK);
	cr_expect_eq(start, NC_START_FIRST);
	cr_expect_eq(nc_seek_parse(NC_SLICE(" \"new\" "), &start, &value, &why), NC_OK);
	cr_expect_eq(start, NC_START_NEW);
	cr_expect_eq(nc_seek_parse(NC_SLICE("{\"pos\":17}"), &start, &value, &why), NC_OK);
	cr_expect(start == NC_START_POS && value == 17);
	cr_expect_eq(nc_seek_parse(NC_SLICE("{\"time\":\"1970-01-01T00:00:01Z\"}"), &start, &value,
	                           &why),
	             NC_OK);
	cr_expect(start == NC_START_TIME && value == 1000000000);
	const char *bad[] = { "",
		              "{}",
		              "7",
		              "null",
		              "[1]",
		              "\"last\"",
		              "{\"pos\":0}",
		              "{\"pos\":-1}",
		              "{\"seq\":1}",
		              "{\"pos\":1}x",
		              "{\"pos\":1,\"pos\":2}",
		              "{\"pos\":1,\"time\":\"1970-01-01T00:00:01Z\"}" };
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		expect_refused(nc_seek_parse(nc_slice_str(bad[i]), &start, &value, &why), bad[i]);
}

/* By the names of its own members: there is no member "start". */
Test(ask, a_seek_is_refused_by_what_it_says_itself)
{
	static const char *const cases[][2] = {
		{ "{}", "body: one of pos and time is expected" },
		{ "{\"pos\":0}", "pos: a whole number from 1 to 9223372036854775807 is expected" },
		{ "{\"pos\":null}",
		  "pos: a whole number from 1 to 9223372036854775807 is expected" },
		{ "{\"time\":1}", "time: a string is expected" },
		{ "{\"time\":\"noon\"}", "time: an RFC 3339 time from 1970 on is expected" },
		{ "\"last\"", "body: expected is \"first\" or \"new\"" },
		{ "{\"at\":1}", "unknown member \"at\"" },
		{ "{\"pos\":1,\"pos\":2}", "member \"pos\" twice" },
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		enum nc_start start;
		uint64_t value;
		nc_buf_clear(&why);
		cr_expect_eq(nc_seek_parse(nc_slice_str(cases[i][0]), &start, &value, &why),
		             NC_INVALID);
		cr_expect(nc_slice_is(nc_buf_slice(&why), cases[i][1]), "%s: %.*s", cases[i][0],
		          (int)why.size, (const char *)why.data);
	}
}

Test(ask, a_replay_names_positions_or_a_key_or_all)
{
	struct nc_replay_ask ask;
	cr_assert_eq(nc_replay_parse(NC_SLICE("{\"pos\":[9,3,9,5]}"), &ask, &why), NC_OK);
	cr_expect(ask.kind == NC_REPLAY_POSITIONS && ask.count == 3);
	cr_expect(ask.positions[0] == 3 && ask.positions[1] == 5 && ask.positions[2] == 9);
	nc_replay_ask_release(&ask);
	cr_assert_eq(nc_replay_parse(NC_SLICE("{\"pos\":[4]}"), &ask, &why), NC_OK);
	cr_expect(ask.count == 1 && ask.positions[0] == 4);
	nc_replay_ask_release(&ask);
	cr_assert_eq(nc_replay_parse(NC_SLICE("{\"key\":\"a\\n\"}"), &ask, &why), NC_OK);
	cr_expect(ask.kind == NC_REPLAY_KEY && nc_slice_is(ask.key, "a\n"));
	nc_replay_ask_release(&ask);
	cr_assert_eq(nc_replay_parse(nc_slice(NULL, 0), &ask, &why), NC_OK);
	cr_expect_eq(ask.kind, NC_REPLAY_ALL);
	nc_replay_ask_release(&ask);
	const char *bad[] = { "[]",
		              "{\"pos\":[]}",
		              "{\"pos\":4}",
		              "{\"pos\":[1,\"x\"]}",
		              "{\"pos\":[0]}",
		              "{\"pos\":{}}",
		              "{\"key\":\"\"}",
		              "{\"key\":1}",
		              "{\"key\":\"a\",\"pos\":[1]}",
		              "{\"what\":1}" };
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		expect_refused(nc_replay_parse(nc_slice_str(bad[i]), &ask, &why), bad[i]);
}

Test(ask, pages_have_bounds)
{
	struct nc_page_ask page;
	struct nc_list_ask list;
	uint64_t position;
	cr_assert_eq(nc_page_parse(nc_slice(NULL, 0), &page, &why), NC_OK);
	cr_expect(page.after == 0 && page.limit == NC_ASK_LIMIT);
	cr_assert_eq(nc_page_parse(NC_SLICE("{\"after\":7,\"limit\":1000}"), &page, &why), NC_OK);
	cr_expect(page.after == 7 && page.limit == 1000);
	expect_refused(nc_page_parse(NC_SLICE("{\"limit\":1001}"), &page, &why), "limit");
	cr_assert_eq(nc_list_parse(NC_SLICE("{\"after\":\"b\"}"), &list, &why), NC_OK);
	cr_expect_str_eq(list.after, "b");
	cr_expect_eq(list.limit, 0u);
	expect_refused(
	        nc_list_parse(NC_SLICE("{\"after\":\"0123456789012345678901234567890123456789012"
	                               "3456789012345678901234\"}"),
	                      &list, &why),
	        "after");
	cr_assert_eq(nc_explain_parse(NC_SLICE("{\"pos\":3}"), &position, &why), NC_OK);
	cr_expect_eq(position, 3u);
	expect_refused(nc_explain_parse(NC_SLICE("{}"), &position, &why), "no position");
}

/* ---- Update --------------------------------------------------------------------------------- */

static struct nc_definition base_make(void)
{
	struct nc_definition base;
	const struct nc_slice json =
	        NC_SLICE("{\"filter\":{\"plugin\":\"by_stream\",\"selector\":\"a\"},"
	                 "\"deliver\":{\"subject\":\"work.a\",\"queue\":\"q\"},"
	                 "\"backoff_ms\":[1,2],\"order\":\"tag:c:\",\"start\":{\"pos\":7}}");
	cr_assert_eq(nc_definition_parse(json, NC_SLICE("es."), &base, &why), NC_OK);
	return base;
}

static struct nc_definition amend(const struct nc_definition *base, const char *json,
                                  bool *backfill_out)
{
	struct nc_definition amended;
	cr_assert_eq(nc_definition_amend(base, nc_slice_str(json), NC_SLICE("es."), &amended,
	                                 backfill_out, &why),
	             NC_OK, "%s: %.*s", json, (int)why.size, (char *)why.data);
	return amended;
}

Test(ask, an_update_keeps_what_it_does_not_name)
{
	struct nc_definition base = base_make();
	bool backfill = true;
	struct nc_definition same = amend(&base, "{}", &backfill);
	cr_expect(nc_definition_eq(&base, &same));
	cr_expect_not(backfill);
	struct nc_definition other = amend(
	        &base,
	        "{\"backoff_ms\":[],\"deliver\":null,\"order\":\"stream\",\"start\":\"first\","
	        "\"filter\":{\"plugin\":\"by_stream\",\"selector\":\"b\"},\"backfill\":true}",
	        &backfill);
	cr_expect(backfill && !other.push && other.backoff_count == 0);
	cr_expect(other.subject.size == 0 && other.queue.size == 0 && other.order_arg.size == 0);
	cr_expect(other.start == NC_START_FIRST && other.start_value == 0);
	cr_expect(nc_slice_is(other.selector, "\"b\""));
	cr_expect_not(nc_definition_filter_eq(&base, &other));
	cr_expect_not(nc_definition_order_eq(&base, &other));
	struct nc_definition pushed =
	        amend(&base, "{\"deliver\":{\"subject\":\"work.b\"}}", &backfill);
	cr_expect(nc_slice_is(pushed.subject, "work.b") && pushed.queue.size == 0);
	nc_definition_release(&base);
	nc_definition_release(&same);
	nc_definition_release(&other);
	nc_definition_release(&pushed);
}

Test(ask, a_bad_update_is_refused)
{
	struct nc_definition base = base_make(), amended;
	bool backfill;
	const char *bad[] = { "",
		              "[]",
		              "{\"name\":\"x\"}",
		              "{\"backfill\":1}",
		              "{\"ack\":\"all\"}",
		              "{\"filter\":{\"plugin\":\"p\"}}",
		              "{\"filter\":{\"selector\":1}}",
		              "{\"start\":{}}",
		              "{\"deliver\":{\"subject\":\"es.x\"}}" };
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		expect_refused(nc_definition_amend(&base, nc_slice_str(bad[i]), NC_SLICE("es."),
		                                   &amended, &backfill, &why),
		               bad[i]);
	}
	nc_definition_release(&base);
}
