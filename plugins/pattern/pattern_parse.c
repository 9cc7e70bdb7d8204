/* SPDX-License-Identifier: GPL-3.0-or-later */
/* From JSON text to alternatives of fields. */
#include <stdlib.h>

#include "plugins/pattern/fold.h"
#include "plugins/pattern/pattern_private.h"

#define FNV_BASIS 14695981039346656037ull
#define FNV_PRIME 1099511628211ull

/* The members that an object has had so far: JSON allows a name twice, a pattern does not. */
struct members {
	struct nc_slice *paths;
	size_t count;
};

/* Alternatives as they are read. Their arrays of fields are in the pool, and grow too. */
struct draft {
	const struct nc_field **fields;
	size_t count;
};

struct drafts {
	struct draft *items;
	size_t count;
};

int nc_pattern_parse_refuse(struct nc_pattern_parse *parse, size_t offset, const char *expected)
{
	return nc_selector_refuse(parse->error, offset, "expected %s", expected);
}

int nc_pattern_parse_next(struct nc_pattern_parse *parse, struct nc_json_token *token)
{
	if (nc_json_next(&parse->json, token) == NC_OK)
		return NACRE_FILTER_OK;
	return nc_pattern_parse_refuse(parse, parse->json.offset, parse->json.expected);
}

static int text_take(struct nc_pattern_parse *parse, const struct nc_json_token *token, bool fold,
                     struct nc_slice *text_out)
{
	struct nc_buf text = { 0 };
	nc_json_unescape(token, &text);
	uint8_t *kept = NULL;
	if (nc_buf_status(&text) == NC_OK)
		kept = nc_pool_take(parse->pool, NC_FOLD_SIZE_MAX(text.size));
	if (kept != NULL) {
		size_t size = text.size;
		if (fold) {
			size = nc_fold(nc_buf_slice(&text), kept);
		} else if (size > 0) {
			memcpy(kept, text.data, size);
		}
		*text_out = nc_slice(kept, size);
	}
	nc_buf_release(&text);
	return kept == NULL ? nc_selector_no_memory(parse->error) : NACRE_FILTER_OK;
}

int nc_pattern_parse_text(struct nc_pattern_parse *parse, const struct nc_json_token *token,
                          struct nc_slice *text_out)
{
	return text_take(parse, token, false, text_out);
}

int nc_pattern_parse_folded(struct nc_pattern_parse *parse, const struct nc_json_token *token,
                            struct nc_slice *text_out)
{
	return text_take(parse, token, true, text_out);
}

static int refuse_again(struct nc_pattern_parse *parse, size_t offset, struct nc_slice path)
{
	return nc_selector_refuse(parse->error, offset, "expected a field once, not \"%.*s\" again",
	                          (int)(path.size < 100 ? path.size : 100),
	                          (const char *)path.data);
}

/* ---- Alternatives --------------------------------------------------------------------------- */

static int draft_add(struct nc_pattern_parse *parse, struct draft *draft,
                     const struct nc_field *field)
{
	for (size_t i = 0; i < draft->count; i++) {
		if (nc_slice_eq(draft->fields[i]->path, field->path))
			return refuse_again(parse, field->offset, field->path);
	}
	if (draft->count == NC_PATTERN_FIELDS_MAX) {
		return nc_selector_refuse(parse->error, field->offset, "expected at most %d fields",
		                          NC_PATTERN_FIELDS_MAX);
	}
	const struct nc_field **fields = nc_pool_grow(
	        parse->pool, (void *)draft->fields, draft->count, sizeof(const struct nc_field *));
	if (fields == NULL)
		return nc_selector_no_memory(parse->error);
	draft->fields = fields;
	fields[draft->count++] = field;
	return NACRE_FILTER_OK;
}

