/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Members of maps, understood or refused. */
#include "transport/nats/fields.h"

#include <stdarg.h>
#include <stdio.h>

bool nc_wire_refuse(const struct nc_wire *wire, struct nc_refusal *refusal)
{
	return nc_refuse(refusal, NC_FAULT_REQUEST, "body: expected %s at byte %zu",
	                 wire->expected == NULL ? "one object" : wire->expected, wire->offset);
}

const char *nc_fields_where(const struct nc_fields *fields, char room[NC_WHERE_SIZE])
{
	const struct nc_where *where = &fields->where;
	if (where->after == NULL) {
		(void)snprintf(room, NC_WHERE_SIZE, "%s",
		               where->before == NULL ? "" : where->before);
	} else {
		(void)snprintf(room, NC_WHERE_SIZE, "%s%zu%s", where->before, where->number,
		               where->after);
	}
	return room;
}

bool nc_fields_begin(struct nc_fields *fields, const struct nc_wire_token *token)
{
	char where[NC_WHERE_SIZE];
	if (token->type == NC_WIRE_MAP)
		return true;
	return nc_refuse(fields->refusal, NC_FAULT_REQUEST, "%s is not an object",
	                 fields->where.before == NULL ? "body" : nc_fields_where(fields, where));
}

/* What comes before a member's name: "filter.". */
static const char *before_name(const struct nc_fields *fields)
{
	return fields->within == NULL ? "" : fields->within;
}

/* What comes before the name of the map, if it has one: " of events[3]". */
static const char *before_where(const struct nc_fields *fields)
{
	return fields->where.before == NULL ? "" : " of ";
}

int nc_fields_next(struct nc_fields *fields, size_t *index_out, struct nc_wire_token *value_out)
{
	char shown[NC_SHOWN_SIZE], where[NC_WHERE_SIZE];
	struct nc_wire_token key;
	if (nc_wire_next(fields->wire, &key) != NC_OK) {
		(void)nc_wire_refuse(fields->wire, fields->refusal);
		return -1;
	}
	if (key.type == NC_WIRE_MAP_END)
		return 0;
	size_t index = 0;
	while (index < fields->name_count && !nc_slice_is(key.bytes, fields->names[index]))
		index++;
	if (index == fields->name_count) {
		(void)nc_refuse(fields->refusal, NC_FAULT_REQUEST, "member '%s%s'%s%s is not known",
		                before_name(fields), nc_shown(key.bytes, shown),
		                before_where(fields), nc_fields_where(fields, where));
		return -1;
	}
	if (fields->seen >> index & 1) {
		(void)nc_fields_refuse(fields, index, NC_FAULT_REQUEST, "is given twice");
		return -1;
	}
	fields->seen |= 1u << index;
	if (nc_wire_next(fields->wire, value_out) != NC_OK) {
		(void)nc_wire_refuse(fields->wire, fields->refusal);
		return -1;
	}
	*index_out = index;
	return 1;
}

bool nc_fields_refuse(struct nc_fields *fields, size_t index, struct nc_fault fault,
                      const char *format, ...)
{
	char why[240], where[NC_WHERE_SIZE];
	va_list args;
	va_start(args, format);
	(void)vsnprintf(why, sizeof why, format, args);
	va_end(args);
	return nc_refuse(fields->refusal, fault, "member '%s%s'%s%s %s", before_name(fields),
	                 fields->names[index], before_where(fields), nc_fields_where(fields, where),
	                 why);
}

bool nc_fields_text(struct nc_fields *fields, size_t index, const struct nc_wire_token *value,
                    struct nc_slice *text_out)
{
	if (value->type != NC_WIRE_TEXT)
		return nc_fields_refuse(fields, index, NC_FAULT_REQUEST, "is not a string");
	*text_out = value->bytes;
	return true;
}

bool nc_fields_number(struct nc_fields *fields, size_t index, const struct nc_wire_token *value,
                      uint64_t *number_out)
{
	if (value->type != NC_WIRE_NUMBER) {
		return nc_fields_refuse(fields, index, NC_FAULT_REQUEST,
		                        "is not a whole number from 0 on, of 64 bits");
	}
	*number_out = value->number;
	return true;
}

