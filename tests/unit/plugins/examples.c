/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the examples match: plugins/examples are for copying, so they are right. */
#include <criterion/criterion.h>
#include <stdio.h>

#include "core/engine/event.h"
#include "core/engine/names.h"
#include "tests/unit/plugins/support.h"

TestSuite(examples, .init = home_make, .fini = home_remove);

static struct nc_plugin_host *host;

static struct nc_event the_event(struct nc_buf *tags, struct nc_buf *meta)
{
	struct nc_event event = event_of("orders.42", "OrderPlaced",
	                                 "{\"total\":19.99,\"n\":5,\"vip\":true,\"note\":null,"
	                                 "\"big\":18446744073709551615,\"a b\":{\"x\":\"it's\"},"
	                                 "\"lines\":[{\"sku\":\"A1\"},{\"sku\":\"B2\"}]}");
	nc_event_tag_put(tags, NC_SLICE("eu"));
	nc_event_tag_put(tags, NC_SLICE("red"));
	nc_event_meta_put(meta, NC_SLICE("user"), NC_SLICE("7"));
	event.tags = nc_buf_slice(tags);
	event.meta = nc_buf_slice(meta);
	event.version = 3;
	return event;
}

Test(examples, expressions_hold_for_what_they_say)
{
	static const struct {
		const char *expression;
		bool holds;
	} cases[] = {
		{ "stream == 'orders.42'", true },
		{ "stream starts 'orders.'", true },
		{ "stream ends '43'", false },
		{ "type contains 'Plac'", true },
		{ "type != 'OrderPlaced'", false },
		{ "tag == 'red'", true },
		{ "tag == 'blue'", false },
		{ "tag != 'blue'", true },
		{ "meta.user == '7' && seq == 3", true },
		{ "meta.user == 7", false },
		{ "data.total == 19.99", true },
		{ "data.total > 19.98 && data.total < 20", true },
		{ "data.n == 5.0", true },
		{ "data.n == '5'", false },
		{ "data.big == 18446744073709551615", true },
		{ "data.big > 18446744073709551614", true },
		{ "data.n > -1", true },
		{ "data.vip == true", true },
		{ "data.vip == false", false },
		{ "data.note == null", true },
		{ "exists data.note", true },
		{ "exists data.nothing", false },
		{ "data.nothing != 1", true },
		{ "data.nothing == 1", false },
		{ "data['a b'].x == 'it\\\\'s'", true },
		{ "data.lines.sku == 'B2'", true },
		{ "data.lines.sku == 'C3'", false },
		{ "!(type == 'x') && (pos == 7 || pos == 8)", true },
		{ "!!(type == 'OrderPlaced') && !!!(pos == 8)", true },
		{ "(pos == 7 || seq == 9) && (pos == 9 || seq == 3) && pos != 8", true },
		{ "pos == 8 && seq == 3 || (pos == 7 && (seq == 1 || seq == 2))", false },
		{ "type == 'x' || type == 'y' || type == 'OrderPlaced'", true },
		{ "type == 'x' && type == 'y' || seq >= 3", true },
		{ "type == 'x' && (type == 'y' || seq >= 3)", false },
		{ "exists content_type", false },
		{ "id == 'id-1'", true },
	};
	struct nc_buf tags = { 0 }, meta = { 0 };
	const struct nc_event event = the_event(&tags, &meta);
	host = host_open(NULL, EXAMPLES_DIR);
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		char selector[200];
		(void)snprintf(selector, sizeof selector, "\"%s\"", cases[i].expression);
		struct nc_filter *filter = compiled(host, "by_expression", selector);
		cr_expect_eq(matches(filter, &event), cases[i].holds, "%s", cases[i].expression);
		nc_filter_unref(filter);
	}
	nc_buf_release(&tags);
	nc_buf_release(&meta);
	nc_plugin_host_close(host);
}