static int drafts_add(struct nc_pattern_parse *parse, struct drafts *drafts,
                      const struct draft *draft, size_t offset)
{
	if (drafts->count == NC_PATTERN_ALTERNATIVES_MAX) {
		return nc_selector_refuse(parse->error, offset,
		                          "expected at most %d alternatives, all $or multiplied",
		                          NC_PATTERN_ALTERNATIVES_MAX);
	}
	struct draft *items =
	        nc_pool_grow(parse->pool, drafts->items, drafts->count, sizeof *drafts->items);
	if (items == NULL)
		return nc_selector_no_memory(parse->error);
	drafts->items = items;
	items[drafts->count++] = *draft;
	return NACRE_FILTER_OK;
}

static int draft_add_all(struct nc_pattern_parse *parse, struct draft *draft,
                         const struct draft *fields)
{
	int answer = NACRE_FILTER_OK;
	for (size_t i = 0; answer >= 0 && i < fields->count; i++)
		answer = draft_add(parse, draft, fields->fields[i]);
	return answer;
}

/* Combine every alternative of `left` with every one of `right`. */
static int drafts_multiply(struct nc_pattern_parse *parse, struct drafts *left,
                           const struct drafts *right, size_t offset)
{
	struct drafts product = { 0 };
	for (size_t i = 0; i < left->count; i++) {
		for (size_t k = 0; k < right->count; k++) {
			struct draft both = { 0 };
			int answer = draft_add_all(parse, &both, &left->items[i]);
			if (answer >= 0)
				answer = draft_add_all(parse, &both, &right->items[k]);
			if (answer >= 0)
				answer = drafts_add(parse, &product, &both, offset);
			if (answer < 0)
				return answer;
		}
	}
	*left = product;
	return NACRE_FILTER_OK;
}

/* ---- Fields --------------------------------------------------------------------------------- */

static int path_join(struct nc_pattern_parse *parse, struct nc_slice above, bool outermost,
                     const struct nc_json_token *key, struct nc_slice *path_out)
{
	struct nc_slice name;
	int answer = nc_pattern_parse_text(parse, key, &name);
	if (answer < 0 || outermost) {
		if (answer >= 0)
			*path_out = name;
		return answer;
	}
	size_t size = above.size + 1 + name.size;
	if (size > NC_PATTERN_PATH_SIZE_MAX)
		return nc_pattern_parse_refuse(parse, key->offset, "a shorter path");
	uint8_t *path = nc_pool_take(parse->pool, size);
	if (path == NULL)
		return nc_selector_no_memory(parse->error);
	if (above.size > 0)
		memcpy(path, above.data, above.size);
	path[above.size] = '.';
	if (name.size > 0)
		memcpy(path + above.size + 1, name.data, name.size);
	*path_out = nc_slice(path, size);
	return NACRE_FILTER_OK;
}

static int members_add(struct nc_pattern_parse *parse, struct members *members, size_t offset,
                       struct nc_slice path)
{
	for (size_t i = 0; i < members->count; i++) {
		if (nc_slice_eq(members->paths[i], path))
			return refuse_again(parse, offset, path);
	}
	struct nc_slice *paths =
	        nc_pool_grow(parse->pool, members->paths, members->count, sizeof *paths);
	if (paths == NULL)
		return nc_selector_no_memory(parse->error);
	members->paths = paths;
	paths[members->count++] = path;
	return NACRE_FILTER_OK;
}

/* Read the list of a field, whose '[' has been read. */
static int list_read(struct nc_pattern_parse *parse, struct nc_matcher_list *list)
{
	for (;;) {
		struct nc_json_token token;
		int answer = nc_pattern_parse_next(parse, &token);
		if (answer < 0)
			return answer;
		if (token.type == NC_JSON_ARRAY_END) {
			if (list->count > 0 || list->may_lack)
				return NACRE_FILTER_OK;
			return nc_pattern_parse_refuse(parse, token.offset,
			                               "a value: the list is empty");
		}
		answer = token.type == NC_JSON_OBJECT
		                 ? nc_pattern_parse_operator(parse, list)
		                 : nc_pattern_parse_literal(parse, &token, list);
		if (answer < 0)
			return answer;
	}
}

