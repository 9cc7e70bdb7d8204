/* SPDX-License-Identifier: GPL-3.0-or-later */
/* by_stream and by_event_type through the host: selectors, answers, hints, sets. */
#include <criterion/criterion.h>
#include <stdio.h>

#include "tests/unit/plugins/support.h"

static struct nc_plugin_host *host;

static void setup(void)
{
	home_make();
	host = host_open(PLUGIN_DIR, HALTING_DIR);
}

static void teardown(void)
{
	nc_plugin_host_close(host);
	home_remove();
}

TestSuite(filter, .init = setup, .fini = teardown);

static void refuses(const char *plugin, const char *selector, size_t offset, const char *message)
{
	expect_refused(host, plugin, selector, offset, message);
}

/* The filter on events of these streams (or types), NULL-terminated, and those it must match. */
static void selects(const char *plugin, const char *selector, const char *const *names,
                    const char *want)
{
	struct nc_filter *filter = compiled(host, plugin, selector);
	for (size_t i = 0; names[i] != NULL; i++) {
		bool stream = strcmp(plugin, "by_stream") == 0;
		struct nc_event event =
		        event_of(stream ? names[i] : "s", stream ? "T" : names[i], "{}");
		cr_expect_eq(matches(filter, &event), want[i] == '1', "%s %s on %s", plugin,
		             selector, names[i]);
	}
	nc_filter_unref(filter);
}

Test(filter, by_stream_means_the_name_literally)
{
	static const char *const streams[] = { "orders.42", "orders.4",  "orders.421", "Orders.42",
		                               "$sys.x",    "a\xc3\xa9", NULL };
	selects("by_stream", "\"orders.42\"", streams, "100000");
	selects("by_stream", "[\"orders.4\",\"orders.421\",\"orders.4\"]", streams, "011000");
	selects("by_stream", "\"$all\"", streams, "111101");
	selects("by_stream", "[\"$all\",\"orders.42\"]", streams, "111101");
	selects("by_stream", "[\"$all\",\"$sys.x\"]", streams, "111111");
	selects("by_stream", "\"a\\u00e9\"", streams, "000001");
	selects("by_stream", " [ \"orders.42\" ] ", streams, "100000");
}

Test(filter, by_stream_refuses_patterns_and_says_where)
{
	refuses("by_stream", "\"\"", 0, "not an empty one");
	refuses("by_stream", "\"*\"", 1, "by_pattern");
	refuses("by_stream", "\">\"", 1, "by_pattern");
	refuses("by_stream", "[\"a\",\"orders.*\"]", 13, "by_pattern");
	refuses("by_stream", "\"\\u00e9\\n>\"", 9, "by_pattern");
	refuses("by_stream", "\"\\ud83d\\ude00*\"", 13, "by_pattern");
	refuses("by_stream", "[]", 0, "a stream's name or a list of names");
	refuses("by_stream", "{}", 0, "a stream's name or a list of names");
	refuses("by_stream", "{\"a\":\"b\"}", 5, "a stream's name or a list of names");
	refuses("by_stream", "[\"a\",[\"b\"]]", 6, "a stream's name or a list of names");
	refuses("by_stream", "[\"a\",1]", 5, "a stream's name or a list of names");
	refuses("by_stream", "null", 0, "a stream's name or a list of names");
	refuses("by_stream", "\"a", 2, "expected '\"'");
	refuses("by_stream", "\"a\" \"b\"", 4, "nothing after the value");
	refuses("by_stream", "", 0, "a value");
	char name[300];
	(void)snprintf(name, sizeof name, "\"%0256d\"", 1);
	refuses("by_stream", name, 0, "at most 255 bytes");
}

Test(filter, by_event_type_knows_a_star_at_the_end)
{
	static const char *const types[] = { "OrderPlaced", "Order",   "Orde", "Order*",
		                             "order",       "O\\rder", NULL };
	selects("by_event_type", "\"OrderPlaced\"", types, "100000");
	selects("by_event_type", "\"Order*\"", types, "110100");
	selects("by_event_type", "\"Order\\\\*\"", types, "000100");
	selects("by_event_type", "\"*\"", types, "111111");
	selects("by_event_type", "[\"Orde\",\"OrderP*\"]", types, "101000");
	selects("by_event_type", "[\"OrderPlaced\",\"Order*\",\"Or*\",\"Order\"]", types, "111100");
	selects("by_event_type", "\"O\\\\rder\"", types, "000001");
}