Test(examples, bad_expressions_are_refused_where_they_are_bad)
{
	static const struct {
		const char *selector;
		size_t offset;
	} cases[] = {
		{ "7", 0 },
		{ "\"\"", 1 },
		{ "\"typ == 'x'\"", 1 },
		{ "\"type = 'x'\"", 6 },
		{ "\"type == x\"", 9 },
		{ "\"type == 'x\"", 9 },
		{ "\"(type == 'x'\"", 13 },
		{ "\"type == 'x' type\"", 13 },
		{ "\"data == 1\"", 6 },
		{ "\"seq > 18446744073709551616\"", 7 },
		{ "\"seq > 1.23456789012345678\"", 7 },
		{ "\"stream starts 5\"", 15 },
		{ "\"data[x] == 1\"", 6 },
		{ "\"data['x\\\\y'] == 1\"", 0 },
	};
	host = host_open(NULL, EXAMPLES_DIR);
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct nc_filter *filter;
		struct nc_filter_error error;
		int err = nc_filter_compile(host, NC_SLICE("by_expression"),
		                            nc_slice_str(cases[i].selector), &filter, &error);
		cr_expect_eq(err, NC_INVALID, "%s", cases[i].selector);
		cr_expect_eq(error.offset, cases[i].offset, "%s: %zu: %s", cases[i].selector,
		             error.offset, error.message);
	}
	nc_plugin_host_close(host);
}

Test(examples, windows_hold_for_their_times)
{
	static const struct {
		const char *selector, *time;
		bool holds;
	} cases[] = {
		{ "{\"from\":\"2024-02-29T12:00:00Z\"}", "2024-02-29T12:00:00.000000000Z", true },
		{ "{\"from\":\"2024-02-29T12:00:00Z\"}", "2024-02-29T11:59:59.999999999Z", false },
		{ "{\"to\":\"2024-03-01T00:00:00Z\"}", "2024-02-29T23:59:59.999999999Z", true },
		{ "{\"to\":\"2024-03-01T00:00:00Z\"}", "2024-03-01T00:00:00.000000000Z", false },
		/* 1 January 1970 was a Thursday, 29 February 2024 too. */
		{ "{\"days\":[\"thu\"]}", "1970-01-01T00:00:00.000000000Z", true },
		{ "{\"days\":[\"thu\"]}", "2024-02-29T23:59:59.000000000Z", true },
		{ "{\"days\":[\"mon\",\"fri\"]}", "2024-02-29T23:59:59.000000000Z", false },
		{ "{\"days\":[\"fri\"],\"utc_offset_minutes\":60}",
		  "2024-02-29T23:30:00.000000000Z", true },
		{ "{\"days\":[\"wed\"],\"utc_offset_minutes\":-60}",
		  "1970-01-01T00:30:00.000000000Z", true },
		{ "{\"hours\":{\"from\":\"09:00\",\"to\":\"17:30\"}}",
		  "2024-02-29T17:29:59.000000000Z", true },
		{ "{\"hours\":{\"from\":\"09:00\",\"to\":\"17:30\"}}",
		  "2024-02-29T17:30:00.000000000Z", false },
		{ "{\"hours\":{\"from\":\"17:30\",\"to\":\"09:00\"}}",
		  "2024-02-29T03:00:00.000000000Z", true },
		{ "{\"hours\":{\"from\":\"17:30\",\"to\":\"09:00\"}}",
		  "2024-02-29T12:00:00.000000000Z", false },
	};
	host = host_open(NULL, EXAMPLES_DIR);
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct nc_event event = event_of("s", "T", "{}");
		cr_assert_eq(nc_time_parse(nc_slice_str(cases[i].time), &event.time_ns), NC_OK);
		struct nc_filter *filter = compiled(host, "by_time_window", cases[i].selector);
		cr_expect_eq(matches(filter, &event), cases[i].holds, "%s at %s", cases[i].selector,
		             cases[i].time);
		nc_filter_unref(filter);
	}
	nc_plugin_host_close(host);
}

Test(examples, bad_windows_are_refused)
{
	static const char *const bad[] = { "7",
		                           "{}",
		                           "{\"day\":[\"mon\"]}",
		                           "{\"days\":[\"Mon\"]}",
		                           "{\"from\":\"2024-02-30\"}",
		                           "{\"from\":\"2024-13-01T00:00:00Z\"}",
		                           "{\"hours\":{\"from\":\"25:00\"}}",
		                           "{\"utc_offset_minutes\":99999}" };
	host = host_open(NULL, EXAMPLES_DIR);
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		struct nc_filter *filter;
		struct nc_filter_error error;
		cr_expect_eq(nc_filter_compile(host, NC_SLICE("by_time_window"),
		                               nc_slice_str(bad[i]), &filter, &error),
		             NC_INVALID, "%s", bad[i]);
	}
	nc_plugin_host_close(host);
}
