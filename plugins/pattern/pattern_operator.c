/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The operators of EventBridge patterns, read strictly. */
#include "plugins/pattern/fold.h"
#include "plugins/pattern/pattern_private.h"

static const char *const operator_names[] = { "exactly",      "prefix",   "suffix",
	                                      "anything-but", "exists",   "numeric",
	                                      "cidr",         "wildcard", "equals-ignore-case" };

bool nc_pattern_parse_is_operator(const struct nc_json_token *key)
{
	for (size_t i = 0; i < sizeof operator_names / sizeof *operator_names; i++) {
		if (nc_json_is(key, operator_names[i]))
			return true;
	}
	return false;
}

static int matcher_add(struct nc_pattern_parse *parse, struct nc_matcher_list *list,
                       const struct nc_matcher *matcher)
{
	struct nc_matcher *items =
	        nc_pool_grow(parse->pool, list->items, list->count, sizeof *list->items);
	if (items == NULL)
		return nc_selector_no_memory(parse->error);
	list->items = items;
	items[list->count++] = *matcher;
	return NACRE_FILTER_OK;
}

/* Read a number. One that no double is near to is refused: it is too large, or too near to zero. */
static int number_read(struct nc_pattern_parse *parse, const struct nc_json_token *token,
                       struct nc_decimal *number_out)
{
	if (token->type != NC_JSON_NUMBER)
		return nc_pattern_parse_refuse(parse, token->offset, "a number");
	*number_out = nc_decimal_read(token->raw);
	bool zero = number_out->kind == NC_DECIMAL_I64 && number_out->i64 == 0;
	bool lost =
	        number_out->kind == NC_DECIMAL_F64 && (number_out->f64 > 0x1.fffffffffffffp1023 ||
	                                               number_out->f64 < -0x1.fffffffffffffp1023);
	for (size_t i = 0; zero && i < token->raw.size; i++) {
		if (token->raw.data[i] == 'e' || token->raw.data[i] == 'E')
			break;
		lost = lost || (token->raw.data[i] >= '1' && token->raw.data[i] <= '9');
	}
	return lost ? nc_pattern_parse_refuse(parse, token->offset,
	                                      "a number within a double's range")
	            : NACRE_FILTER_OK;
}

int nc_pattern_parse_literal(struct nc_pattern_parse *parse, const struct nc_json_token *token,
                             struct nc_matcher_list *list)
{
	struct nc_matcher matcher = { 0 };
	int answer = NACRE_FILTER_OK;
	switch (token->type) {
	case NC_JSON_NULL:
		matcher.kind = NC_MATCH_NULL;
		break;
	case NC_JSON_TRUE:
		matcher.kind = NC_MATCH_TRUE;
		break;
	case NC_JSON_FALSE:
		matcher.kind = NC_MATCH_FALSE;
		break;
	case NC_JSON_NUMBER:
		matcher.kind = NC_MATCH_NUMBER;
		answer = number_read(parse, token, &matcher.low);
		break;
	case NC_JSON_STRING:
		matcher.kind = NC_MATCH_STRING;
		answer = nc_pattern_parse_text(parse, token, &matcher.text);
		break;
	default:
		return nc_pattern_parse_refuse(
		        parse, token->offset, "a string, number, true, false, null or an operator");
	}
	return answer < 0 ? answer : matcher_add(parse, list, &matcher);
}

/* Check a wildcard: no two stars together, and a backslash only before a star or a backslash. */
static int wildcard_check(struct nc_pattern_parse *parse, const struct nc_json_token *token,
                          struct nc_slice text)
{
	for (size_t i = 0; i < text.size; i++) {
		size_t offset = token->escaped ? token->offset : token->offset + 1 + i;
		uint8_t next = i + 1 < text.size ? text.data[i + 1] : 0;
		if (text.data[i] == '*' && next == '*')
			return nc_pattern_parse_refuse(parse, offset, "one '*', not two in a row");
		if (text.data[i] == '\\') {
			if (next != '*' && next != '\\') {
				return nc_pattern_parse_refuse(parse, offset,
				                               "'*' or '\\' behind a backslash");
			}
			i++;
		}
	}
	return NACRE_FILTER_OK;
}

