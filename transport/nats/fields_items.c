/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The items of conditions and queries (PROTOCOL.md section 5). */
#include "core/engine/names.h"
#include "transport/nats/fields.h"

enum { TYPES, TAGS, ITEM_MEMBERS };
static const char *const item_names[] = { "types", "tags" };

static bool name_take(struct nc_fields *fields, size_t index, const struct nc_wire_token *value,
                      struct nc_buf *names)
{
	char shown[NC_SHOWN_SIZE];
	struct nc_slice name;
	if (!nc_fields_text(fields, index, value, &name))
		return false;
	const char *why = index == TYPES ? nc_name_type_fault(name) : nc_name_tag_fault(name);
	if (why != NULL) {
		return nc_fields_refuse(fields, index,
		                        index == TYPES ? NC_FAULT_TYPE_NAME : NC_FAULT_REQUEST,
		                        "names '%s', which %s", nc_shown(name, shown), why);
	}
	nc_item_name_put(names, name);
	return true;
}

static bool names_take(struct nc_fields *fields, size_t index, const struct nc_wire_token *value,
                       struct nc_buf *names, size_t *count_out)
{
	struct nc_wire_token element;
	if (!nc_fields_array(fields, index, value))
		return false;
	size_t count = 0;
	for (int more; (more = nc_fields_element(fields, &element)) != 0; count++) {
		if (more < 0 || !name_take(fields, index, &element, names))
			return false;
		if (count == NC_ITEM_NAMES_MAX) {
			return nc_fields_refuse(fields, index, NC_FAULT_REQUEST,
			                        "names more than %u", NC_ITEM_NAMES_MAX);
		}
	}
	*count_out = count;
	return true;
}

static bool item_take(struct nc_fields *outer, const struct nc_wire_token *token, size_t number,
                      struct nc_buf *items, struct nc_buf room[2])
{
	struct nc_fields fields = { .wire = outer->wire,
		                    .refusal = outer->refusal,
		                    .names = item_names,
		                    .name_count = ITEM_MEMBERS,
		                    .where = { "item ", number, "" } };
	char where[NC_WHERE_SIZE];
	size_t counts[ITEM_MEMBERS] = { 0 }, index;
	nc_buf_clear(&room[TYPES]);
	nc_buf_clear(&room[TAGS]);
	if (!nc_fields_begin(&fields, token))
		return false;
	struct nc_wire_token value;
	for (int more; (more = nc_fields_next(&fields, &index, &value)) != 0;) {
		if (more < 0 || !names_take(&fields, index, &value, &room[index], &counts[index]))
			return false;
	}
	if (counts[TYPES] + counts[TAGS] == 0) {
		return nc_refuse(fields.refusal, NC_FAULT_REQUEST,
		                 "%s names neither types nor tags",
		                 nc_fields_where(&fields, where));
	}
	nc_item_put(items, &(struct nc_item){ .types = nc_buf_slice(&room[TYPES]),
	                                      .tags = nc_buf_slice(&room[TAGS]),
	                                      .type_count = counts[TYPES],
	                                      .tag_count = counts[TAGS] });
	bool whole = nc_buf_status(&room[TYPES]) == NC_OK && nc_buf_status(&room[TAGS]) == NC_OK &&
	             nc_buf_status(items) == NC_OK;
	return whole || nc_refuse(fields.refusal, NC_FAULT_BUSY, "out of memory; try again");
}

bool nc_fields_items(struct nc_fields *fields, size_t index, const struct nc_wire_token *value,
                     struct nc_buf *items, struct nc_buf room[2])
{
	struct nc_wire_token element;
	nc_buf_clear(items);
	if (!nc_fields_array(fields, index, value))
		return false;
	size_t count = 0;
	for (int more; (more = nc_fields_element(fields, &element)) != 0; count++) {
		if (count == NC_ITEMS_MAX) {
			return nc_fields_refuse(fields, index, NC_FAULT_REQUEST,
			                        "has more than %u items", NC_ITEMS_MAX);
		}
		if (more < 0 || !item_take(fields, &element, count, items, room))
			return false;
	}
	return count > 0 || nc_fields_refuse(fields, index, NC_FAULT_REQUEST, "has no items");
}
