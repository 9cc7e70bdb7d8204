/* SPDX-License-Identifier: Apache-2.0 */
/* An event as a message has it, and its metadata: every header that is not ours. */
#include <stdlib.h>
#include <string.h>

#include "transport/client/client_private.h"

/* Headers of the protocol and of the server; all others, trace context too, are the event's own. */
static bool is_meta(const char *name)
{
	return strncmp(name, "Es-", 3) != 0 && strncmp(name, "Nats-", 5) != 0 &&
	       strcmp(name, "Content-Type") != 0 && strcmp(name, "Status") != 0 &&
	       strcmp(name, "Description") != 0;
}

int nc_client_event_meta(struct nc_client_event *holder, const char *name, const char *value)
{
	if (holder->event.meta_count == holder->meta_room) {
		size_t room = holder->meta_room == 0 ? 8 : holder->meta_room * 2;
		struct nacre_pair *meta = realloc(holder->meta, room * sizeof *meta);
		if (meta == NULL)
			return NACRE_NOMEM;
		holder->meta = meta;
		holder->meta_room = room;
	}
	holder->meta[holder->event.meta_count++] = (struct nacre_pair){ name, value };
	return NACRE_OK;
}

static int meta_fill_one(struct nc_client_event *holder, const char *name)
{
	const char **values = NULL;
	int count = 0, result = NACRE_OK;
	natsStatus status = natsMsgHeader_Values(holder->msg, name, &values, &count);
	if (status != NATS_OK)
		return status == NATS_NO_MEMORY ? NACRE_NOMEM : NACRE_PROTOCOL;
	for (int i = 0; i < count && result == NACRE_OK; i++)
		result = nc_client_event_meta(holder, name, values[i] == NULL ? "" : values[i]);
	free((void *)values);
	return result;
}

static int meta_fill(struct nc_client_event *holder)
{
	const char **names = NULL;
	int count = 0, result = NACRE_OK;
	natsStatus status = natsMsgHeader_Keys(holder->msg, &names, &count);
	if (status == NATS_NOT_FOUND)
		return NACRE_OK;
	if (status != NATS_OK)
		return status == NATS_NO_MEMORY ? NACRE_NOMEM : NACRE_PROTOCOL;
	for (int i = 0; i < count && result == NACRE_OK; i++) {
		if (is_meta(names[i]))
			result = meta_fill_one(holder, names[i]);
	}
	free((void *)names);
	return result;
}

int nc_client_event_take(struct nc_client_event *holder, natsMsg *msg, bool whole)
{
	nc_client_event_drop(holder);
	holder->msg = msg;
	holder->event = (struct nacre_event){
		.stream = nc_client_header(msg, "Es-Stream"),
		.type = nc_client_header(msg, "Es-Type"),
		.id = nc_client_header(msg, "Nats-Msg-Id"),
		.time = nc_client_header(msg, "Nats-Time-Stamp"),
		.content_type = nc_client_header(msg, "Content-Type"),
		.tags = nc_client_header(msg, "Es-Tags"),
		.data = natsMsg_GetData(msg),
		.size = (size_t)natsMsg_GetDataLength(msg),
	};
	bool numbered = nc_client_header_number(msg, "Nats-Sequence", &holder->event.seq) &&
	                nc_client_header_number(msg, "Es-Position", &holder->event.pos);
	bool fine = numbered && holder->event.seq > 0 && holder->event.pos > 0 &&
	            *holder->event.stream != '\0' && *holder->event.type != '\0';
	int result = whole && !fine ? NACRE_PROTOCOL : meta_fill(holder);
	if (result != NACRE_OK) {
		nc_client_event_drop(holder);
	} else {
		holder->event.meta = holder->meta;
	}
	return result;
}

void nc_client_event_drop(struct nc_client_event *holder)
{
	natsMsg_Destroy(holder->msg);
	holder->msg = NULL;
	memset(&holder->event, 0, sizeof holder->event);
}

void nc_client_event_release(struct nc_client_event *holder)
{
	nc_client_event_drop(holder);
	nc_buf_release(&holder->text);
	free(holder->meta);
	holder->meta = NULL;
	holder->meta_room = 0;
}