Test(filter, by_event_type_refuses_other_stars)
{
	refuses("by_event_type", "\"\"", 0, "not an empty one");
	refuses("by_event_type", "\"Or*der\"", 3, "'*' at the end only");
	refuses("by_event_type", "\"**\"", 1, "'*' at the end only");
	refuses("by_event_type", "[\"a\",\"*b\"]", 6, "'*' at the end only");
	refuses("by_event_type", "[]", 0, "an event type or a list of types");
	refuses("by_event_type", "7", 0, "an event type or a list of types");
}

Test(filter, an_unknown_plugin_is_not_found)
{
	struct nc_filter *filter = NULL;
	struct nc_filter_error error;
	cr_expect_eq(nc_filter_compile(host, NC_SLICE("by_magic"), NC_SLICE("1"), &filter, &error),
	             NC_NOTFOUND);
	cr_expect_str_eq(error.message, "no plugin by_magic is loaded");
	cr_expect_eq(error.offset, NC_FILTER_NO_OFFSET);
}

Test(filter, hints_say_all_that_a_list_says)
{
	struct nc_filter *filter = compiled(host, "by_stream", "[\"b\",\"a\"]");
	struct nc_filter_hints hints = nc_filter_hints(filter);
	cr_assert_eq(hints.count, 2u);
	cr_expect(hints.full);
	cr_expect_eq(hints.hints[0].stream_kind, NC_FILTER_EXACT);
	cr_expect(nc_slice_is(hints.hints[0].stream, "a"));
	cr_expect_eq(hints.hints[0].type_kind, NC_FILTER_ANY);
	cr_expect_eq(hints.hints[0].tag_kind, NC_FILTER_ANY);
	nc_filter_unref(filter);

	filter = compiled(host, "by_event_type", "[\"Order*\",\"Cart\"]");
	hints = nc_filter_hints(filter);
	cr_assert_eq(hints.count, 2u);
	cr_expect(hints.full);
	cr_expect_eq(hints.hints[1].type_kind, NC_FILTER_PREFIX);
	cr_expect(nc_slice_is(hints.hints[1].type, "Order"));
	nc_filter_unref(filter);

	filter = compiled(host, "by_stream", "\"$all\"");
	hints = nc_filter_hints(filter);
	cr_expect_eq(hints.count, 0u);
	cr_expect_not(hints.full, "the system's streams are to be kept out");
	nc_filter_unref(filter);
}

Test(filter, a_hint_that_the_host_does_not_know_is_any_and_loose)
{
	struct nc_filter *filter = compiled(host, "halting", "\"x\"");
	struct nc_filter_hints hints = nc_filter_hints(filter);
	cr_assert_eq(hints.count, 1u);
	cr_expect_not(hints.full);
	cr_expect_eq(hints.hints[0].stream_kind, NC_FILTER_ANY);
	cr_expect_eq(hints.hints[0].type_kind, NC_FILTER_PREFIX);
	cr_expect(strstr(said, "plugin: compiling") != NULL);
	nc_filter_unref(filter);
}

Test(filter, a_plugin_of_a_later_minor_is_slower_and_never_wrong)
{
	expect_a_later_minor_serves(host);
}

Test(filter, no_answer_is_an_error_and_never_a_no)
{
	struct nc_filter *filter = compiled(host, "halting", "\"x\"");
	struct nc_filter_batch *batch;
	cr_assert_eq(nc_filter_batch_new(&batch), NC_OK);
	struct nc_event good = event_of("good", "T", "{}");
	struct nc_event halt = event_of("halt", "T", "{}");
	uint64_t matched = 0;
	cr_assert_eq(nc_filter_batch_add(batch, &good), NC_OK);
	cr_expect_eq(nc_filter_match(filter, batch, &matched), NC_OK);
	cr_expect_eq(matched, 1u, "bits behind the last event are cut off");
	cr_assert_eq(nc_filter_batch_add(batch, &halt), NC_OK);
	cr_expect_eq(nc_filter_match(filter, batch, &matched), NC_IO);
	nc_filter_batch_free(batch);
	nc_filter_unref(filter);
}

