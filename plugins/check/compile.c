/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Selectors: the given ones must compile, wild ones must be answered, nothing may be kept. */
#include <malloc.h>
#include <stdlib.h>

#include "plugins/check/check_private.h"

#define WILD_SIZE   (1u << 20) /* bytes of the largest wild selector */
#define LEAK_ROUNDS 200
#define LEAK_SIZE   ((size_t)LEAK_ROUNDS * 8) /* a leak of one pointer a round is more */

/* Compile from `copy`, which is overwritten afterwards. */
static int compile_lent(const struct check *check, uint8_t *copy, struct nc_slice source,
                        void **filter_out, nacre_filter_error *error_out)
{
	struct nc_view_builder builder = { 0 };
	struct nc_arena arena = { 0 };
	if (source.data != NULL)
		memcpy(copy, source.data, source.size);
	nacre_filter_selector selector = { .struct_size = sizeof selector,
		                           .source = { copy, source.size } };
	selector.view = nc_view_json(&builder, &arena, nc_slice(copy, source.size), NULL);
	CHECK(selector.view != NULL, "out of memory");
	CHECK(selector.view->state > 0, "the selector is not JSON: %.*s", (int)source.size,
	      (const char *)source.data);
	*error_out = (nacre_filter_error){ .struct_size = sizeof *error_out };
	*filter_out = NULL;
	int answer = check->plugin->compile(&check_host, &selector, filter_out, error_out);
	memset(copy, 0xaa, source.size);
	nc_arena_release(&arena);
	nc_view_builder_release(&builder);
	return answer;
}

static uint8_t *room_for(struct nc_slice source)
{
	uint8_t *room = malloc(source.size + 1);
	CHECK(room != NULL, "out of memory");
	return room;
}

int check_compile_once(const struct check *check, struct nc_slice source, void **filter_out,
                       nacre_filter_error *error_out)
{
	uint8_t *copy = room_for(source);
	int answer = compile_lent(check, copy, source, filter_out, error_out);
	free(copy);
	return answer;
}

void check_lent_change(struct check *check)
{
	for (size_t i = 0; i < check->filter_count; i++) {
		memcpy(check->filters[i].lent, check->filters[i].source,
		       strlen(check->filters[i].source));
	}
}

static void check_answer(struct nc_slice source, int answer, const void *filter,
                         const nacre_filter_error *error)
{
	int shown = (int)(source.size < 60 ? source.size : 60);
	const char *text = (const char *)source.data;
	if (answer >= 0) {
		CHECK(answer == 0 && filter != NULL, "compile %.*s: %d and %s", shown, text, answer,
		      filter == NULL ? "no filter" : "a filter");
		return;
	}
	CHECK(filter == NULL, "compile %.*s: refused, and yet a filter", shown, text);
	CHECK(memchr(error->message, 0, sizeof error->message) != NULL,
	      "compile %.*s: the message has no end", shown, text);
	CHECK(error->message[0] != '\0', "compile %.*s: refused without a message", shown, text);
	CHECK(error->source_offset == NACRE_FILTER_NO_OFFSET || error->source_offset <= source.size,
	      "compile %.*s: offset %u lies behind the %zu bytes", shown, text,
	      error->source_offset, source.size);
}

/* Twice, for the same answer. Gives whether it was taken. */
static bool check_wild(struct check *check, struct nc_slice source)
{
	int answers[2];
	for (int i = 0; i < 2; i++) {
		nacre_filter_error error;
		void *filter;
		answers[i] = check_compile_once(check, source, &filter, &error);
		check_answer(source, answers[i], filter, &error);
		check->plugin->destroy(filter);
	}
	CHECK(answers[0] == answers[1], "compile %.*s: %d, then %d",
	      (int)(source.size < 60 ? source.size : 60), (const char *)source.data, answers[0],
	      answers[1]);
	return answers[0] == 0;
}

/* `open`, then `middle` repeated until it is large, then `close` as often as asked. */
static void check_large(struct check *check, const char *open, const char *middle,
                        const char *close)
{
	struct nc_buf text = { 0 };
	nc_buf_put_str(&text, open);
	while (text.size < WILD_SIZE)
		nc_buf_put_str(&text, middle);
	nc_buf_put_str(&text, close);
	CHECK(nc_buf_status(&text) == NC_OK, "out of memory");
	(void)check_wild(check, nc_buf_slice(&text));
	nc_buf_release(&text);
}

