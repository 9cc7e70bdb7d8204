/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What people ask of a subscription, from JSON. */
#include "core/delivery/ask.h"

#include <stdlib.h>

#include "core/base/ascending.h"
#include "core/base/grow.h"
#include "core/delivery/definition_private.h"

/* `parse` is first, so that the functions that read members find the rest behind it. */
struct asking {
	struct nc_parse parse;
	struct nc_replay_ask replay;
	struct nc_parse_text key, after;
	uint64_t position, after_position, limit;
	size_t positions_room;
	bool has_key, has_positions, has_position;
};

static struct asking *asking_of(struct nc_parse *parse)
{
	return (struct asking *)parse;
}

static int end_read(struct asking *asking)
{
	struct nc_json_token token;
	return nc_parse_next(&asking->parse, &token);
}

/* Read the whole body as an object; an empty body is one without members. */
static int object_read(struct asking *asking, struct nc_slice body,
                       const struct nc_parse_member *members, size_t member_count)
{
	struct nc_json_token token;
	if (body.size == 0)
		return NC_OK;
	if (body.size > NC_DEFINITION_SIZE_MAX) {
		nc_buf_put_str(asking->parse.why, "body: more than 256 KiB");
		return NC_INVALID;
	}
	nc_json_init(&asking->parse.json, body);
	int err = nc_parse_next(&asking->parse, &token);
	if (err == NC_OK)
		err = nc_parse_object(&asking->parse, &token, NULL, members, member_count);
	return err == NC_OK ? end_read(asking) : err;
}

/* ---- Seek ----------------------------------------------------------------------------------- */

int nc_seek_parse(struct nc_slice body, enum nc_start *start_out, uint64_t *value_out,
                  struct nc_buf *why)
{
	struct nc_definition definition;
	struct asking asking = { .parse = { .why = why, .to = &definition, .seeks = true } };
	struct nc_json_token token;
	nc_definition_init(&definition);
	nc_json_init(&asking.parse.json, body);
	int err = nc_parse_next(&asking.parse, &token);
	if (err == NC_OK && token.type != NC_JSON_OBJECT && token.type != NC_JSON_STRING) {
		err = nc_parse_refuse(&asking.parse, "body: expected is \"first\" or \"new\" or "
		                                     "{\"pos\":N} or {\"time\":\"RFC 3339\"}");
	}
	if (err == NC_OK)
		err = nc_parse_start(&asking.parse, &token);
	if (err == NC_OK)
		err = end_read(&asking);
	if (err == NC_OK && definition.start == NC_START_SEQ)
		err = nc_parse_refuse(&asking.parse, "seq: a seek goes by pos or time");
	nc_buf_release(&asking.parse.texts);
	if (err != NC_OK)
		return err;
	*start_out = definition.start;
	*value_out = definition.start_value;
	return NC_OK;
}

/* ---- Replay --------------------------------------------------------------------------------- */

static int position_add(struct asking *asking, const struct nc_json_token *token)
{
	struct nc_replay_ask *replay = &asking->replay;
	if (replay->count == NC_ASK_POSITIONS_MAX)
		return nc_parse_refuse(&asking->parse, "pos: more than 10000 positions");
	if (!nc_grow(&replay->positions, sizeof *replay->positions, replay->count,
	             &asking->positions_room, 16))
		return NC_NOMEM;
	int err = nc_parse_number(&asking->parse, token, "pos", 1, INT64_MAX,
	                          &replay->positions[replay->count]);
	replay->count += err == NC_OK;
	return err;
}

static int read_positions(struct nc_parse *parse, const struct nc_json_token *token)
{
	struct asking *asking = asking_of(parse);
	struct nc_json_token item;
	int err = NC_OK;
	asking->has_positions = true;
	if (token->type != NC_JSON_ARRAY)
		return nc_parse_refuse(parse, "pos: a list of positions is expected");
	while (err == NC_OK) {
		err = nc_parse_next(parse, &item);
		if (err != NC_OK || item.type == NC_JSON_ARRAY_END)
			break;
		err = position_add(asking, &item);
	}
	if (err == NC_OK && asking->replay.count == 0)
		err = nc_parse_refuse(parse, "pos: a list of positions is expected");
	return err;
}

static int read_key(struct nc_parse *parse, const struct nc_json_token *token)
{
	struct asking *asking = asking_of(parse);
	asking->has_key = true;
	int err = nc_parse_text(parse, token, "key", &asking->key);
	if (err == NC_OK && asking->key.size == 0)
		err = nc_parse_refuse(parse, "key: is empty");
	return err;
}

