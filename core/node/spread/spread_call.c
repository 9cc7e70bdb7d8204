/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What nodes ask each other about shared subscriptions, as bytes. */
#include "core/node/spread/spread_call.h"

#include <string.h>

#include "core/base/pack.h"
#include "core/engine/names.h"

static size_t fields_of(uint64_t verb)
{
	static const size_t fields[] = {
		[NC_SPREAD_RENEW] = 4,    [NC_SPREAD_COMMAND] = 5, [NC_SPREAD_REQUEST] = 6,
		[NC_SPREAD_YIELD] = 3,    [NC_SPREAD_SURVEY] = 5,  [NC_SPREAD_TRANSIENT] = 3,
		[NC_SPREAD_ANSWERED] = 3, [NC_SPREAD_FLIGHT] = 4
	};
	return fields[verb];
}

void nc_spread_call_put(struct nc_buf *buf, const struct nc_spread_call *call)
{
	nc_pack_array(buf, (uint32_t)fields_of(call->verb));
	nc_pack_uint(buf, call->verb);
	switch (call->verb) {
	case NC_SPREAD_RENEW:
		nc_pack_uint(buf, call->renewal.boot);
		nc_pack_uint(buf, call->renewal.released);
		nc_pack_uint(buf, call->renewal.leaving);
		break;
	case NC_SPREAD_COMMAND:
		nc_pack_uint(buf, call->term);
		nc_pack_uint(buf, call->boot);
		nc_pack_uint(buf, call->number);
		nc_pack_bin(buf, call->command);
		break;
	case NC_SPREAD_REQUEST:
		nc_pack_uint(buf, call->applied);
		nc_pack_str(buf, call->endpoint);
		nc_pack_str(buf, call->name);
		nc_pack_str(buf, call->reply);
		nc_pack_bin(buf, call->body);
		break;
	case NC_SPREAD_YIELD:
		nc_pack_str(buf, call->name);
		nc_pack_uint(buf, call->epoch);
		break;
	case NC_SPREAD_SURVEY:
		nc_pack_uint(buf, call->applied);
		nc_pack_uint(buf, call->form);
		nc_pack_str(buf, call->after);
		nc_pack_str(buf, call->through);
		break;
	case NC_SPREAD_TRANSIENT:
		nc_pack_uint(buf, call->anew);
		nc_pack_bin(buf, call->body);
		break;
	case NC_SPREAD_ANSWERED:
		nc_pack_uint(buf, call->applied);
		nc_pack_bin(buf, call->body);
		break;
	case NC_SPREAD_FLIGHT:
		nc_pack_str(buf, call->name);
		nc_pack_uint(buf, call->epoch);
		nc_pack_uint(buf, call->position);
		break;
	}
}

/* Whether it can be a place in the order of names: short, and without a NUL. */
static bool is_place(struct nc_slice text)
{
	return text.size <= NC_WORD_SIZE_MAX &&
	       (text.size == 0 || memchr(text.data, 0, text.size) == NULL);
}

static bool survey_get(struct nc_reader *reader, struct nc_spread_call *call)
{
	call->applied = nc_unpack_uint(reader);
	uint64_t form = nc_unpack_uint(reader);
	call->form = form == NC_STANDING_WIDE ? NC_STANDING_WIDE : NC_STANDING_SHORT;
	call->after = nc_unpack_str(reader);
	call->through = nc_unpack_str(reader);
	return form <= NC_STANDING_WIDE && is_place(call->after) && is_place(call->through);
}

void nc_spread_transient_put(struct nc_buf *names, struct nc_slice name, enum nc_transient is)
{
	nc_pack_uint(names, is);
	nc_pack_str(names, name);
}

bool nc_spread_transient_next(struct nc_slice *names, struct nc_slice *name_out,
                              enum nc_transient *is_out)
{
	struct nc_reader reader = nc_reader(*names);
	uint64_t is = nc_unpack_uint(&reader);
	struct nc_slice name = nc_unpack_str(&reader);
	if (reader.failed || is > NC_TRANSIENT_HELD || nc_name_word_fault(name) != NULL)
		return false;
	*names = nc_slice_from(*names, names->size - nc_reader_left(&reader));
	*name_out = name;
	*is_out = (enum nc_transient)is;
	return true;
}

static bool renewal_get(struct nc_reader *reader, struct nc_spread_call *call)
{
	call->renewal.boot = nc_unpack_uint(reader);
	call->renewal.released = nc_unpack_uint(reader);
	uint64_t leaving = nc_unpack_uint(reader);
	call->renewal.leaving = leaving == 1;
	return leaving <= 1;
}

static bool transient_get(struct nc_reader *reader, struct nc_spread_call *call)
{
	struct nc_slice names, name;
	uint64_t anew = nc_unpack_uint(reader);
	enum nc_transient is;
	call->anew = anew == 1;
	call->body = nc_unpack_bin(reader);
	names = call->body;
	while (nc_spread_transient_next(&names, &name, &is))
		;
	return anew <= 1 && names.size == 0;
}