static void check_deep(struct check *check, const char *open, const char *inner, const char *close)
{
	struct nc_buf text = { 0 };
	for (int i = 0; i < 120; i++)
		nc_buf_put_str(&text, open);
	nc_buf_put_str(&text, inner);
	for (int i = 0; i < 120; i++)
		nc_buf_put_str(&text, close);
	(void)check_wild(check, nc_buf_slice(&text));
	nc_buf_release(&text);
}

static void check_all_wild(struct check *check)
{
	static const char *const wild[] = { "null",
		                            "true",
		                            "false",
		                            "0",
		                            "-1",
		                            "1e400",
		                            "18446744073709551616",
		                            "\"\"",
		                            "\" \"",
		                            "\"*\"",
		                            "\"**\"",
		                            "\">\"",
		                            "\"\\u0000\"",
		                            "\"a\\u0000b\"",
		                            "\"\\\\\"",
		                            "\"\\ud83d\\ude00\"",
		                            "\"%s%n%s%n\"",
		                            "[]",
		                            "[[]]",
		                            "[null]",
		                            "[\"\"]",
		                            "[1,\"a\"]",
		                            "[\"a\",\"a\"]",
		                            "{}",
		                            "{\"\":{}}",
		                            "{\"a\":1}",
		                            "{\"a\":[]}",
		                            "{\"a\":[1],\"a\":[2]}",
		                            "{\"a\":[{}]}",
		                            "{\"a\":[{\"prefix\":1}]}",
		                            "{\"a\":{\"b\":[{\"exists\":true}]}}",
		                            "[{\"a\":1}]",
		                            "{\"\\u0000\":[\"\\u0000\"]}",
		                            "{\"a.b\":[1],\"a\":{\"b\":[1]}}" };
	for (size_t i = 0; i < sizeof wild / sizeof *wild; i++)
		(void)check_wild(check, nc_slice_str(wild[i]));
	check_large(check, "\"", "abcdefgh", "\"");
	check_large(check, "\"", "*a", "\"");
	check_large(check, "[\"a\"", ",\"b.c\"", "]");
	check_large(check, "{\"a\":[\"x\"", ",{\"prefix\":\"b\"}", "]}");
	check_deep(check, "[", "\"a\"", "]");
	check_deep(check, "{\"a\":", "[1]", "}");
}

void check_compile(struct check *check)
{
	for (size_t i = 0; i < check->filter_count; i++) {
		struct check_filter *filter = &check->filters[i];
		struct nc_slice source = nc_slice_str(filter->source);
		nacre_filter_error error;
		filter->lent = room_for(source);
		CHECK(check_wild(check, source) && compile_lent(check, filter->lent, source,
		                                                &filter->compiled, &error) == 0,
		      "the selector %s is refused; give such as the plugin accepts",
		      filter->source);
		uint32_t needs =
		        check->plugin->needs == NULL ? 0 : check->plugin->needs(filter->compiled);
		CHECK((needs & ~NACRE_FILTER_NEEDS_VIEW) == 0,
		      "needs() asks for 0x%x, unknown to 1.%u", needs, NACRE_FILTER_ABI_MINOR);
	}
	check_all_wild(check);
}

static void leak_round(struct check *check)
{
	for (size_t i = 0; i < check->filter_count; i++) {
		nacre_filter_error error;
		void *filter;
		uint64_t matched[WORDS] = { 0 };
		CHECK(check_compile_once(check, nc_slice_str(check->filters[i].source), &filter,
		                         &error) == 0,
		      "compile %s: refused the second time", check->filters[i].source);
		CHECK(check->plugin->match(filter, check->events, 64, matched) >= 0,
		      "match %s: no answer", check->filters[i].source);
		check->plugin->destroy(filter);
		(void)check_compile_once(check, NC_SLICE("[[[1]]]"), &filter, &error);
		check->plugin->destroy(filter);
	}
}

void check_leaks(struct check *check)
{
	for (int i = 0; i < 10; i++) /* what is made once */
		leak_round(check);
	size_t before = mallinfo2().uordblks;
	for (int i = 0; i < LEAK_ROUNDS; i++)
		leak_round(check);
	size_t after = mallinfo2().uordblks;
	CHECK(after < before + LEAK_SIZE,
	      "leak: %zu bytes more after %d rounds of compile, match "
	      "and destroy",
	      after - before, LEAK_ROUNDS);
}
