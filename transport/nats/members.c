/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Members of a flat JSON object, understood or refused. */
#include "transport/nats/members_private.h"

bool nc_members_refuse(struct nc_members *members)
{
	return nc_refuse(members->refusal, NC_FAULT_REQUEST, "body: expected %s at byte %zu",
	                 members->json.expected == NULL ? "a JSON object" : members->json.expected,
	                 members->json.offset);
}

int nc_members_next(struct nc_members *members, size_t *index_out, struct nc_json_token *value_out)
{
	char room[NC_SHOWN_SIZE];
	struct nc_json_token key;
	if (nc_json_next(&members->json, &key) != NC_OK) {
		(void)nc_members_refuse(members);
		return -1;
	}
	if (key.type == NC_JSON_OBJECT_END) {
		if (nc_json_next(&members->json, &key) == NC_OK)
			return 0;
		(void)nc_members_refuse(members);
		return -1;
	}
	size_t index = 0;
	while (index < members->name_count && !nc_json_is(&key, members->names[index]))
		index++;
	if (index == members->name_count) {
		(void)nc_refuse(members->refusal, NC_FAULT_REQUEST, "member '%s' is not known",
		                nc_shown(key.raw, room));
		return -1;
	}
	if (members->seen >> index & 1) {
		(void)nc_refuse(members->refusal, NC_FAULT_REQUEST, "member '%s' is given twice",
		                members->names[index]);
		return -1;
	}
	members->seen |= 1u << index;
	if (nc_json_next(&members->json, value_out) != NC_OK) {
		(void)nc_members_refuse(members);
		return -1;
	}
	*index_out = index;
	return 1;
}

bool nc_members_begin(struct nc_members *members, struct nc_slice body)
{
	struct nc_json_token token;
	nc_json_init(&members->json, body);
	if (nc_json_next(&members->json, &token) != NC_OK)
		return nc_members_refuse(members);
	if (token.type != NC_JSON_OBJECT)
		return nc_refuse(members->refusal, NC_FAULT_REQUEST, "body: is not a JSON object");
	return true;
}

bool nc_members_number(const struct nc_json_token *value, const char *name, uint64_t least,
                       struct nc_refusal *refusal, uint64_t *number_out)
{
	char room[NC_SHOWN_SIZE];
	uint64_t number;
	if (value->type != NC_JSON_NUMBER) {
		return nc_refuse(refusal, NC_FAULT_REQUEST, "member '%s' is not a number: '%s'",
		                 name, nc_shown(value->raw, room));
	}
	if (value->raw.data[0] == '-') {
		return nc_refuse(refusal, NC_FAULT_REQUEST, "member '%s' is below %llu: %s", name,
		                 (unsigned long long)least, nc_shown(value->raw, room));
	}
	int err = nc_json_u64(value, &number);
	if (err == NC_TOOBIG)
		number = UINT64_MAX; /* as far beyond every position, version and limit */
	if (err != NC_OK && err != NC_TOOBIG) {
		return nc_refuse(refusal, NC_FAULT_REQUEST, "member '%s' is not a whole number: %s",
		                 name, nc_shown(value->raw, room));
	}
	if (number < least) {
		return nc_refuse(refusal, NC_FAULT_REQUEST, "member '%s' is below %llu: %s", name,
		                 (unsigned long long)least, nc_shown(value->raw, room));
	}
	*number_out = number;
	return true;
}
