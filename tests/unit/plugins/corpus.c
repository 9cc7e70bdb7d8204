/* SPDX-License-Identifier: GPL-3.0-or-later */
/* by_payload on the public EventBridge cases: single, and all of them as one set over all events.
 * The cases tagged path-override and case-expansion ask for what Nacre does otherwise
 * (corpora/README.md).
 */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/base/json.h"
#include "tests/unit/plugins/support.h"

#define CASES_MAX 2000

struct one_case {
	struct nc_buf name, pattern, event, expect; /* expect: its JSON text */
	bool skipped;
};

static struct one_case cases[CASES_MAX];
static size_t case_count;
static struct nc_plugin_host *host;

static void value_read(struct nc_json *json, struct nc_buf *buf)
{
	struct nc_json_token token;
	cr_assert_eq(nc_json_next(json, &token), NC_OK);
	if (token.type == NC_JSON_STRING) {
		nc_json_unescape(&token, buf);
		return;
	}
	struct nc_slice raw;
	cr_assert_eq(nc_json_value(json, &token, &raw), NC_OK);
	nc_buf_put_slice(buf, raw);
}

static void case_read(struct nc_slice line)
{
	struct nc_json json;
	struct nc_json_token token;
	struct one_case *one = &cases[case_count++];
	cr_assert_lt(case_count, CASES_MAX);
	nc_json_init(&json, line);
	cr_assert_eq(nc_json_next(&json, &token), NC_OK);
	while (nc_json_next(&json, &token) == NC_OK && token.type == NC_JSON_KEY) {
		struct nc_buf tags = { 0 };
		value_read(&json, nc_json_is(&token, "name")      ? &one->name
		                  : nc_json_is(&token, "pattern") ? &one->pattern
		                  : nc_json_is(&token, "event")   ? &one->event
		                  : nc_json_is(&token, "expect")  ? &one->expect
		                                                  : &tags);
		nc_buf_put_u8(&tags, 0);
		one->skipped = one->skipped || strstr((char *)tags.data, "path-override") != NULL ||
		               strstr((char *)tags.data, "case-expansion") != NULL;
		nc_buf_release(&tags);
	}
	nc_buf_put_u8(&one->name, 0);
}

static void setup(const char *name)
{
	home_make();
	host = host_open(PLUGIN_DIR, NULL);
	char path[512];
	(void)snprintf(path, sizeof path, "%s/%s", CORPORA_DIR, name);
	FILE *in = fopen(path, "r");
	cr_assert_not_null(in, "%s", path);
	char *line = NULL;
	size_t room = 0;
	for (ssize_t size; (size = getline(&line, &room, in)) > 0;)
		case_read(nc_slice(line, (size_t)size));
	free(line);
	(void)fclose(in);
}

static void teardown(void)
{
	for (size_t i = 0; i < case_count; i++) {
		nc_buf_release(&cases[i].name);
		nc_buf_release(&cases[i].pattern);
		nc_buf_release(&cases[i].event);
		nc_buf_release(&cases[i].expect);
	}
	case_count = 0;
	nc_plugin_host_close(host);
	home_remove();
}

/* NULL: refused, and the error is as errors are. */
static struct nc_filter *try_compile(const struct one_case *one)
{
	struct nc_filter *filter;
	struct nc_filter_error error;
	int err = nc_filter_compile(host, NC_SLICE("by_payload"), nc_buf_slice(&one->pattern),
	                            &filter, &error);
	if (err == NC_OK)
		return filter;
	cr_expect_eq(err, NC_INVALID, "%s: %d", (char *)one->name.data, err);
	cr_expect(error.offset <= one->pattern.size && error.message[0] != '\0', "%s",
	          (char *)one->name.data);
	return NULL;
}

static struct nc_event event_in(const struct one_case *one)
{
	struct nc_event event = event_of("s", "T", "");
	event.data = nc_buf_slice(&one->event);
	return event;
}

