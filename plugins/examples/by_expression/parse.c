/* SPDX-License-Identifier: Apache-2.0 */
/* From text to a program, by recursive descent:
 *
 *   either := both { "||" both }          both := unary { "&&" unary }
 *   unary := "!" unary | "(" either ")" | "exists" field | field comparison value
 */
#include "expression.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct parse {
	nacre_filter_slice text;
	uint64_t at;
	uint32_t offset;
	int depth;
	struct expression *made;
	uint64_t texts_used;
	nacre_filter_error *error;
	int answer; /* 0 while all is well */
};

/* The first one stays. */
static void fail(struct parse *parse, uint64_t at, const char *expected)
{
	if (parse->answer != NACRE_FILTER_OK)
		return;
	parse->answer = NACRE_FILTER_REFUSED;
	parse->error->source_offset = parse->offset + (uint32_t)at;
	(void)snprintf(parse->error->message, sizeof parse->error->message, "expected %s",
	               expected);
}

static void node_add(struct parse *parse, const struct node *node)
{
	struct expression *made = parse->made;
	if (made->count == NODES_MAX)
		fail(parse, parse->at, "a shorter expression");
	if (parse->answer == NACRE_FILTER_OK)
		made->nodes[made->count++] = *node;
}

/* ---- Tokens --------------------------------------------------------------------------------- */

static int peek(const struct parse *parse)
{
	return parse->at < parse->text.size ? parse->text.data[parse->at] : -1;
}

static void blank_skip(struct parse *parse)
{
	while (peek(parse) == ' ' || peek(parse) == '\t' || peek(parse) == '\n')
		parse->at++;
}

/* Take `token` if it is next. */
static int take(struct parse *parse, const char *token)
{
	uint64_t size = strlen(token);
	blank_skip(parse);
	if (parse->text.size - parse->at < size ||
	    memcmp(parse->text.data + parse->at, token, (size_t)size) != 0)
		return 0;
	parse->at += size;
	return 1;
}

static int is_word(int byte)
{
	return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') ||
	       (byte >= '0' && byte <= '9') || byte == '_' || byte == '-' || byte >= 0x80;
}

static nacre_filter_slice word_peek(struct parse *parse)
{
	blank_skip(parse);
	nacre_filter_slice word = { parse->text.data + parse->at, 0 };
	while (parse->at + word.size < parse->text.size && is_word(word.data[word.size]))
		word.size++;
	return word;
}

static int word_is(nacre_filter_slice word, const char *text)
{
	return word.size == strlen(text) && memcmp(word.data, text, (size_t)word.size) == 0;
}

static int word_take(struct parse *parse, const char *text)
{
	nacre_filter_slice word = word_peek(parse);
	if (!word_is(word, text))
		return 0;
	parse->at += word.size;
	return 1;
}

/* 'text', unescaped, behind what stands in the texts already. */
static int quoted_take(struct parse *parse, nacre_filter_slice *text_out)
{
	uint8_t *to = parse->made->texts + parse->texts_used;
	uint64_t size = 0, begin = parse->at;
	if (!take(parse, "'"))
		return 0;
	while (peek(parse) >= 0 && peek(parse) != '\'') {
		if (peek(parse) == '\\') {
			parse->at++;
			if (peek(parse) != '\'' && peek(parse) != '\\') {
				fail(parse, parse->at, "\\' or \\\\");
				return 1;
			}
		}
		to[size++] = (uint8_t)peek(parse);
		parse->at++;
	}
	if (!take(parse, "'"))
		fail(parse, begin, "a text that ends");
	*text_out = (nacre_filter_slice){ to, size };
	parse->texts_used += size;
	return 1;
}

/* ---- Values and fields ---------------------------------------------------------------------- */

/* Digits, onto a number that stays below `most`; gives how many, -1 if it does not. */
static int digits(struct parse *parse, uint64_t *number, uint64_t most)
{
	int count = 0;
	for (; peek(parse) >= '0' && peek(parse) <= '9'; parse->at++, count++) {
		uint64_t digit = (uint64_t)(peek(parse) - '0');
		if (*number > (most - digit) / 10)
			return -1;
		*number = *number * 10 + digit;
	}
	return count;
}

/* The digits behind the point. Both the digits as an integer and the power of ten are doubles
 * without loss, so that their quotient is the nearest double, as the host reads the data's numbers.
 */
