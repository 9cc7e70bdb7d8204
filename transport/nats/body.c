/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Bodies of nothing, or of one name. */
#include "transport/nats/body.h"

#include <string.h>

#include "transport/nats/fields.h"

/* The one object of the body, whose only member, if `fields` has a name, is a text. */
static bool object_read(struct nc_fields *fields, struct nc_slice *text_out)
{
	struct nc_wire_token token;
	size_t index;
	if (nc_wire_next(fields->wire, &token) != NC_OK)
		return nc_wire_refuse(fields->wire, fields->refusal);
	if (!nc_fields_begin(fields, &token))
		return false;
	for (int more; (more = nc_fields_next(fields, &index, &token)) != 0;) {
		if (more < 0 || !nc_fields_text(fields, index, &token, text_out))
			return false;
	}
	return nc_wire_next(fields->wire, &token) == NC_OK ||
	       nc_wire_refuse(fields->wire, fields->refusal);
}

bool nc_body_is_bare(struct nc_slice body, struct nc_refusal *refusal)
{
	struct nc_slice none;
	struct nc_wire wire;
	struct nc_buf text = { 0 };
	struct nc_fields fields = { .wire = &wire, .refusal = refusal };
	if (body.size == 0)
		return true;
	bool fine = nc_wire_init(&wire, body, false, &text) == NC_OK
	                    ? object_read(&fields, &none)
	                    : nc_refuse(refusal, NC_FAULT_BUSY, "out of memory; try again");
	nc_buf_release(&text);
	return fine;
}

static bool name_take(struct nc_fields *fields, struct nc_slice name, char *name_out, size_t size)
{
	const char *why = (fields->seen & 1) == 0                      ? "is required"
	                  : name.size == 0                             ? "is empty"
	                  : name.size >= size                          ? "is too long"
	                  : memchr(name.data, '\0', name.size) != NULL ? "holds a NUL"
	                                                               : NULL;
	if (why != NULL)
		return nc_fields_refuse(fields, 0, NC_FAULT_REQUEST, "%s", why);
	memcpy(name_out, name.data, name.size);
	name_out[name.size] = '\0';
	return true;
}

bool nc_body_name(struct nc_slice body, const char *member, char *name_out, size_t size,
                  struct nc_refusal *refusal)
{
	struct nc_slice name = nc_slice(NULL, 0);
	struct nc_wire wire;
	struct nc_buf text = { 0 };
	struct nc_fields fields = {
		.wire = &wire, .refusal = refusal, .names = &member, .name_count = 1
	};
	bool fine = nc_wire_init(&wire, body, false, &text) == NC_OK
	                    ? (body.size == 0 || object_read(&fields, &name)) &&
	                              name_take(&fields, name, name_out, size)
	                    : nc_refuse(refusal, NC_FAULT_BUSY, "out of memory; try again");
	nc_buf_release(&text);
	return fine;
}