Test(corpus, every_case_is_answered_as_upstream_does)
{
	setup("eventbridge_cases.jsonl");
	size_t tried = 0;
	for (size_t i = 0; i < case_count; i++) {
		const struct one_case *one = &cases[i];
		if (one->skipped)
			continue;
		tried++;
		struct nc_filter *filter = try_compile(one);
		bool invalid = nc_slice_is(nc_buf_slice(&one->expect), "invalid");
		cr_expect_eq(filter == NULL, invalid, "%s: %.*s is %s", (char *)one->name.data,
		             (int)one->pattern.size, (char *)one->pattern.data,
		             invalid ? "taken" : "refused");
		if (filter == NULL)
			continue;
		if (!invalid) {
			struct nc_event event = event_in(one);
			bool want = nc_slice_is(nc_buf_slice(&one->expect), "true");
			cr_expect_eq(matches(filter, &event), want, "%s: %.*s on %.*s",
			             (char *)one->name.data, (int)one->pattern.size,
			             (char *)one->pattern.data, (int)one->event.size,
			             (char *)one->event.data);
		}
		nc_filter_unref(filter);
	}
	cr_expect_gt(tried, 1200u, "only %zu cases", tried);
	teardown();
}

Test(corpus, every_valid_pattern_is_taken)
{
	setup("eventbridge_valid_patterns.jsonl");
	for (size_t i = 0; i < case_count; i++) {
		if (cases[i].skipped)
			continue;
		struct nc_filter *filter = try_compile(&cases[i]);
		cr_expect_not_null(filter, "%.*s", (int)cases[i].pattern.size,
		                   (char *)cases[i].pattern.data);
		nc_filter_unref(filter);
	}
	cr_expect_gt(case_count, 70u);
	teardown();
}

static uint8_t seen[CASES_MAX];

static void id_take(void *ctx, uint32_t id)
{
	(void)ctx;
	cr_assert_lt(id, CASES_MAX);
	cr_expect_eq(seen[id], 0, "case %u is told twice", id);
	seen[id] = 1;
}

static bool repeated(const struct nc_buf *buf, size_t offset, size_t before)
{
	for (size_t i = 0; i < before; i++) {
		const struct nc_buf *other =
		        (const struct nc_buf *)(const void *)((const char *)&cases[i] + offset);
		if (nc_slice_eq(nc_buf_slice(buf), nc_buf_slice(other)))
			return true;
	}
	return false;
}

Test(corpus, as_one_set_each_event_finds_what_it_finds_alone, .timeout = 250)
{
	setup("eventbridge_cases.jsonl");
	static struct nc_filter *filters[CASES_MAX];
	static uint32_t ids[CASES_MAX];
	size_t count = 0;
	for (size_t i = 0; i < case_count; i++) {
		if (repeated(&cases[i].pattern, offsetof(struct one_case, pattern), i))
			continue;
		filters[count] = try_compile(&cases[i]);
		if (filters[count] != NULL)
			ids[count++] = (uint32_t)i;
	}
	struct nc_filter_set *set;
	cr_assert_eq(nc_filter_set_new(filters, ids, count, &set), NC_OK);
	struct nc_filter_batch *batch;
	cr_assert_eq(nc_filter_batch_new(&batch), NC_OK);
	size_t found = 0;
	for (size_t i = 0; i < case_count; i++) {
		if (cases[i].event.size == 0 ||
		    repeated(&cases[i].event, offsetof(struct one_case, event), i))
			continue;
		struct nc_event event = event_in(&cases[i]);
		nc_filter_batch_clear(batch);
		cr_assert_eq(nc_filter_batch_add(batch, &event), NC_OK);
		memset(seen, 0, sizeof seen);
		cr_assert_eq(nc_filter_set_match(set, batch, 0, id_take, NULL), NC_OK);
		for (size_t k = 0; k < count; k++) {
			uint64_t matched;
			cr_assert_eq(nc_filter_match(filters[k], batch, &matched), NC_OK);
			found += matched;
			cr_expect_eq(seen[ids[k]], matched, "%s on the event of %s",
			             (char *)cases[ids[k]].name.data, (char *)cases[i].name.data);
		}
	}
	cr_expect_gt(found, 1000u);
	nc_filter_batch_free(batch);
	nc_filter_set_free(set);
	for (size_t k = 0; k < count; k++)
		nc_filter_unref(filters[k]);
	teardown();
}
