/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Where subscriptions stand: for people as JSON, for nodes as MessagePack. */
#include "core/node/spread/standings.h"

#include "core/base/json.h"
#include "core/engine/names.h"

#define FIELDS      3u
#define WIDE_FIELDS 12u

const char *nc_standing_state_name(enum nc_standing_state state)
{
	static const char *const names[] = {
		[NC_STANDING_LIVE] = "live",       [NC_STANDING_CATCHING_UP] = "catching_up",
		[NC_STANDING_WAITING] = "waiting", [NC_STANDING_PAUSED] = "paused",
		[NC_STANDING_HALTED] = "halted",   [NC_STANDING_MOVING] = "moving",
		[NC_STANDING_UNKNOWN] = "unknown",
	};
	return names[state];
}

/* ---- For people ----------------------------------------------------------------------------- */

static void put_number(struct nc_buf *out, const char *member, uint64_t value)
{
	nc_buf_printf(out, ",\"%s\":", member);
	nc_buf_put_decimal(out, value);
}

static void put_text(struct nc_buf *out, const char *member, struct nc_slice text)
{
	nc_buf_printf(out, ",\"%s\":", member);
	nc_json_put_string(out, text);
}

void nc_standing_put_numbers(struct nc_buf *out, const struct nc_standing *standing)
{
	if (!standing->logged)
		put_number(out, "pending", standing->pending);
	put_number(out, "in_flight", standing->in_flight);
	put_number(out, "redelivered", standing->redelivered);
	if (!standing->logged)
		put_number(out, "parked", standing->parked);
	put_number(out, "ack_floor", standing->ack_floor);
	put_number(out, "last_delivered", standing->last_delivered);
	if (!standing->logged)
		put_number(out, "lag_ms", standing->lag_ms);
	put_text(out, "node", standing->node);
	put_number(out, "epoch", standing->epoch);
	nc_buf_printf(out, ",\"state\":\"%s\"", nc_standing_state_name(standing->state));
}

void nc_standing_put_json(struct nc_buf *out, const struct nc_standing *standing,
                          enum nc_standing_form form)
{
	nc_buf_put_str(out, "\"name\":");
	nc_json_put_string(out, standing->name);
	if (form == NC_STANDING_SHORT) {
		nc_buf_printf(out, ",\"state\":\"%s\"", nc_standing_state_name(standing->state));
		return;
	}
	nc_buf_printf(out, ",\"durable\":%s,\"push\":%s", standing->durable ? "true" : "false",
	              standing->push ? "true" : "false");
	put_text(out, "plugin", standing->plugin);
	nc_standing_put_numbers(out, standing);
	if (standing->logged)
		nc_buf_put_str(out, ",\"as_of\":\"log\"");
}

/* ---- For nodes ------------------------------------------------------------------------------ */

void nc_standings_put_count(struct nc_buf *buf, size_t count)
{
	nc_pack_array(buf, (uint32_t)count);
}

static uint32_t fields_of(enum nc_standing_form form)
{
	return form == NC_STANDING_WIDE ? WIDE_FIELDS : FIELDS;
}

void nc_standing_put(struct nc_buf *buf, const struct nc_standing *standing,
                     enum nc_standing_form form)
{
	nc_pack_array(buf, fields_of(form));
	nc_pack_str(buf, standing->name);
	nc_pack_uint(buf, standing->epoch);
	nc_pack_uint(buf, standing->state);
	if (form == NC_STANDING_SHORT)
		return;
	nc_pack_uint(buf, standing->push);
	nc_pack_str(buf, standing->plugin);
	nc_pack_uint(buf, standing->pending);
	nc_pack_uint(buf, standing->in_flight);
	nc_pack_uint(buf, standing->redelivered);
	nc_pack_uint(buf, standing->parked);
	nc_pack_uint(buf, standing->ack_floor);
	nc_pack_uint(buf, standing->last_delivered);
	nc_pack_uint(buf, standing->lag_ms);
}

/* False: the bytes are not a standing. */
static bool standing_read(struct nc_reader *reader, enum nc_standing_form form,
                          struct nc_standing *standing_out)
{
	struct nc_standing standing = { .durable = true };
	size_t fields = nc_unpack_array(reader);
	standing.name = nc_unpack_str(reader);
	standing.epoch = nc_unpack_uint(reader);
	uint64_t state = nc_unpack_uint(reader), push = 0;
	if (reader->failed || fields != fields_of(form) || state > NC_STANDING_HALTED ||
	    nc_name_word_fault(standing.name) != NULL)
		return false;
	standing.state = (enum nc_standing_state)state;
	if (form == NC_STANDING_WIDE) {
		push = nc_unpack_uint(reader);
		standing.push = push == 1;
		standing.plugin = nc_unpack_str(reader);
		standing.pending = nc_unpack_uint(reader);
		standing.in_flight = nc_unpack_uint(reader);
		standing.redelivered = nc_unpack_uint(reader);
		standing.parked = nc_unpack_uint(reader);
		standing.ack_floor = nc_unpack_uint(reader);
		standing.last_delivered = nc_unpack_uint(reader);
		standing.lag_ms = nc_unpack_uint(reader);
		if (reader->failed || push > 1 || nc_name_word_fault(standing.plugin) != NULL)
			return false;
	}
	*standing_out = standing;
	return true;
}

int nc_standings_open(struct nc_slice bytes, enum nc_standing_form form,
                      struct nc_standings *standings_out)
{
	struct nc_reader reader = nc_reader(bytes);
	struct nc_standing standing, before = { .name = { NULL, 0 } };
	size_t count = nc_unpack_array(&reader);
	struct nc_standings standings = { .rest = reader, .left = count, .form = form };
	if (reader.failed)
		return NC_INVALID;
	for (size_t i = 0; i < count; i++) {
		if (!standing_read(&reader, form, &standing) ||
		    nc_slice_cmp(before.name, standing.name) >= 0)
			return NC_INVALID;
		before = standing;
	}
	if (nc_reader_left(&reader) > 0)
		return NC_INVALID;
	*standings_out = standings;
	return NC_OK;
}

bool nc_standings_find(struct nc_standings *standings, struct nc_slice name,
                       struct nc_standing *standing_out)
{
	for (;;) {
		if (!standings->has) {
			if (standings->left == 0 ||
			    !standing_read(&standings->rest, standings->form, &standings->next))
				return false;
			standings->left--;
			standings->has = true;
		}
		int order = nc_slice_cmp(standings->next.name, name);
		if (order > 0)
			return false;
		standings->has = false;
		if (order == 0) {
			*standing_out = standings->next;
			return true;
		}
	}
}
