/* SPDX-License-Identifier: GPL-3.0-or-later */
/* pattern_private.h -- a pattern being compiled. */
#ifndef NC_PLUGINS_PATTERN_PATTERN_PRIVATE_H
#define NC_PLUGINS_PATTERN_PATTERN_PRIVATE_H

#include "core/base/json.h"
#include "plugins/pattern/pattern.h"
#include "plugins/pattern/pool.h"

struct pattern_parse {
	struct nc_json json;
	struct nc_pool *pool;
	nc_pattern_field_fn *field_fn;
	nacre_filter_error *error;
};

/* The matchers of one field, as they are read. */
struct matcher_list {
	struct nc_matcher *items;
	size_t count;
	bool may_lack;
};

/* All of these give 0, or a negative answer with *error filled. */

/* The next token. */
int nc_parse_next(struct pattern_parse *parse, struct nc_json_token *token);

/* Refuse what stands at `offset`: "expected ...". */
int nc_parse_refuse(struct pattern_parse *parse, size_t offset, const char *expected);

/* A token's characters, in the pool; folded if asked. */
int nc_parse_text(struct pattern_parse *parse, const struct nc_json_token *token, bool fold,
                  struct nc_slice *text_out);

/* Whether a key is the name of an operator. */
bool nc_parse_is_operator(const struct nc_json_token *key);

/* The rest of an operator's object, its '{' read. */
int nc_parse_operator(struct pattern_parse *parse, struct matcher_list *list);

/* A literal, its token read. */
int nc_parse_literal(struct pattern_parse *parse, const struct nc_json_token *token,
                     struct matcher_list *list);

#endif