bool nc_fields_name(struct nc_fields *fields, size_t index, const struct nc_wire_token *value,
                    struct nc_slice *name_out)
{
	if (!nc_fields_text(fields, index, value, name_out))
		return false;
	return name_out->size <= NC_NAME_SIZE_MAX ||
	       nc_fields_refuse(fields, index, NC_FAULT_REQUEST, "is longer than %d bytes",
	                        NC_NAME_SIZE_MAX);
}

/* Whether the number has digits only. */
static bool is_whole(struct nc_slice number)
{
	for (size_t i = 0; i < number.size; i++) {
		if (number.data[i] < '0' || number.data[i] > '9')
			return false;
	}
	return number.size > 0;
}

bool nc_fields_after(struct nc_fields *fields, size_t index, const struct nc_wire_token *value,
                     uint64_t *number_out)
{
	if (value->type != NC_WIRE_OTHER || !is_whole(value->bytes))
		return nc_fields_number(fields, index, value, number_out);
	*number_out = UINT64_MAX;
	return true;
}

bool nc_fields_limit(struct nc_fields *fields, size_t index, const struct nc_wire_token *value,
                     uint64_t most, uint64_t *limit_out)
{
	char shown[NC_SHOWN_SIZE];
	const char *why = NULL;
	uint8_t first = value->bytes.size == 0 ? 0 : value->bytes.data[0];
	bool number = value->type == NC_WIRE_NUMBER || value->type == NC_WIRE_OTHER;
	if (!number || (first != '-' && (first < '0' || first > '9'))) {
		why = "is not a number";
	} else if (first == '-' || (value->type == NC_WIRE_NUMBER && value->number == 0)) {
		why = "is below 1";
	} else if (!is_whole(value->bytes)) {
		why = "is not a whole number";
	}
	if (why != NULL) {
		return nc_fields_refuse(fields, index, NC_FAULT_REQUEST, "%s: '%s'", why,
		                        nc_shown(value->bytes, shown));
	}
	/* One that does not fit 64 bits is more than the most, too. */
	bool less = value->type == NC_WIRE_NUMBER && value->number < most;
	*limit_out = less ? value->number : most;
	return true;
}

bool nc_fields_ordinal(struct nc_fields *fields, size_t index, const struct nc_wire_token *value,
                       uint64_t *number_out)
{
	return nc_fields_limit(fields, index, value, UINT64_MAX, number_out);
}

bool nc_fields_array(struct nc_fields *fields, size_t index, const struct nc_wire_token *value)
{
	return value->type == NC_WIRE_ARRAY ||
	       nc_fields_refuse(fields, index, NC_FAULT_REQUEST, "is not a list");
}

int nc_fields_element(struct nc_fields *fields, struct nc_wire_token *element_out)
{
	if (nc_wire_next(fields->wire, element_out) != NC_OK) {
		(void)nc_wire_refuse(fields->wire, fields->refusal);
		return -1;
	}
	return element_out->type == NC_WIRE_ARRAY_END ? 0 : 1;
}

bool nc_fields_body(struct nc_fields *fields, struct nc_slice body, struct nc_buf *text,
                    nc_fields_take_fn *take, void *ctx)
{
	struct nc_wire_token token;
	size_t index;
	if (body.size == 0)
		return true;
	if (nc_wire_init_json(fields->wire, body, text) != NC_OK)
		return nc_refuse(fields->refusal, NC_FAULT_BUSY, "out of memory; try again");
	if (nc_wire_next(fields->wire, &token) != NC_OK)
		return nc_wire_refuse(fields->wire, fields->refusal);
	if (!nc_fields_begin(fields, &token))
		return false;
	for (int more; (more = nc_fields_next(fields, &index, &token)) != 0;) {
		if (more < 0 || !take(ctx, fields, index, &token))
			return false;
	}
	return nc_wire_next(fields->wire, &token) == NC_OK ||
	       nc_wire_refuse(fields->wire, fields->refusal);
}
