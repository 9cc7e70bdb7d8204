/* SPDX-License-Identifier: GPL-3.0-or-later */
/* history.c -- lines of JSON into memory. */
#include <inttypes.h>

#include "core/base/json.h"
#include "tests/e2e/checker/checker_private.h"

/* All that a line may say. */
struct line {
	struct nc_checker *checker;
	struct nc_json json;
	struct nc_buf text; /* an unescaped string */
	struct nc_slice op, match, order;
	int64_t start, end;
	uint64_t from, head, min_pos, refused, actual, until, at;
	struct nc_seen seen;
	uint32_t sub, name, node, actual_stream;
	bool unknown, complete, direct, has_results, nomem;
	size_t first, count;               /* of seen or tries, from "events" */
	size_t result_first, result_count; /* of seen */
	bool is_append;
};

static bool next(struct line *line, struct nc_json_token *token)
{
	return nc_json_next(&line->json, token) == NC_OK;
}

static bool number(struct line *line, uint64_t *value)
{
	struct nc_json_token token;
	return next(line, &token) && nc_json_u64(&token, value) == NC_OK;
}

static bool time_of(struct line *line, int64_t *value)
{
	uint64_t read;
	if (!number(line, &read) || read > INT64_MAX)
		return false;
	*value = (int64_t)read;
	return true;
}

static bool boolean(struct line *line, bool *value)
{
	struct nc_json_token token;
	if (!next(line, &token) || (token.type != NC_JSON_TRUE && token.type != NC_JSON_FALSE))
		return false;
	*value = token.type == NC_JSON_TRUE;
	return true;
}

/* The string's bytes: valid until the next one that is escaped. */
static bool string_of(struct line *line, const struct nc_json_token *token, struct nc_slice *value)
{
	if (token->type != NC_JSON_STRING)
		return false;
	*value = token->raw;
	if (!token->escaped)
		return true;
	nc_buf_clear(&line->text);
	nc_json_unescape(token, &line->text);
	line->nomem = line->nomem || nc_buf_status(&line->text) != NC_OK;
	*value = nc_buf_slice(&line->text);
	return true;
}

static bool string(struct line *line, struct nc_slice *value)
{
	struct nc_json_token token;
	return next(line, &token) && string_of(line, &token, value);
}

static bool name(struct line *line, uint32_t *value)
{
	struct nc_slice text;
	if (!string(line, &text))
		return false;
	*value = nc_names_put(&line->checker->strings, text);
	line->nomem = line->nomem || *value == NC_NONE;
	return true;
}

static bool seen_member(struct line *line, const struct nc_json_token *key, struct nc_seen *seen)
{
	struct nc_slice text;
	if (nc_json_is(key, "stream"))
		return name(line, &seen->stream);
	if (nc_json_is(key, "id"))
		return name(line, &seen->id);
	if (nc_json_is(key, "seq"))
		return number(line, &seen->seq);
	if (nc_json_is(key, "pos"))
		return number(line, &seen->pos);
	if (!nc_json_is(key, "data") || !string(line, &text))
		return false;
	seen->data = nc_hash_bytes(text);
	return true;
}

static bool expect_member(struct line *line, struct nc_try *try)
{
	struct nc_json_token token;
	if (!next(line, &token))
		return false;
	if (token.type == NC_JSON_NUMBER) {
		try->expect = NC_EXPECT_AT;
		return nc_json_u64(&token, &try->expect_at) == NC_OK;
	}
	static const char *const words[] = { "any", "none", "exists" };
	for (int i = 0; i < 3; i++) {
		if (token.type == NC_JSON_STRING && nc_json_is(&token, words[i])) {
			try->expect = (enum nc_expect_kind)i;
			return true;
		}
	}
	return false;
}

/* One object of "events" or "results". */
static bool event_read(struct line *line, struct nc_try *try)
{
	struct nc_json_token token;
	*try = (struct nc_try){ .seen = { .stream = NC_NONE, .id = NC_NONE } };
	for (;;) {
		if (!next(line, &token))
			return false;
		if (token.type == NC_JSON_OBJECT_END)
			return true;
		bool fine = nc_json_is(&token, "expect") ? expect_member(line, try)
		                                         : seen_member(line, &token, &try->seen);
		if (!fine)
			return false;
	}
}