/* The fields behind the verb. False: one of them cannot be what it says. */
static bool fields_get(struct nc_reader *reader, struct nc_spread_call *call)
{
	switch (call->verb) {
	case NC_SPREAD_RENEW:
		return renewal_get(reader, call);
	case NC_SPREAD_COMMAND:
		call->term = nc_unpack_uint(reader);
		call->boot = nc_unpack_uint(reader);
		call->number = nc_unpack_uint(reader);
		call->command = nc_unpack_bin(reader);
		return true;
	case NC_SPREAD_REQUEST:
		call->applied = nc_unpack_uint(reader);
		call->endpoint = nc_unpack_str(reader);
		call->name = nc_unpack_str(reader);
		call->reply = nc_unpack_str(reader);
		call->body = nc_unpack_bin(reader);
		return true;
	case NC_SPREAD_YIELD:
		call->name = nc_unpack_str(reader);
		call->epoch = nc_unpack_uint(reader);
		return true;
	case NC_SPREAD_SURVEY:
		return survey_get(reader, call);
	case NC_SPREAD_TRANSIENT:
		return transient_get(reader, call);
	case NC_SPREAD_ANSWERED:
		call->applied = nc_unpack_uint(reader);
		call->body = nc_unpack_bin(reader);
		return call->body.size % 8 == 0;
	case NC_SPREAD_FLIGHT:
		call->name = nc_unpack_str(reader);
		call->epoch = nc_unpack_uint(reader);
		call->position = nc_unpack_uint(reader);
		return true;
	}
	return false;
}

int nc_spread_call_get(struct nc_slice body, struct nc_spread_call *call_out)
{
	struct nc_reader reader = nc_reader(body);
	struct nc_spread_call call = { 0 };
	size_t fields = nc_unpack_array(&reader);
	uint64_t verb = nc_unpack_uint(&reader);
	if (reader.failed || verb < NC_SPREAD_RENEW || verb > NC_SPREAD_FLIGHT ||
	    fields != fields_of(verb))
		return NC_INVALID;
	call.verb = (enum nc_spread_verb)verb;
	if (!fields_get(&reader, &call) || reader.failed || nc_reader_left(&reader) > 0)
		return NC_INVALID;
	*call_out = call;
	return NC_OK;
}

/* ---- Answers -------------------------------------------------------------------------------- */

void nc_spread_grant_put(struct nc_buf *buf, const struct nc_spread_grant *grant)
{
	nc_pack_array(buf, 2);
	nc_pack_uint(buf, grant->applied);
	nc_pack_uint(buf, grant->clear);
}

int nc_spread_grant_get(struct nc_slice body, struct nc_spread_grant *grant_out)
{
	struct nc_reader reader = nc_reader(body);
	struct nc_spread_grant grant;
	size_t fields = nc_unpack_array(&reader);
	grant.applied = nc_unpack_uint(&reader);
	grant.clear = nc_unpack_uint(&reader);
	if (reader.failed || fields != 2 || nc_reader_left(&reader) > 0)
		return NC_INVALID;
	*grant_out = grant;
	return NC_OK;
}

void nc_spread_result_put(struct nc_buf *buf, const struct nc_spread_result *result)
{
	nc_pack_array(buf, 3);
	nc_pack_uint(buf, result->index);
	nc_pack_uint(buf, result->code);
	nc_pack_uint(buf, result->err_code);
}

int nc_spread_result_get(struct nc_slice body, struct nc_spread_result *result_out)
{
	struct nc_reader reader = nc_reader(body);
	size_t fields = nc_unpack_array(&reader);
	uint64_t index = nc_unpack_uint(&reader);
	uint64_t code = nc_unpack_uint(&reader), err_code = nc_unpack_uint(&reader);
	if (reader.failed || fields != 3 || nc_reader_left(&reader) > 0 || code > UINT16_MAX ||
	    err_code > UINT16_MAX)
		return NC_INVALID;
	*result_out = (struct nc_spread_result){ index, (uint16_t)code, (uint16_t)err_code };
	return NC_OK;
}

void nc_spread_word_put(struct nc_buf *buf, enum nc_sub_word word)
{
	nc_pack_array(buf, 1);
	nc_pack_uint(buf, word);
}

int nc_spread_word_get(struct nc_slice body, enum nc_sub_word *word_out)
{
	struct nc_reader reader = nc_reader(body);
	size_t fields = nc_unpack_array(&reader);
	uint64_t word = nc_unpack_uint(&reader);
	if (reader.failed || fields != 1 || nc_reader_left(&reader) > 0 ||
	    word >= NC_SUB_WORD_LATER)
		return NC_INVALID;
	*word_out = (enum nc_sub_word)word;
	return NC_OK;
}
