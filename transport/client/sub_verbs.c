/* SPDX-License-Identifier: Apache-2.0 */
/* R.sub.<verb>.<name>: subscriptions made, changed, looked at. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "transport/client/subscription_private.h"

bool nc_client_word_valid(const char *name)
{
	static const char plain[] =
	        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-";
	size_t size = name == NULL ? 0 : strlen(name);
	return size >= 1 && size <= NC_CLIENT_WORD_SIZE_MAX && strspn(name, plain) == size;
}

struct verb {
	const char *name;
	bool repeatable; /* asked again when no answer comes */
};

static int ask(struct nacre_client *client, const struct verb *verb, const char *name,
               const char *body, struct nacre_reply **reply_out, struct nacre_error *error)
{
	char subject[32 + NC_CLIENT_WORD_SIZE_MAX];
	if (!nc_client_word_valid(name)) {
		return nc_client_fail(error, NACRE_INVALID,
		                      "name: 1 to 64 of letters, digits, '_' and '-'");
	}
	(void)snprintf(subject, sizeof subject, "sub.%s.%s", verb->name, name);
	const struct nacre_request request = { .subject = subject,
		                               .body = body,
		                               .size = body == NULL ? 0 : strlen(body),
		                               .repeatable = verb->repeatable };
	return nacre_request(client, &request, reply_out, error);
}

int nacre_sub_create(struct nacre_client *client, const char *name, const char *definition,
                     struct nacre_reply **reply_out, struct nacre_error *error)
{
	if (definition == NULL)
		return nc_client_fail(error, NACRE_INVALID, "definition: missing");
	return ask(client, &(struct verb){ "create", true }, name, definition, reply_out, error);
}

int nacre_sub_update(struct nacre_client *client, const char *name, const char *change,
                     struct nacre_reply **reply_out, struct nacre_error *error)
{
	if (change == NULL)
		return nc_client_fail(error, NACRE_INVALID, "change: missing");
	return ask(client, &(struct verb){ "update", false }, name, change, reply_out, error);
}

int nacre_sub_delete(struct nacre_client *client, const char *name, struct nacre_error *error)
{
	return ask(client, &(struct verb){ "delete", true }, name, NULL, NULL, error);
}

int nacre_sub_info(struct nacre_client *client, const char *name, struct nacre_reply **reply_out,
                   struct nacre_error *error)
{
	return ask(client, &(struct verb){ "info", true }, name, NULL, reply_out, error);
}

int nacre_sub_list(struct nacre_client *client, const char *page, struct nacre_reply **reply_out,
                   struct nacre_error *error)
{
	const struct nacre_request request = { .subject = "sub.list",
		                               .body = page,
		                               .size = page == NULL ? 0 : strlen(page),
		                               .repeatable = true };
	return nacre_request(client, &request, reply_out, error);
}

int nacre_sub_pause(struct nacre_client *client, const char *name, struct nacre_reply **reply_out,
                    struct nacre_error *error)
{
	return ask(client, &(struct verb){ "pause", true }, name, NULL, reply_out, error);
}

int nacre_sub_resume(struct nacre_client *client, const char *name, struct nacre_reply **reply_out,
                     struct nacre_error *error)
{
	return ask(client, &(struct verb){ "resume", true }, name, NULL, reply_out, error);
}

/* A seek is not repeated if its outcome is unknown: a second one would begin another epoch, and
 * "new" would skip what came in between. */
int nacre_sub_seek(struct nacre_client *client, const char *name, const char *to,
                   struct nacre_reply **reply_out, struct nacre_error *error)
{
	if (to == NULL)
		return nc_client_fail(error, NACRE_INVALID, "to: missing");
	return ask(client, &(struct verb){ "seek", false }, name, to, reply_out, error);
}

int nacre_sub_parked(struct nacre_client *client, const char *name, const char *page,
                     struct nacre_reply **reply_out, struct nacre_error *error)
{
	return ask(client, &(struct verb){ "parked", true }, name, page, reply_out, error);
}

int nacre_sub_replay(struct nacre_client *client, const char *name, const char *which,
                     struct nacre_reply **reply_out, struct nacre_error *error)
{
	return ask(client, &(struct verb){ "replay", false }, name, which == NULL ? "{}" : which,
	           reply_out, error);
}

int nacre_sub_explain(struct nacre_client *client, const char *name, uint64_t pos,
                      struct nacre_reply **reply_out, struct nacre_error *error)
{
	char body[40];
	(void)snprintf(body, sizeof body, "{\"pos\":%" PRIu64 "}", pos);
	return ask(client, &(struct verb){ "explain", true }, name, body, reply_out, error);
}
