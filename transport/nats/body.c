/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Bodies of nothing, of one name, or of one yes or no. */
#include "transport/nats/body.h"

#include <string.h>

#include "transport/nats/fields.h"

/* The only member there may be is a text. */
static bool text_take(void *ctx, struct nc_fields *fields, size_t index,
                      const struct nc_wire_token *value)
{
	return nc_fields_text(fields, index, value, ctx);
}

bool nc_body_is_bare(struct nc_slice body, struct nc_refusal *refusal)
{
	struct nc_slice none;
	struct nc_wire wire;
	struct nc_buf text = { 0 };
	struct nc_fields fields = { .wire = &wire, .refusal = refusal };
	bool fine = nc_fields_body(&fields, body, &text, text_take, &none);
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
	bool fine = nc_fields_body(&fields, body, &text, text_take, &name) &&
	            name_take(&fields, name, name_out, size);
	nc_buf_release(&text);
	return fine;
}

static bool flag_take(void *ctx, struct nc_fields *fields, size_t index,
                      const struct nc_wire_token *value)
{
	bool other = value->type == NC_WIRE_OTHER;
	bool yes = other && nc_slice_is(value->bytes, "true");
	if (!yes && !(other && nc_slice_is(value->bytes, "false")))
		return nc_fields_refuse(fields, index, NC_FAULT_REQUEST,
		                        "is neither true nor false");
	*(bool *)ctx = yes;
	return true;
}

bool nc_body_flag(struct nc_slice body, const char *member, bool *flag_out,
                  struct nc_refusal *refusal)
{
	bool flag = false;
	struct nc_wire wire;
	struct nc_buf text = { 0 };
	struct nc_fields fields = {
		.wire = &wire, .refusal = refusal, .names = &member, .name_count = 1
	};
	bool fine = nc_fields_body(&fields, body, &text, flag_take, &flag);
	nc_buf_release(&text);
	if (fine)
		*flag_out = flag;
	return fine;
}