static void positions_sort(struct nc_replay_ask *replay)
{
	size_t kept = 0;
	if (replay->count > 0) {
		qsort(replay->positions, replay->count, sizeof *replay->positions, nc_ascending);
	}
	for (size_t i = 0; i < replay->count; i++) {
		if (kept == 0 || replay->positions[kept - 1] != replay->positions[i])
			replay->positions[kept++] = replay->positions[i];
	}
	replay->count = kept;
}

int nc_replay_parse(struct nc_slice body, struct nc_replay_ask *ask_out, struct nc_buf *why)
{
	static const struct nc_parse_member members[] = { { "pos", read_positions },
		                                          { "key", read_key } };
	struct asking asking = { .parse = { .why = why } };
	int err = object_read(&asking, body, members, sizeof members / sizeof *members);
	if (err == NC_OK && asking.has_key && asking.has_positions)
		err = nc_parse_refuse(&asking.parse, "one of pos and key is expected");
	if (err == NC_OK)
		err = nc_buf_status(&asking.parse.texts);
	if (err != NC_OK) {
		free(asking.replay.positions);
		nc_buf_release(&asking.parse.texts);
		return err;
	}
	asking.replay.kind = asking.has_key         ? NC_REPLAY_KEY
	                     : asking.has_positions ? NC_REPLAY_POSITIONS
	                                            : NC_REPLAY_ALL;
	asking.replay.key = nc_parse_text_of(&asking.parse, asking.key);
	asking.replay.memory = asking.parse.texts.data;
	positions_sort(&asking.replay);
	*ask_out = asking.replay;
	return NC_OK;
}

void nc_replay_ask_release(struct nc_replay_ask *ask)
{
	free(ask->positions);
	free(ask->memory);
	*ask = (struct nc_replay_ask){ 0 };
}

/* ---- Explain, pages ------------------------------------------------------------------------- */

static int read_position(struct nc_parse *parse, const struct nc_json_token *token)
{
	asking_of(parse)->has_position = true;
	return nc_parse_number(parse, token, "pos", 1, INT64_MAX, &asking_of(parse)->position);
}

int nc_explain_parse(struct nc_slice body, uint64_t *position_out, struct nc_buf *why)
{
	static const struct nc_parse_member members[] = { { "pos", read_position } };
	struct asking asking = { .parse = { .why = why } };
	int err = object_read(&asking, body, members, 1);
	if (err == NC_OK && !asking.has_position)
		err = nc_parse_refuse(&asking.parse, "pos: is required: which event?");
	if (err == NC_OK)
		*position_out = asking.position;
	return err;
}

static int read_after_position(struct nc_parse *parse, const struct nc_json_token *token)
{
	return nc_parse_number(parse, token, "after", 0, INT64_MAX,
	                       &asking_of(parse)->after_position);
}

static int read_after_name(struct nc_parse *parse, const struct nc_json_token *token)
{
	return nc_parse_text(parse, token, "after", &asking_of(parse)->after);
}

static int read_limit(struct nc_parse *parse, const struct nc_json_token *token)
{
	return nc_parse_number(parse, token, "limit", 1, NC_ASK_LIMIT_MAX,
	                       &asking_of(parse)->limit);
}

int nc_page_parse(struct nc_slice body, struct nc_page_ask *ask_out, struct nc_buf *why)
{
	static const struct nc_parse_member members[] = { { "after", read_after_position },
		                                          { "limit", read_limit } };
	struct asking asking = { .parse = { .why = why }, .limit = NC_ASK_LIMIT };
	int err = object_read(&asking, body, members, sizeof members / sizeof *members);
	if (err == NC_OK)
		*ask_out = (struct nc_page_ask){ asking.after_position, (uint32_t)asking.limit };
	return err;
}

int nc_list_parse(struct nc_slice body, struct nc_list_ask *ask_out, struct nc_buf *why)
{
	static const struct nc_parse_member members[] = { { "after", read_after_name },
		                                          { "limit", read_limit } };
	struct asking asking = { .parse = { .why = why } };
	int err = object_read(&asking, body, members, sizeof members / sizeof *members);
	if (err == NC_OK)
		err = nc_buf_status(&asking.parse.texts);
	struct nc_slice after = nc_parse_text_of(&asking.parse, asking.after);
	if (err == NC_OK && after.size >= sizeof ask_out->after)
		err = nc_parse_refuse(&asking.parse, "after: a name is at most 64 bytes");
	if (err == NC_OK) {
		memset(ask_out, 0, sizeof *ask_out);
		if (after.size > 0)
			memcpy(ask_out->after, after.data, after.size);
		ask_out->limit = (uint32_t)asking.limit;
	}
	nc_buf_release(&asking.parse.texts);
	return err;
}
