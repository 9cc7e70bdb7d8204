/* SPDX-License-Identifier: Apache-2.0 */
/* R.stream.…, R.store.stats: streams looked at, deleted and limited. */
#include <string.h>

#include "transport/client/client_private.h"

static int ask(struct nacre_client *client, const char *subject, const char *body,
               struct nacre_reply **reply_out, struct nacre_error *error)
{
	const struct nacre_request request = { .subject = subject,
		                               .body = body,
		                               .size = body == NULL ? 0 : strlen(body),
		                               .repeatable = true };
	return nacre_request(client, &request, reply_out, error);
}

/* Ask for a verb about one stream. */
static int ask_of(struct nacre_client *client, const char *verb, const char *stream,
                  const char *body, struct nacre_reply **reply_out, struct nacre_error *error)
{
	struct nc_buf subject = { 0 };
	int result = nc_client_stream_check(stream, error);
	if (result != NACRE_OK)
		return result;
	nc_buf_put_str(&subject, verb);
	nc_client_put_stream(&subject, stream);
	nc_buf_put_u8(&subject, '\0');
	result = nc_buf_status(&subject) == NC_OK
	                 ? ask(client, (const char *)subject.data, body, reply_out, error)
	                 : nc_client_fail_nomem(error);
	nc_buf_release(&subject);
	return result;
}

int nacre_stream_info(struct nacre_client *client, const char *stream,
                      struct nacre_reply **reply_out, struct nacre_error *error)
{
	return ask_of(client, "stream.info.", stream, NULL, reply_out, error);
}

int nacre_stream_delete(struct nacre_client *client, const char *stream, const char *how,
                        struct nacre_reply **reply_out, struct nacre_error *error)
{
	return ask_of(client, "stream.delete.", stream, how, reply_out, error);
}

int nacre_stream_meta(struct nacre_client *client, const char *stream, const char *limits,
                      struct nacre_reply **reply_out, struct nacre_error *error)
{
	return ask_of(client, "stream.meta.", stream, limits, reply_out, error);
}

int nacre_stream_list(struct nacre_client *client, const char *page, struct nacre_reply **reply_out,
                      struct nacre_error *error)
{
	return ask(client, "stream.list", page, reply_out, error);
}

int nacre_store_stats(struct nacre_client *client, const char *page, struct nacre_reply **reply_out,
                      struct nacre_error *error)
{
	return ask(client, "store.stats", page, reply_out, error);
}
