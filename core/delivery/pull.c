/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Pull requests that wait, served in the order in which they came. */
#include "core/delivery/subscription_private.h"

#include <stdlib.h>

static size_t unsized(const struct nc_sub *sub, uint32_t id, uint64_t *positions, size_t room)
{
	size_t count = 0;
	for (; id != NONE && count < room; id = sub->entries[id].line_next) {
		const struct entry *entry = &sub->entries[id];
		bool told = entry->state == NC_SUB_RECALLED || entry->state == NC_SUB_LEAVING;
		if (entry->size == 0 && !told && !entry->fades)
			positions[count++] = entry->position;
	}
	return count;
}

size_t nc_sub_unsized(const struct nc_sub *sub, uint64_t *positions, size_t room)
{
	size_t count = unsized(sub, sub->window.first, positions, room);
	return count + unsized(sub, sub->replayed.first, positions + count, room - count);
}

void nc_sub_size(struct nc_sub *sub, uint64_t position, uint32_t size)
{
	uint32_t id = nc_sub_entry_find(sub, position);
	if (id != NONE)
		sub->entries[id].size = size;
}

int nc_sub_request(struct nc_sub *sub, const struct nc_sub_request *request, uint64_t now_ns)
{
	if (sub->policy.push || request->batch == 0)
		return NC_INVALID;
	if (sub->request_count == NC_SUB_REQUESTS_MAX)
		return NC_FULL;
	if ((sub->request_count & (sub->request_count - 1)) == 0) { /* full at powers of two */
		size_t count = sub->request_count == 0 ? 1 : (size_t)sub->request_count * 2;
		struct request *requests = realloc(sub->requests, count * sizeof *requests);
		if (requests == NULL)
			return NC_NOMEM;
		sub->requests = requests;
	}
	sub->requests[sub->request_count++] = (struct request){ .is = *request };
	nc_sub_heard(sub, now_ns);
	return NC_OK;
}

static void request_remove(struct nc_sub *sub, uint32_t at)
{
	sub->request_count--;
	memmove(&sub->requests[at], &sub->requests[at + 1],
	        (sub->request_count - at) * sizeof *sub->requests);
	sub->heard_ns = sub->now_ns; /* it listened until now */
}

/* sub->request_count: it is not there. */
static uint32_t request_find(const struct nc_sub *sub, uint64_t id)
{
	uint32_t at = 0;
	while (at < sub->request_count && sub->requests[at].is.id != id)
		at++;
	return at;
}

void nc_sub_request_drop(struct nc_sub *sub, uint64_t id)
{
	uint32_t at = request_find(sub, id);
	if (at == sub->request_count)
		return;
	sub->requests[at].status = NC_SUB_STATUS_NO_RESPONDERS;
}

void nc_sub_request_forget(struct nc_sub *sub, uint64_t id)
{
	uint32_t at = request_find(sub, id);
	if (at < sub->request_count)
		request_remove(sub, at);
}

struct request *nc_sub_request_for(struct nc_sub *sub, uint32_t size)
{
	for (uint32_t at = 0; at < sub->request_count; at++) {
		struct request *request = &sub->requests[at];
		if (request->status != 0 || sub->now_ns >= request->is.expires_ns ||
		    request->given == request->is.batch)
			continue;
		if (request->is.max_bytes == 0 || request->is.max_bytes - request->bytes >= size)
			return request;
		request->status = NC_SUB_STATUS_TOO_LARGE;
	}
	return NULL;
}

/* Nothing can be given now, and waiting for history would not help. Called when all that could be
 * delivered has been. */
static bool is_idle(const struct nc_sub *sub)
{
	return sub->recalled == 0 &&
	       (sub->at_head || sub->paused || sub->halted ||
	        sub->taken >= sub->policy.max_in_flight || nc_sub_room(sub) == 0);
}

/* Whether it is to end now; then its status says why. */
static bool request_ends(const struct nc_sub *sub, struct request *request, bool idle)
{
	if (request->status == 0 && request->is.no_wait && idle) {
		request->status =
		        request->given == 0 ? NC_SUB_STATUS_NO_MESSAGES : NC_SUB_STATUS_TIMEOUT;
	} else if (request->status == 0 && sub->now_ns >= request->is.expires_ns) {
		request->status = NC_SUB_STATUS_TIMEOUT;
	}
	return request->status != 0;
}

/* What stands behind the status in its line. */
static const char *reason_of(enum nc_sub_status status)
{
	switch (status) {
	case NC_SUB_STATUS_NO_MESSAGES:
		return "No Messages";
	case NC_SUB_STATUS_TIMEOUT:
		return "Request Timeout";
	case NC_SUB_STATUS_TOO_LARGE:
		return "Message Size Exceeds MaxBytes";
	case NC_SUB_STATUS_NO_RESPONDERS:
	default:
		return "No Responders";
	}
}

bool nc_sub_requests_step(struct nc_sub *sub, struct nc_sub_action *action_out)
{
	bool idle = is_idle(sub);
	for (uint32_t at = 0; at < sub->request_count; at++) {
		struct request *request = &sub->requests[at];
		if (request->given == request->is.batch) {
			request_remove(sub, at--);
			continue;
		}
		if (!request_ends(sub, request, idle))
			continue;
		action_out->kind = NC_SUB_END;
		action_out->request = request->is.id;
		action_out->status = request->status;
		action_out->reason = reason_of(request->status);
		action_out->left = request->is.batch - request->given;
		if (request->is.max_bytes != 0)
			action_out->left_bytes = request->is.max_bytes - request->bytes;
		request_remove(sub, at);
		return true;
	}
	return false;
}

uint64_t nc_sub_requests_deadline(const struct nc_sub *sub)
{
	uint64_t deadline = NEVER;
	for (uint32_t at = 0; at < sub->request_count; at++) {
		if (sub->requests[at].is.expires_ns < deadline)
			deadline = sub->requests[at].is.expires_ns;
	}
	return deadline;
}