/* Read a string for an operator of that kind. */
static int string_take(struct nc_pattern_parse *parse, const struct nc_json_token *token,
                       enum nc_matcher_kind kind, struct nc_matcher_list *list)
{
	if (token->type != NC_JSON_STRING)
		return nc_pattern_parse_refuse(parse, token->offset, "a string");
	struct nc_matcher matcher = { .kind = kind };
	bool fold = kind == NC_MATCH_FOLD || kind == NC_MATCH_FOLD_PREFIX ||
	            kind == NC_MATCH_FOLD_SUFFIX;
	int answer = fold ? nc_pattern_parse_folded(parse, token, &matcher.text)
	                  : nc_pattern_parse_text(parse, token, &matcher.text);
	if (answer >= 0 && kind == NC_MATCH_WILDCARD)
		answer = wildcard_check(parse, token, matcher.text);
	if (answer >= 0 && kind == NC_MATCH_CIDR &&
	    !nc_cidr_parse(matcher.text, matcher.address, &matcher.bits)) {
		answer = nc_pattern_parse_refuse(
		        parse, token->offset,
		        "an address block such as \"10.0.0.0/8\" or \"fe80::/10\"");
	}
	return answer < 0 ? answer : matcher_add(parse, list, &matcher);
}

static int end_of_operator(struct nc_pattern_parse *parse)
{
	struct nc_json_token token;
	int answer = nc_pattern_parse_next(parse, &token);
	if (answer >= 0 && token.type != NC_JSON_OBJECT_END)
		answer = nc_pattern_parse_refuse(parse, token.offset,
		                                 "'}': one operator in an object");
	return answer;
}

/* Read the value of prefix or suffix: a string, or {"equals-ignore-case": string}. */
static int affix_take(struct nc_pattern_parse *parse, const struct nc_json_token *token,
                      enum nc_matcher_kind kind, enum nc_matcher_kind fold_kind,
                      struct nc_matcher_list *list)
{
	if (token->type != NC_JSON_OBJECT)
		return string_take(parse, token, kind, list);
	struct nc_json_token inner;
	int answer = nc_pattern_parse_next(parse, &inner);
	if (answer < 0)
		return answer;
	if (inner.type != NC_JSON_KEY || !nc_json_is(&inner, "equals-ignore-case"))
		return nc_pattern_parse_refuse(parse, inner.offset, "\"equals-ignore-case\"");
	answer = nc_pattern_parse_next(parse, &inner);
	if (answer >= 0)
		answer = string_take(parse, &inner, fold_kind, list);
	return answer < 0 ? answer : end_of_operator(parse);
}

/* ---- numeric -------------------------------------------------------------------------------- */

/* Fill in one bound of a range; `seen` counts them. */
static int bound_take(struct nc_pattern_parse *parse, const struct nc_json_token *name, int seen,
                      struct nc_matcher *range)
{
	bool open = name->raw.size == 1;
	struct nc_json_token token;
	struct nc_decimal number = nc_decimal_from_u64(0);
	int answer = nc_pattern_parse_next(parse, &token);
	if (answer >= 0)
		answer = number_read(parse, &token, &number);
	if (answer < 0)
		return answer;
	if (nc_json_is(name, "=") && seen == 0) {
		*range = (struct nc_matcher){ .kind = NC_MATCH_NUMBER, .low = number };
	} else if ((nc_json_is(name, ">") || nc_json_is(name, ">=")) && seen == 0) {
		range->has_low = true;
		range->low_open = open;
		range->low = number;
	} else if ((nc_json_is(name, "<") || nc_json_is(name, "<=")) && !range->has_high &&
	           range->kind == NC_MATCH_RANGE) {
		range->has_high = true;
		range->high_open = open;
		range->high = number;
		if (range->has_low && nc_decimal_cmp(range->low, range->high) >= 0) {
			return nc_pattern_parse_refuse(parse, token.offset,
			                               "an upper bound above the lower one");
		}
	} else {
		return nc_pattern_parse_refuse(
		        parse, name->offset,
		        "one of = < <= > >=, or a lower and then an upper bound");
	}
	return NACRE_FILTER_OK;
}

