/* SPDX-License-Identifier: GPL-3.0-or-later */
/* pattern_private.h -- a pattern being compiled. */
#ifndef NC_PLUGINS_PATTERN_PATTERN_PRIVATE_H
#define NC_PLUGINS_PATTERN_PATTERN_PRIVATE_H

#include "core/base/json.h"
#include "plugins/pattern/pattern.h"
#include "plugins/pattern/pool.h"

struct nc_pattern_parse {
	struct nc_json json;
	struct nc_pool *pool;
	nc_pattern_field_fn *field_fn;
	nacre_filter_error *error;
};

/* The matchers of one field, as they are read. */
struct nc_matcher_list {
	struct nc_matcher *items;
	size_t count;
	bool may_lack;
};

/* All of these return 0, or a negative answer with *error filled. */

/* Read the next token. */
int nc_pattern_parse_next(struct nc_pattern_parse *parse, struct nc_json_token *token);

/* Refuse what stands at `offset`: "expected ...". */
int nc_pattern_parse_refuse(struct nc_pattern_parse *parse, size_t offset, const char *expected);

/* Copy a token's characters into the pool, unescaped; or unescaped and folded. */
int nc_pattern_parse_text(struct nc_pattern_parse *parse, const struct nc_json_token *token,
                          struct nc_slice *text_out);
int nc_pattern_parse_folded(struct nc_pattern_parse *parse, const struct nc_json_token *token,
                            struct nc_slice *text_out);

/* Whether a key is the name of an operator. */
bool nc_pattern_parse_is_operator(const struct nc_json_token *key);

/* Read the rest of an operator's object, whose '{' has been read. */
int nc_pattern_parse_operator(struct nc_pattern_parse *parse, struct nc_matcher_list *list);

/* Make a matcher of a literal, whose token has been read. */
int nc_pattern_parse_literal(struct nc_pattern_parse *parse, const struct nc_json_token *token,
                             struct nc_matcher_list *list);

#endif