Test(filter, a_filter_that_needs_the_unknown_is_refused)
{
	struct nc_filter *filter = NULL;
	struct nc_filter_error error;
	cr_expect_eq(
	        nc_filter_compile(host, NC_SLICE("halting"), NC_SLICE("1024"), &filter, &error),
	        NC_UNSUPPORTED);
	cr_expect(strstr(error.message, "0x400") != NULL, "%s", error.message);
	cr_expect_eq(
	        nc_filter_compile(host, NC_SLICE("halting"), NC_SLICE("null"), &filter, &error),
	        NC_INVALID);
	cr_expect_eq(strlen(error.message), 239u, "a message without an end is given one");
}

/* Which ids a set emits, as bits. */
static void bit_set(void *ctx, uint32_t id)
{
	uint64_t *bits = ctx;
	cr_expect_eq(*bits >> id & 1, 0u, "id %u twice", id);
	*bits |= 1ull << id;
}

static void set_is_its_filters(const char *plugin, const char *const *selectors, size_t count,
                               const char *const *names)
{
	struct nc_filter *filters[16];
	uint32_t ids[16];
	for (size_t i = 0; i < count; i++) {
		filters[i] = compiled(host, plugin, selectors[i]);
		ids[i] = (uint32_t)(40 - 3 * i);
	}
	struct nc_filter_set *set;
	cr_assert_eq(nc_filter_set_new(filters, ids, count, &set), NC_OK);
	struct nc_filter_batch *batch;
	cr_assert_eq(nc_filter_batch_new(&batch), NC_OK);
	for (size_t i = 0; names[i] != NULL; i++) {
		struct nc_event event = event_of(names[i], names[i], "{}");
		nc_filter_batch_clear(batch);
		cr_assert_eq(nc_filter_batch_add(batch, &event), NC_OK);
		uint64_t have = 0;
		uint64_t want = 0;
		for (size_t k = 0; k < count; k++)
			want |= (uint64_t)matches(filters[k], &event) << ids[k];
		cr_assert_eq(nc_filter_set_match(set, batch, 0, bit_set, &have), NC_OK);
		cr_expect_eq(have, want, "%s on %s", plugin, names[i]);
	}
	nc_filter_batch_free(batch);
	for (size_t i = 0; i < count; i++)
		nc_filter_unref(filters[i]); /* the set holds its own */
	nc_filter_set_free(set);
}

Test(filter, a_set_tells_exactly_the_filters_that_match)
{
	static const char *const streams[] = { "a", "b", "a.b", "$sys", "$sys.a", "zz", NULL };
	static const char *const by_stream[] = { "\"a\"",
		                                 "[\"a\",\"b\"]",
		                                 "\"$all\"",
		                                 "\"$sys\"",
		                                 "[\"$all\",\"$sys\",\"a\"]",
		                                 "[\"a\",\"a\"]" };
	set_is_its_filters("by_stream", by_stream, 6, streams);
	static const char *const types[] = { "Order", "OrderPlaced", "OrderPlacedTwice",
		                             "O",     "Cart",        "Car",
		                             "*",     NULL };
	static const char *const by_type[] = { "\"Order*\"",
		                               "\"O*\"",
		                               "\"Order\"",
		                               "\"*\"",
		                               "[\"Order\",\"Order*\",\"Cart\"]",
		                               "\"\\\\*\"",
		                               "[\"Ca*\",\"Car*\",\"Cart*\"]",
		                               "\"OrderPlaced*\"" };
	set_is_its_filters("by_event_type", by_type, 8, types);
	static const char *const without[] = { "\"x\"", "\"y\"" };
	set_is_its_filters("halting", without, 2, streams);
}
