/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Reading members of a JSON body: each error says which and why. */
#include "core/base/shown.h"
#include "core/delivery/definition_private.h"

int nc_parse_refuse(struct nc_parse *parse, const char *why)
{
	nc_buf_put_str(parse->why, why);
	return NC_INVALID;
}

int nc_parse_next(struct nc_parse *parse, struct nc_json_token *token_out)
{
	int err = nc_json_next(&parse->json, token_out);
	if (err != NC_OK) {
		nc_buf_printf(parse->why, "not JSON: %s expected at byte %zu", parse->json.expected,
		              parse->json.offset);
	}
	return err;
}

int nc_parse_text(struct nc_parse *parse, const struct nc_json_token *token, const char *name,
                  struct nc_parse_text *text_out)
{
	if (token->type != NC_JSON_STRING) {
		nc_buf_printf(parse->why, "%s: a string is expected", name);
		return NC_INVALID;
	}
	text_out->at = parse->texts.size;
	nc_json_unescape(token, &parse->texts);
	text_out->size = parse->texts.size - text_out->at;
	return nc_buf_status(&parse->texts);
}

struct nc_slice nc_parse_text_of(const struct nc_parse *parse, struct nc_parse_text text)
{
	return text.size == 0 ? nc_slice(NULL, 0)
	                      : nc_slice(parse->texts.data + text.at, text.size);
}

int nc_parse_number(struct nc_parse *parse, const struct nc_json_token *token, const char *name,
                    uint64_t least, uint64_t most, uint64_t *value_out)
{
	uint64_t value;
	if (nc_json_u64(token, &value) != NC_OK || value < least || value > most) {
		nc_buf_printf(parse->why, "%s: a whole number from %llu to %llu is expected", name,
		              (unsigned long long)least, (unsigned long long)most);
		return NC_INVALID;
	}
	*value_out = value;
	return NC_OK;
}

int nc_parse_bool(struct nc_parse *parse, const struct nc_json_token *token, const char *name,
                  bool *value_out)
{
	if (token->type != NC_JSON_TRUE && token->type != NC_JSON_FALSE) {
		nc_buf_printf(parse->why, "%s: true or false is expected", name);
		return NC_INVALID;
	}
	*value_out = token->type == NC_JSON_TRUE;
	return NC_OK;
}

int nc_parse_word(struct nc_parse *parse, const struct nc_json_token *token, const char *name,
                  const char *const *words, unsigned *word_out)
{
	for (unsigned i = 0; token->type == NC_JSON_STRING && words[i] != NULL; i++) {
		if (nc_json_is(token, words[i])) {
			*word_out = i;
			return NC_OK;
		}
	}
	nc_buf_printf(parse->why, "%s: expected is ", name);
	for (unsigned i = 0; words[i] != NULL; i++)
		nc_buf_printf(parse->why, "%s\"%s\"", i == 0 ? "" : " or ", words[i]);
	return NC_INVALID;
}

/* The member whose key is `key`. `*seen` has one bit for each member. `name` is the object's name,
 * NULL for the body. NULL: there is no such member, or it is given twice, and `why` says so. */
static const struct nc_parse_member *member_find(struct nc_parse *parse,
                                                 const struct nc_json_token *key, const char *name,
                                                 const struct nc_parse_member *members,
                                                 size_t member_count, uint32_t *seen)
{
	char shown[NC_SHOWN_SIZE];
	const char *in = name == NULL ? "" : " in ";
	const char *where = name == NULL ? "" : name;
	size_t i = 0;
	while (i < member_count && !nc_json_is(key, members[i].name))
		i++;
	if (i == member_count) {
		nc_buf_printf(parse->why, "unknown member \"%s\"%s%s", nc_shown(key->raw, shown),
		              in, where);
		return NULL;
	}
	if (*seen & UINT32_C(1) << i) {
		nc_buf_printf(parse->why, "member \"%s\" twice%s%s", members[i].name, in, where);
		return NULL;
	}
	*seen |= UINT32_C(1) << i;
	return &members[i];
}

int nc_parse_object(struct nc_parse *parse, const struct nc_json_token *token, const char *name,
                    const struct nc_parse_member *members, size_t member_count)
{
	uint32_t seen = 0;
	if (token->type != NC_JSON_OBJECT) {
		nc_buf_printf(parse->why, "%s: an object is expected",
		              name == NULL ? "body" : name);
		return NC_INVALID;
	}
	for (;;) {
		struct nc_json_token key, value;
		int err = nc_parse_next(parse, &key);
		if (err != NC_OK || key.type == NC_JSON_OBJECT_END)
			return err;
		const struct nc_parse_member *member =
		        member_find(parse, &key, name, members, member_count, &seen);
		if (member == NULL)
			return NC_INVALID;
		err = nc_parse_next(parse, &value);
		if (err == NC_OK)
			err = member->read(parse, &value);
		if (err != NC_OK)
			return err;
	}
}
