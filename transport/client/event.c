/* SPDX-License-Identifier: Apache-2.0 */
/* An event as a message has it, and its metadata: every header that is not ours. */
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/grow.h"
#include "transport/client/client_private.h"

/* Headers of the protocol and of the server; all others, trace context too, are the event's own. */
static bool is_meta(const char *name)
{
	return strncmp(name, "Es-", 3) != 0 && strncmp(name, "Nats-", 5) != 0 &&
	       strcmp(name, "Content-Type") != 0;
}

int nc_client_event_meta(struct nc_client_event *holder, const char *name, const char *value)
{
	if (!nc_grow(&holder->meta, sizeof *holder->meta, holder->event.meta_count,
	             &holder->meta_room, 8))
		return NACRE_NOMEM;
	holder->meta[holder->event.meta_count++] = (struct nacre_pair){ name, value };
	return NACRE_OK;
}

void nc_client_event_clear(struct nc_client_event *holder)
{
	holder->event = (struct nacre_event){
		.stream = "",
		.type = "",
		.id = "",
		.time = "",
		.content_type = "",
		.tags = "",
	};
	holder->attempt = holder->bare_size = 0;
	holder->member_next = 0;
}

/* ---- Of a message of its own ---------------------------------------------------------------- */

/* Where the value of a header goes; NULL if it is no header of an event. */
static const char **member_of(struct nacre_event *event, const char *name)
{
	const struct {
		const char *name, **text;
	} members[] = {
		{ "Es-Stream", &event->stream },
		{ "Es-Type", &event->type },
		{ "Nats-Msg-Id", &event->id },
		{ "Nats-Time-Stamp", &event->time },
		{ "Content-Type", &event->content_type },
		{ "Es-Tags", &event->tags },
	};
	for (size_t i = 0; i < sizeof members / sizeof members[0]; i++) {
		if (strcmp(name, members[i].name) == 0)
			return members[i].text;
	}
	return NULL;
}

static int headers_fill(struct nc_client_event *holder)
{
	struct nacre_pair pair;
	size_t at = 0;
	int result = NACRE_OK;
	while (result == NACRE_OK && nc_client_headers_next(&holder->text, &at, &pair)) {
		const char **member = member_of(&holder->event, pair.name);
		if (member != NULL && **member == '\0')
			*member = pair.value;
		if (is_meta(pair.name))
			result = nc_client_event_meta(holder, pair.name, pair.value);
	}
	return result;
}

int nc_client_message_take(struct nc_client_event *holder, natsMsg *msg)
{
	struct nacre_event *event = &holder->event;
	nc_client_event_drop(holder);
	nc_client_event_clear(holder);
	holder->msg = msg;
	event->data = natsMsg_GetData(msg);
	event->size = (size_t)natsMsg_GetDataLength(msg);
	int result = nc_client_headers_copy(msg, &holder->text);
	if (result == NACRE_OK)
		result = headers_fill(holder);
	if (result == NACRE_OK && nc_client_header_number(msg, "Nats-Sequence", &event->seq))
		(void)nc_client_header_number(msg, "Es-Position", &event->pos);
	if (result != NACRE_OK) {
		nc_client_event_drop(holder);
	} else {
		event->meta = holder->meta;
	}
	return result;
}

int nc_client_event_take(struct nc_client_event *holder, natsMsg *msg)
{
	const struct nacre_event *event = &holder->event;
	int result = nc_client_message_take(holder, msg);
	if (result != NACRE_OK)
		return result;
	if (event->seq > 0 && event->pos > 0 && *event->stream != '\0' && *event->type != '\0')
		return NACRE_OK;
	nc_client_event_drop(holder);
	return NACRE_PROTOCOL;
}

/* ---- Packed --------------------------------------------------------------------------------- */

#define NAMED(name) name, sizeof(name) - 1
#define AT(member)  offsetof(struct nc_client_event, member)

/* The members of an event, in the order in which a node writes them. */
static const struct known {
	const char *name;
	size_t name_size;
	enum nc_client_member_kind kind;
	size_t at; /* of a text or a number, in a struct nc_client_event */
} members[] = {
	{ NAMED("stream"), NC_CLIENT_MEMBER_TEXT, AT(event.stream) },
	{ NAMED("type"), NC_CLIENT_MEMBER_TEXT, AT(event.type) },
	{ NAMED("seq"), NC_CLIENT_MEMBER_NUMBER, AT(event.seq) },
	{ NAMED("pos"), NC_CLIENT_MEMBER_NUMBER, AT(event.pos) },
	{ NAMED("time"), NC_CLIENT_MEMBER_TEXT, AT(event.time) },
	{ NAMED("id"), NC_CLIENT_MEMBER_TEXT, AT(event.id) },
	{ NAMED("content_type"), NC_CLIENT_MEMBER_TEXT, AT(event.content_type) },
	{ NAMED("tags"), NC_CLIENT_MEMBER_TAGS, 0 },
	{ NAMED("meta"), NC_CLIENT_MEMBER_META, 0 },
	{ NAMED("delivery"), NC_CLIENT_MEMBER_NUMBER, AT(attempt) },
	{ NAMED("size"), NC_CLIENT_MEMBER_NUMBER, AT(bare_size) },
	{ NAMED("data"), NC_CLIENT_MEMBER_DATA, 0 },
	{ NAMED("data_base64"), NC_CLIENT_MEMBER_BASE64, 0 },
};

#define MEMBERS (sizeof members / sizeof members[0])

struct nc_client_member nc_client_event_member(struct nc_client_event *holder, struct nc_slice name)
{
	struct nc_client_member found = { .kind = NC_CLIENT_MEMBER_UNKNOWN };
	for (size_t i = 0; i < MEMBERS; i++) {
		const struct known *known = &members[holder->member_next];
		holder->member_next =
		        holder->member_next + 1 < MEMBERS ? holder->member_next + 1 : 0;
		if (name.size != known->name_size || memcmp(name.data, known->name, name.size) != 0)
			continue;
		void *at = (char *)holder + known->at;
		found.kind = known->kind;
		if (known->kind == NC_CLIENT_MEMBER_TEXT) {
			found.text = at;
		} else if (known->kind == NC_CLIENT_MEMBER_NUMBER) {
			found.number = at;
		}
		break;
	}
	return found;
}

bool nc_client_event_whole(struct nc_client_event *holder)
{
	struct nacre_event *event = &holder->event;
	if (event->size == 0 && holder->bare_size > 0) {
		event->data = "{}";
		event->size = 2;
	}
	return event->seq > 0 && event->pos > 0 && event->size > 0 && *event->stream != '\0' &&
	       *event->type != '\0';
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