static int numeric_take(struct nc_pattern_parse *parse, const struct nc_json_token *first,
                        struct nc_matcher_list *list)
{
	if (first->type != NC_JSON_ARRAY) {
		return nc_pattern_parse_refuse(parse, first->offset,
		                               "a list such as [\">\", 0, \"<=\", 5]");
	}
	struct nc_matcher range = { .kind = NC_MATCH_RANGE };
	struct nc_json_token token;
	for (int seen = 0;; seen++) {
		int answer = nc_pattern_parse_next(parse, &token);
		if (answer >= 0 && token.type == NC_JSON_ARRAY_END && seen > 0)
			break;
		if (answer >= 0 && token.type != NC_JSON_STRING)
			answer = nc_pattern_parse_refuse(parse, token.offset, "one of = < <= > >=");
		if (answer >= 0)
			answer = bound_take(parse, &token, seen, &range);
		if (answer < 0)
			return answer;
	}
	return matcher_add(parse, list, &range);
}

/* ---- anything-but --------------------------------------------------------------------------- */

/* Read one string or a list of them, for that kind of matcher. */
static int strings_take(struct nc_pattern_parse *parse, const struct nc_json_token *first,
                        enum nc_matcher_kind kind, bool may_be_empty, struct nc_matcher_list *list)
{
	struct nc_json_token token = *first;
	bool many = first->type == NC_JSON_ARRAY;
	for (bool begun = false;; begun = true) {
		int answer = many ? nc_pattern_parse_next(parse, &token) : NACRE_FILTER_OK;
		if (answer < 0)
			return answer;
		if (many && begun && token.type == NC_JSON_ARRAY_END)
			return NACRE_FILTER_OK;
		if (token.type == NC_JSON_STRING && token.raw.size == 0 && !may_be_empty)
			return nc_pattern_parse_refuse(parse, token.offset,
			                               "a string that is not empty");
		answer = string_take(parse, &token, kind, list);
		if (answer < 0 || !many)
			return answer;
	}
}

/* Read a string or a number, which must be of the same type as those before it. `*type` is that
 * type, and NC_JSON_END while there are none. */
static int alike_take(struct nc_pattern_parse *parse, const struct nc_json_token *token,
                      enum nc_json_type type, struct nc_matcher_list *list)
{
	bool good = token->type == NC_JSON_STRING || token->type == NC_JSON_NUMBER;
	if (good && (type == NC_JSON_END || token->type == type))
		return nc_pattern_parse_literal(parse, token, list);
	return nc_pattern_parse_refuse(parse, token->offset,
	                               type == NC_JSON_STRING   ? "a string, as before"
	                               : type == NC_JSON_NUMBER ? "a number, as before"
	                                                        : "a string or a number");
}

/* Read one such value or a list of them, which are all strings or all numbers. */
static int literals_take(struct nc_pattern_parse *parse, const struct nc_json_token *first,
                         struct nc_matcher_list *list)
{
	if (first->type != NC_JSON_ARRAY)
		return alike_take(parse, first, NC_JSON_END, list);
	enum nc_json_type type = NC_JSON_END;
	for (;;) {
		struct nc_json_token token;
		int answer = nc_pattern_parse_next(parse, &token);
		if (answer >= 0 && list->count > 0 && token.type == NC_JSON_ARRAY_END)
			return NACRE_FILTER_OK;
		if (answer >= 0)
			answer = alike_take(parse, &token, type, list);
		if (answer < 0)
			return answer;
		type = token.type;
	}
}