static bool event_keep(struct line *line, const struct nc_try *try, bool as_try)
{
	struct nc_checker *checker = line->checker;
	struct nc_try *kept_try = NULL;
	struct nc_seen *kept = NULL;
	if (as_try) {
		kept_try = nc_array_add(&checker->tries);
	} else {
		kept = nc_array_add(&checker->seen);
	}
	if (kept_try != NULL) {
		*kept_try = *try;
	} else if (kept != NULL) {
		*kept = try->seen;
	} else {
		line->nomem = true;
	}
	return !line->nomem;
}

static bool list_read(struct line *line, bool as_try, size_t *first, size_t *count)
{
	struct nc_json_token token;
	*first = as_try ? line->checker->tries.count : line->checker->seen.count;
	*count = 0;
	if (!next(line, &token) || token.type != NC_JSON_ARRAY)
		return false;
	for (;;) {
		struct nc_try try;
		if (!next(line, &token))
			return false;
		if (token.type == NC_JSON_ARRAY_END)
			return true;
		if (token.type != NC_JSON_OBJECT || !event_read(line, &try) ||
		    !event_keep(line, &try, as_try))
			return false;
		++*count;
	}
}

static bool member_times(struct line *line, const struct nc_json_token *key, bool *mine)
{
	*mine = true;
	if (nc_json_is(key, "start"))
		return time_of(line, &line->start);
	if (nc_json_is(key, "end"))
		return time_of(line, &line->end);
	if (nc_json_is(key, "at"))
		return number(line, &line->at);
	if (nc_json_is(key, "from"))
		return number(line, &line->from);
	if (nc_json_is(key, "head"))
		return number(line, &line->head);
	if (nc_json_is(key, "min_pos"))
		return number(line, &line->min_pos);
	if (nc_json_is(key, "until"))
		return number(line, &line->until);
	if (nc_json_is(key, "refused"))
		return number(line, &line->refused);
	if (nc_json_is(key, "actual"))
		return number(line, &line->actual);
	if (nc_json_is(key, "attempt"))
		return number(line, &(uint64_t){ 0 });
	*mine = false;
	return true;
}

static bool member(struct line *line, const struct nc_json_token *key)
{
	bool mine;
	if (!member_times(line, key, &mine))
		return false;
	if (mine)
		return true;
	if (nc_json_is(key, "op")) {
		bool fine = string(line, &line->op);
		line->is_append = nc_slice_is(line->op, "append");
		return fine;
	}
	if (nc_json_is(key, "match"))
		return string(line, &line->match);
	if (nc_json_is(key, "order"))
		return string(line, &line->order);
	if (nc_json_is(key, "sub"))
		return name(line, &line->sub);
	if (nc_json_is(key, "name"))
		return name(line, &line->name);
	if (nc_json_is(key, "node"))
		return name(line, &line->node);
	if (nc_json_is(key, "actual_stream"))
		return name(line, &line->actual_stream);
	if (nc_json_is(key, "unknown"))
		return boolean(line, &line->unknown);
	if (nc_json_is(key, "complete"))
		return boolean(line, &line->complete);
	if (nc_json_is(key, "direct"))
		return boolean(line, &line->direct);
	if (nc_json_is(key, "events"))
		return list_read(line, line->is_append, &line->first, &line->count);
	if (nc_json_is(key, "results")) {
		line->has_results = true;
		return list_read(line, false, &line->result_first, &line->result_count);
	}
	return seen_member(line, key, &line->seen);
}

/* ---- What a line becomes -------------------------------------------------------------------- */

static bool append_take(struct line *line)
{
	struct nc_checker *checker = line->checker;
	int outcomes = line->has_results + (line->refused != 0) + line->unknown;
	if (outcomes != 1 || line->count == 0 ||
	    (line->has_results && line->result_count != line->count))
		return false;
	for (size_t i = 0; i < line->count; i++) {
		struct nc_seen *seen = &checker->tries.at[line->first + i].seen;
		if (seen->stream == NC_NONE || seen->id == NC_NONE)
			return false;
		if (line->has_results) {
			seen->seq = checker->seen.at[line->result_first + i].seq;
			seen->pos = checker->seen.at[line->result_first + i].pos;
		}
	}
	struct nc_append *append = nc_array_add(&checker->appends);
	line->nomem = append == NULL;
	if (append != NULL) {
		*append = (struct nc_append){
			.line = checker->lines,
			.start = line->start,
			.end = line->unknown ? NC_NEVER : line->end,
			.first = line->first,
			.count = line->count,
			.outcome = line->has_results ? NC_OUTCOME_OK
			           : line->unknown   ? NC_OUTCOME_UNKNOWN
			                             : NC_OUTCOME_REFUSED,
			.err_code = line->refused,
			.actual = line->actual,
			.actual_stream = line->actual_stream,
		};
	}
	return true;
}

