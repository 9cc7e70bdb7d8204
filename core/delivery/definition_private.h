/* SPDX-License-Identifier: GPL-3.0-or-later */
/* definition_private.h -- what the files share that read and write definitions: the words of each
 * enum, and the reader of JSON objects (definition_read.c) with the members it knows.
 *
 * The bodies of all other requests are read by transport/nats/fields.h. That one also reads
 * MessagePack, and fills a refusal of the wire, of which this folder must not know; it says
 * "member 'typ' of events[3] is not known" where this one says "unknown member \"typ\" in
 * deliver". Both texts are promised to clients, so there are two readers.
 *
 * Errors: NC_INVALID, after `why` got the text for the client; NC_NOMEM. */
#ifndef NC_CORE_DELIVERY_DEFINITION_PRIVATE_H
#define NC_CORE_DELIVERY_DEFINITION_PRIVATE_H

#include "core/base/json.h"
#include "core/delivery/definition.h"

/* The words of JSON, in the order of the enum's numbers; NULL ends each list. */
extern const char *const nc_words_ack[];
extern const char *const nc_words_exhausted[];
extern const char *const nc_words_placement[];
extern const char *const nc_words_form[];

/* ---- definition_read.c ---- */

/* A text in parse->texts, by its offset: the buffer moves while it grows, so slices into it are
 * made at the end. */
struct nc_parse_text {
	size_t at, size;
};

struct nc_parse {
	struct nc_json json;
	struct nc_buf *why;
	struct nc_slice forbidden;
	struct nc_definition *to;
	struct nc_buf texts;
	struct nc_parse_text plugin, selector, subject, queue, order_arg, build, sha256;
	bool has_selector;
	bool backfill; /* of an update */
	bool seeks;    /* the start is the whole body */
};

typedef int nc_parse_member_fn(struct nc_parse *parse, const struct nc_json_token *token);

struct nc_parse_member {
	const char *name;
	nc_parse_member_fn *read;
};

/* NC_INVALID, with this text for the client. */
int nc_parse_refuse(struct nc_parse *parse, const char *why);
/* The next token; what is not JSON is told to the client. */
int nc_parse_next(struct nc_parse *parse, struct nc_json_token *token_out);
/* A string, unescaped into `texts`. */
int nc_parse_text(struct nc_parse *parse, const struct nc_json_token *token, const char *name,
                  struct nc_parse_text *text_out);
struct nc_slice nc_parse_text_of(const struct nc_parse *parse, struct nc_parse_text text);
int nc_parse_number(struct nc_parse *parse, const struct nc_json_token *token, const char *name,
                    uint64_t least, uint64_t most, uint64_t *value_out);
int nc_parse_bool(struct nc_parse *parse, const struct nc_json_token *token, const char *name,
                  bool *value_out);
int nc_parse_word(struct nc_parse *parse, const struct nc_json_token *token, const char *name,
                  const char *const *words, unsigned *word_out);
/* The members of an object, whose `{` is `token`: known, and each once. `name` is NULL for the
 * whole body. */
int nc_parse_object(struct nc_parse *parse, const struct nc_json_token *token, const char *name,
                    const struct nc_parse_member *members, size_t member_count);

/* ---- definition_parse.c ---- */

nc_parse_member_fn nc_parse_start; /* into to->start and its value */

/* ---- definition_deliver.c ---- */

nc_parse_member_fn nc_parse_deliver;

#endif