static int but_object_take(struct nc_pattern_parse *parse, struct nc_matcher_list *inner)
{
	struct nc_json_token key, value;
	int answer = nc_pattern_parse_next(parse, &key);
	if (answer < 0)
		return answer;
	enum nc_matcher_kind kind = NC_MATCH_PREFIX;
	if (key.type == NC_JSON_KEY && nc_json_is(&key, "suffix")) {
		kind = NC_MATCH_SUFFIX;
	} else if (key.type == NC_JSON_KEY && nc_json_is(&key, "equals-ignore-case")) {
		kind = NC_MATCH_FOLD;
	} else if (key.type == NC_JSON_KEY && nc_json_is(&key, "wildcard")) {
		kind = NC_MATCH_WILDCARD;
	} else if (key.type != NC_JSON_KEY || !nc_json_is(&key, "prefix")) {
		return nc_pattern_parse_refuse(parse, key.offset,
		                               "prefix, suffix, equals-ignore-case or wildcard");
	}
	bool may_be_empty = kind == NC_MATCH_FOLD || kind == NC_MATCH_WILDCARD;
	answer = nc_pattern_parse_next(parse, &value);
	if (answer >= 0)
		answer = strings_take(parse, &value, kind, may_be_empty, inner);
	return answer < 0 ? answer : end_of_operator(parse);
}

static int but_take(struct nc_pattern_parse *parse, const struct nc_json_token *first,
                    struct nc_matcher_list *list)
{
	struct nc_matcher_list inner = { 0 };
	int answer = first->type == NC_JSON_OBJECT ? but_object_take(parse, &inner)
	                                           : literals_take(parse, first, &inner);
	if (answer < 0)
		return answer;
	const struct nc_matcher matcher = { .kind = NC_MATCH_BUT,
		                            .inner = inner.items,
		                            .inner_count = inner.count };
	return matcher_add(parse, list, &matcher);
}

static int exists_take(struct nc_pattern_parse *parse, const struct nc_json_token *token,
                       struct nc_matcher_list *list)
{
	const struct nc_matcher exists = { .kind = NC_MATCH_EXISTS };
	if (token->type == NC_JSON_TRUE)
		return matcher_add(parse, list, &exists);
	if (token->type != NC_JSON_FALSE)
		return nc_pattern_parse_refuse(parse, token->offset, "true or false");
	list->may_lack = true;
	return NACRE_FILTER_OK;
}

static int value_take(struct nc_pattern_parse *parse, const struct nc_json_token *key,
                      const struct nc_json_token *value, struct nc_matcher_list *list)
{
	if (nc_json_is(key, "prefix"))
		return affix_take(parse, value, NC_MATCH_PREFIX, NC_MATCH_FOLD_PREFIX, list);
	if (nc_json_is(key, "suffix"))
		return affix_take(parse, value, NC_MATCH_SUFFIX, NC_MATCH_FOLD_SUFFIX, list);
	if (nc_json_is(key, "anything-but"))
		return but_take(parse, value, list);
	if (nc_json_is(key, "numeric"))
		return numeric_take(parse, value, list);
	if (nc_json_is(key, "exists"))
		return exists_take(parse, value, list);
	enum nc_matcher_kind kind = nc_json_is(key, "wildcard")  ? NC_MATCH_WILDCARD
	                            : nc_json_is(key, "cidr")    ? NC_MATCH_CIDR
	                            : nc_json_is(key, "exactly") ? NC_MATCH_STRING
	                                                         : NC_MATCH_FOLD;
	return string_take(parse, value, kind, list);
}

int nc_pattern_parse_operator(struct nc_pattern_parse *parse, struct nc_matcher_list *list)
{
	struct nc_json_token key, value;
	int answer = nc_pattern_parse_next(parse, &key);
	if (answer < 0)
		return answer;
	if (key.type != NC_JSON_KEY || !nc_pattern_parse_is_operator(&key)) {
		return nc_pattern_parse_refuse(
		        parse, key.offset,
		        "an operator: exactly, prefix, suffix, equals-ignore-case, "
		        "wildcard, anything-but, numeric, cidr or exists");
	}
	answer = nc_pattern_parse_next(parse, &value);
	if (answer >= 0)
		answer = value_take(parse, &key, &value, list);
	return answer < 0 ? answer : end_of_operator(parse);
}