static bool read_take(struct line *line)
{
	struct nc_read *read = nc_array_add(&line->checker->reads);
	line->nomem = read == NULL;
	if (read != NULL) {
		*read = (struct nc_read){ .line = line->checker->lines,
			                  .start = line->start,
			                  .end = line->end,
			                  .stream = line->seen.stream,
			                  .from = line->from,
			                  .head = line->head,
			                  .min_pos = line->min_pos,
			                  .first = line->first,
			                  .count = line->count,
			                  .complete = line->complete,
			                  .direct = line->direct };
	}
	return true;
}

static bool sub_take(struct line *line)
{
	struct nc_sub sub = { .line = line->checker->lines,
		              .name = line->name,
		              .match = NC_NONE,
		              .by_stream = nc_slice_is(line->order, "stream"),
		              .global = nc_slice_is(line->order, "global"),
		              .from = line->from == 0 ? 1 : line->from,
		              .until = line->until };
	struct nc_slice rest = nc_slice(NULL, 0);
	if (nc_slice_starts(line->match, NC_SLICE("stream:")))
		rest = nc_slice_from(line->match, 7);
	sub.prefix = nc_slice_starts(line->match, NC_SLICE("prefix:"));
	if (sub.prefix)
		rest = nc_slice_from(line->match, 7);
	if (rest.size > 0) {
		sub.match = nc_names_put(&line->checker->strings, rest);
	} else if (!nc_slice_is(line->match, "all")) {
		return false;
	}
	if (sub.name == NC_NONE)
		return false;
	struct nc_sub *kept = nc_array_add(&line->checker->subs);
	line->nomem = kept == NULL;
	if (kept != NULL)
		*kept = sub;
	return true;
}

static bool delivery_take(struct line *line, bool ack)
{
	if (line->sub == NC_NONE || line->seen.pos == 0 || line->at > INT64_MAX)
		return false;
	struct nc_delivery *delivery = nc_array_add(&line->checker->deliveries);
	line->nomem = delivery == NULL;
	if (delivery != NULL) {
		*delivery = (struct nc_delivery){ .line = line->checker->lines,
			                          .sub = line->sub,
			                          .at = ack ? line->end : (int64_t)line->at,
			                          .ack = ack,
			                          .seen = line->seen };
	}
	return true;
}

static bool final_take(struct line *line)
{
	if (line->node == NC_NONE)
		return false;
	struct nc_final *final = nc_array_add(&line->checker->finals);
	line->nomem = final == NULL;
	if (final != NULL) {
		*final = (struct nc_final){ line->checker->lines, line->node, line->first,
			                    line->count };
	}
	return true;
}

static bool line_take(struct line *line)
{
	if (line->is_append)
		return append_take(line);
	if (nc_slice_is(line->op, "read"))
		return read_take(line);
	if (nc_slice_is(line->op, "sub"))
		return sub_take(line);
	if (nc_slice_is(line->op, "deliver"))
		return delivery_take(line, false);
	if (nc_slice_is(line->op, "ack"))
		return delivery_take(line, true);
	return nc_slice_is(line->op, "final") && final_take(line);
}

static bool line_read(struct line *line)
{
	struct nc_json_token token;
	if (!next(line, &token) || token.type != NC_JSON_OBJECT)
		return false;
	for (;;) {
		if (!next(line, &token))
			return false;
		if (token.type == NC_JSON_OBJECT_END)
			return next(line, &token) && line_take(line);
		if (!member(line, &token))
			return false;
	}
}

int nc_history_line(struct nc_checker *checker, struct nc_slice text)
{
	struct line line = { .checker = checker,
		             .seen = { .stream = NC_NONE, .id = NC_NONE },
		             .sub = NC_NONE,
		             .name = NC_NONE,
		             .node = NC_NONE,
		             .actual_stream = NC_NONE };
	nc_json_init(&line.json, text);
	if (!line_read(&line) && !line.nomem)
		nc_fault(checker, NC_FAULT_MALFORMED, "line %" PRIu64, checker->lines);
	nc_buf_release(&line.text);
	return line.nomem ? NC_NOMEM : NC_OK;
}