static int fraction_take(struct parse *parse, uint64_t whole, int negative, struct value *value)
{
	uint64_t all = whole;
	double scale = 1;
	parse->at++;
	int places = all > (UINT64_C(1) << 53) ? -1 : digits(parse, &all, UINT64_C(1) << 53);
	for (int i = 0; i < places; i++)
		scale *= 10;
	double number = (double)all / scale;
	if (number == (double)whole) { /* 5.0 is 5 */
		value->number_kind = NACRE_FILTER_I64;
		value->number.i64 = negative ? -(int64_t)whole : (int64_t)whole;
	} else {
		value->number_kind = NACRE_FILTER_F64;
		value->number.f64 = negative ? -number : number;
	}
	return places > 0 && places < 16;
}

static void number_take(struct parse *parse, struct value *value)
{
	uint64_t whole = 0, begin = parse->at;
	int negative = take(parse, "-");
	int good = digits(parse, &whole, negative ? (uint64_t)INT64_MAX : UINT64_MAX) > 0;
	value->kind = NACRE_FILTER_NUMBER;
	if (good && peek(parse) == '.') {
		good = fraction_take(parse, whole, negative, value);
	} else if (whole > INT64_MAX) {
		value->number_kind = NACRE_FILTER_U64;
		value->number.u64 = whole;
	} else {
		value->number_kind = NACRE_FILTER_I64;
		value->number.i64 = negative ? -(int64_t)whole : (int64_t)whole;
	}
	if (!good || is_word(peek(parse)))
		fail(parse, begin, "a number, like 5 or -0.25, of 64 bits or 15 digits");
}

static void value_take(struct parse *parse, struct value *value)
{
	blank_skip(parse);
	int next = peek(parse);
	if (quoted_take(parse, &value->text)) {
		value->kind = NACRE_FILTER_STRING;
	} else if (next == '-' || (next >= '0' && next <= '9')) {
		number_take(parse, value);
	} else if (word_take(parse, "true")) {
		value->kind = NACRE_FILTER_TRUE;
	} else if (word_take(parse, "false")) {
		value->kind = NACRE_FILTER_FALSE;
	} else if (word_take(parse, "null")) {
		value->kind = NACRE_FILTER_NULL;
	} else {
		fail(parse, parse->at, "a number, 'text', true, false or null");
	}
}

/* 0: there is none, or it is none. */
static int step_take(struct parse *parse, nacre_filter_slice *step_out)
{
	if (take(parse, "[")) {
		if (!quoted_take(parse, step_out) || !take(parse, "]"))
			fail(parse, parse->at, "['key']");
		return parse->answer == NACRE_FILTER_OK;
	}
	if (!take(parse, "."))
		return 0;
	*step_out = word_peek(parse);
	parse->at += step_out->size;
	if (step_out->size == 0)
		fail(parse, parse->at, "a key");
	return 1;
}

/* The keys behind `data` or `meta`, joined by dots as the host joins them. */
static void path_take(struct parse *parse, struct node *node)
{
	uint8_t path[1024];
	uint64_t size = 0, begin = parse->at;
	nacre_filter_slice step = { parse->text.data, 0 };
	while (parse->answer == NACRE_FILTER_OK && step_take(parse, &step)) {
		if (size + step.size + 1 > sizeof path) {
			fail(parse, begin, "a shorter path");
			return;
		}
		if (size > 0)
			path[size++] = '.';
		memcpy(path + size, step.data, (size_t)step.size);
		size += step.size;
	}
	if (size == 0)
		fail(parse, parse->at, "a key: data.total, meta.user");
	/* What was taken apart is not shorter than what is kept: there is room. */
	node->name.data = parse->made->texts + parse->texts_used;
	node->name.size = size;
	memcpy(parse->made->texts + parse->texts_used, path, (size_t)size);
	parse->texts_used += size;
}

static void field_take(struct parse *parse, struct node *node)
{
	static const char *const names[] = { "stream", "type", "id",   "content_type", "seq",
		                             "pos",    "tag",  "meta", "data" };
	nacre_filter_slice word = word_peek(parse);
	for (unsigned field = 0; field < sizeof names / sizeof names[0]; field++) {
		if (!word_is(word, names[field]))
			continue;
		parse->at += word.size;
		node->field = (enum field)field;
		if (node->field == META || node->field == DATA)
			path_take(parse, node);
		parse->made->needs_view |= node->field == DATA;
		return;
	}
	fail(parse, parse->at, "stream, type, id, content_type, seq, pos, tag, meta.… or data.…");
}