static int field_read(struct nc_pattern_parse *parse, struct nc_slice path, size_t offset,
                      struct drafts *drafts)
{
	if (parse->field_fn != NULL) {
		int answer = parse->field_fn(path, offset, parse->error);
		if (answer < 0)
			return answer;
	}
	struct nc_matcher_list list = { 0 };
	int answer = list_read(parse, &list);
	if (answer < 0)
		return answer;
	struct nc_field *field = nc_pool_take(parse->pool, sizeof *field);
	if (field == NULL)
		return nc_selector_no_memory(parse->error);
	*field = (struct nc_field){ .path = path,
		                    .hash = FNV_BASIS,
		                    .offset = offset,
		                    .may_lack = list.may_lack,
		                    .matchers = list.items,
		                    .matcher_count = list.count };
	for (size_t i = 0; i < path.size; i++)
		field->hash = (field->hash ^ path.data[i]) * FNV_PRIME;
	for (size_t i = 0; answer >= 0 && i < drafts->count; i++)
		answer = draft_add(parse, &drafts->items[i], field);
	return answer;
}

/* ---- Objects and $or ------------------------------------------------------------------------ */

static int object_read(struct nc_pattern_parse *parse, struct nc_slice above, bool outermost,
                       struct drafts *drafts);

/* Whether the list whose '[' was read has only objects of fields. If so, "$or" is an operator, and
 * not the name of a field, as the upstream language has it. Looks ahead on a copy of the cursor. */
static bool holds_alternatives(struct nc_json json)
{
	for (size_t count = 0;; count++) {
		struct nc_json_token token;
		if (nc_json_next(&json, &token) != NC_OK)
			return count > 0; /* whoever reads it will say what is wrong */
		if (token.type == NC_JSON_ARRAY_END)
			return count > 0;
		if (token.type != NC_JSON_OBJECT)
			return false;
		struct nc_json inside = json;
		struct nc_json_token key;
		if (nc_json_next(&inside, &key) == NC_OK && key.type == NC_JSON_KEY &&
		    nc_pattern_parse_is_operator(&key))
			return false;
		struct nc_slice raw;
		if (nc_json_value(&json, &token, &raw) != NC_OK)
			return true;
	}
}

/* NOLINTNEXTLINE(misc-no-recursion): the JSON cursor limits depth */
static int or_read(struct nc_pattern_parse *parse, struct nc_slice above, bool outermost,
                   size_t offset, struct drafts *drafts)
{
	struct drafts sum = { 0 };
	size_t count = 0;
	for (;; count++) {
		struct nc_json_token token;
		int answer = nc_pattern_parse_next(parse, &token);
		if (answer < 0)
			return answer;
		if (token.type == NC_JSON_ARRAY_END)
			break;
		struct drafts one = { 0 };
		answer = drafts_add(parse, &one, &(struct draft){ 0 }, offset);
		if (answer >= 0)
			answer = object_read(parse, above, outermost, &one);
		for (size_t i = 0; answer >= 0 && i < one.count; i++)
			answer = drafts_add(parse, &sum, &one.items[i], offset);
		if (answer < 0)
			return answer;
	}
	if (count < 2)
		return nc_pattern_parse_refuse(parse, offset, "two alternatives or more in $or");
	return drafts_multiply(parse, drafts, &sum, offset);
}

/* NOLINTNEXTLINE(misc-no-recursion): the JSON cursor limits depth */
static int member_read(struct nc_pattern_parse *parse, struct nc_slice above, bool outermost,
                       const struct nc_json_token *key, struct members *members,
                       struct drafts *drafts)
{
	struct nc_json_token value;
	struct nc_slice path;
	int answer = nc_pattern_parse_next(parse, &value);
	if (answer >= 0)
		answer = path_join(parse, above, outermost, key, &path);
	if (answer >= 0)
		answer = members_add(parse, members, key->offset, path);
	if (answer < 0)
		return answer;
	if (value.type == NC_JSON_ARRAY && nc_json_is(key, "$or") &&
	    holds_alternatives(parse->json))
		return or_read(parse, above, outermost, key->offset, drafts);
	if (value.type != NC_JSON_ARRAY && value.type != NC_JSON_OBJECT) {
		return nc_pattern_parse_refuse(parse, value.offset,
		                               "a list of values, or an object of fields");
	}
	return value.type == NC_JSON_ARRAY ? field_read(parse, path, key->offset, drafts)
	                                   : object_read(parse, path, false, drafts);
}

/* Read the rest of an object of fields, whose '{' has been read. */
/* NOLINTNEXTLINE(misc-no-recursion): the JSON cursor limits depth */
static int object_read(struct nc_pattern_parse *parse, struct nc_slice above, bool outermost,
                       struct drafts *drafts)
{
	struct members members = { 0 };
	for (;;) {
		struct nc_json_token key;
		int answer = nc_pattern_parse_next(parse, &key);
		if (answer < 0)
			return answer;
		if (key.type == NC_JSON_OBJECT_END) {
			if (members.count > 0)
				return NACRE_FILTER_OK;
			return nc_pattern_parse_refuse(parse, key.offset,
			                               "a field: the object is empty");
		}
		answer = member_read(parse, above, outermost, &key, &members, drafts);
		if (answer < 0)
			return answer;
	}
}

static int pattern_read(struct nc_pattern_parse *parse, struct drafts *drafts)
{
	struct nc_json_token token;
	int answer = nc_pattern_parse_next(parse, &token);
	if (answer >= 0 && token.type != NC_JSON_OBJECT)
		answer = nc_pattern_parse_refuse(parse, token.offset, "an object of fields");
	if (answer >= 0)
		answer = drafts_add(parse, drafts, &(struct draft){ 0 }, 0);
	if (answer >= 0)
		answer = object_read(parse, nc_slice(NULL, 0), true, drafts);
	/* Nothing may follow. */
	return answer < 0 ? answer : nc_pattern_parse_next(parse, &token);
}

/* Make the pattern of what was read. */
static int pattern_make(struct nc_pattern_parse *parse, const struct drafts *drafts,
                        struct nc_pattern **pattern_out)
{
	struct nc_pattern *pattern = nc_pool_take(parse->pool, sizeof *pattern);
	struct nc_alternative *alternatives =
	        nc_pool_take(parse->pool, drafts->count * sizeof *alternatives);
	if (pattern == NULL || alternatives == NULL)
		return nc_selector_no_memory(parse->error);
	for (size_t i = 0; i < drafts->count; i++) {
		const struct draft *draft = &drafts->items[i];
		alternatives[i] = (struct nc_alternative){ draft->fields, draft->count };
	}
	*pattern = (struct nc_pattern){ alternatives, drafts->count, parse->pool };
	*pattern_out = pattern;
	return NACRE_FILTER_OK;
}

int nc_pattern_compile(struct nc_slice source, nc_pattern_field_fn *field_fn,
                       struct nc_pattern **pattern_out, nacre_filter_error *error)
{
	struct nc_pattern_parse parse = { .field_fn = field_fn, .error = error };
	nc_json_init(&parse.json, source);
	parse.pool = nc_pool_new();
	if (parse.pool == NULL)
		return nc_selector_no_memory(error);
	struct drafts drafts = { 0 };
	int answer = pattern_read(&parse, &drafts);
	if (answer >= 0)
		answer = pattern_make(&parse, &drafts, pattern_out);
	if (answer < 0)
		nc_pool_free(parse.pool);
	return answer < 0 ? answer : NACRE_FILTER_OK;
}

void nc_pattern_free(struct nc_pattern *pattern)
{
	if (pattern != NULL)
		nc_pool_free(pattern->pool); /* the pattern itself lies there */
}