/* ---- Expressions ---------------------------------------------------------------------------- */

static void either(struct parse *parse);

static void negate(struct parse *parse)
{
	const struct node node = { .kind = NODE_NOT };
	node_add(parse, &node);
}

static void compare(struct parse *parse)
{
	/* Longer ones first. */
	static const struct {
		const char *token;
		enum comparison comparison;
	} all[] = { { "<=", LESS_EQUAL }, { ">=", GREATER_EQUAL }, { "<", LESS },
		    { ">", GREATER },     { "==", EQUAL },         { "!=", EQUAL },
		    { "starts", STARTS }, { "ends", ENDS },        { "contains", CONTAINS } };
	struct node node = { .kind = NODE_COMPARE };
	field_take(parse, &node);
	for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
		if (!take(parse, all[i].token))
			continue;
		blank_skip(parse);
		uint64_t at = parse->at;
		node.comparison = all[i].comparison;
		value_take(parse, &node.value);
		if (node.comparison >= STARTS && node.value.kind != NACRE_FILTER_STRING)
			fail(parse, at, "'text'");
		node_add(parse, &node);
		if (all[i].token[0] == '!')
			negate(parse);
		return;
	}
	fail(parse, parse->at, "== != < <= > >= starts ends contains");
}

/* Comes back to itself for what is in parentheses, DEPTH_MAX deep. */
static void unary(struct parse *parse)
{
	int outside = parse->depth, negated = 0;
	if (parse->answer != NACRE_FILTER_OK)
		return;
	while (++parse->depth <= DEPTH_MAX && take(parse, "!"))
		negated = !negated;
	if (parse->depth > DEPTH_MAX) {
		fail(parse, parse->at, "fewer parentheses");
	} else if (take(parse, "(")) {
		either(parse);
		if (!take(parse, ")"))
			fail(parse, parse->at, "')'");
	} else if (word_take(parse, "exists")) {
		struct node node = { .kind = NODE_EXISTS };
		field_take(parse, &node);
		node_add(parse, &node);
	} else {
		compare(parse);
	}
	if (negated)
		negate(parse);
	parse->depth = outside;
}

static void chain(struct parse *parse, const char *token, enum node_kind kind,
                  void (*part)(struct parse *))
{
	struct expression *made = parse->made;
	part(parse);
	while (parse->answer == NACRE_FILTER_OK && take(parse, token)) {
		const struct node node = { .kind = kind };
		uint16_t leap = made->count;
		node_add(parse, &node);
		part(parse);
		if (parse->answer == NACRE_FILTER_OK)
			made->nodes[leap].end = made->count;
	}
}

static void both(struct parse *parse)
{
	chain(parse, "&&", NODE_AND, unary);
}

static void either(struct parse *parse)
{
	chain(parse, "||", NODE_OR, both);
}

void expression_free(void *made)
{
	struct expression *expression = made;
	if (expression == NULL)
		return;
	free(expression->nodes);
	free(expression->texts);
	free(expression);
}

int expression_parse(nacre_filter_slice text, uint32_t offset, struct expression **expression_out,
                     nacre_filter_error *error)
{
	struct expression *made = calloc(1, sizeof *made);
	if (made == NULL)
		return NACRE_FILTER_NO_MEMORY;
	made->nodes = calloc(NODES_MAX, sizeof *made->nodes);
	made->texts = malloc((size_t)(2 * text.size) + 1);
	struct parse parse = { .text = text, .offset = offset, .made = made, .error = error };
	if (made->nodes == NULL || made->texts == NULL) {
		expression_free(made);
		return NACRE_FILTER_NO_MEMORY;
	}
	either(&parse);
	blank_skip(&parse);
	if (parse.at < text.size)
		fail(&parse, parse.at, "&& or ||, or the end");
	if (parse.answer != NACRE_FILTER_OK) {
		expression_free(made);
		return parse.answer;
	}
	*expression_out = made;
	return NACRE_FILTER_OK;
}
