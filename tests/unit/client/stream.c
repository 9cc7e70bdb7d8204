/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Streams looked at, deleted and limited; the store looked at.
 * usage: unit_client_stream URL */
#include "check.h"

static void fill(const char *stream, int count)
{
	const struct nacre_append event = order(stream, NACRE_EXPECT_ANY, NULL);
	for (int i = 0; i < count; i++) {
		if (nacre_append(client, &event, NULL, NULL) != NACRE_OK)
			exit(2);
	}
}

static void shows_one(void)
{
	struct nacre_reply *reply = NULL;
	struct nacre_error error;
	uint64_t seq = 0, first = 0;
	char state[16] = "", last[40] = "";
	fill("odd name.\xc3\xa9", 3);
	expect(nacre_stream_info(client, "odd name.\xc3\xa9", &reply, NULL) == NACRE_OK &&
	               nacre_reply_number(reply, "seq", &seq) && seq == 3 &&
	               nacre_reply_number(reply, "first_seq", &first) && first == 1 &&
	               nacre_reply_text(reply, "state", state, sizeof state) &&
	               strcmp(state, "live") == 0 &&
	               nacre_reply_text(reply, "last", last, sizeof last) && strlen(last) == 30,
	       "shows how a stream stands");
	nacre_reply_free(reply);
	expect(nacre_stream_info(client, "nobody", &reply, &error) == NACRE_REFUSED &&
	               error.code == 404 && error.err_code == 10059,
	       "says that there is none");
	nacre_reply_free(reply);
	reply = NULL;
	expect(nacre_stream_info(client, NULL, &reply, &error) == NACRE_INVALID && reply == NULL,
	       "asks for none without a name");
}

static void lists_pages(void)
{
	struct nacre_reply *reply = NULL;
	struct nacre_error error;
	char next[256] = "";
	fill("list.a", 1);
	fill("list.b", 2);
	fill("list.c", 1);
	expect(nacre_stream_list(client, "{\"prefix\":\"list.\",\"limit\":2}", &reply, NULL) ==
	                       NACRE_OK &&
	               nacre_reply_text(reply, "next", next, sizeof next) &&
	               strcmp(next, "list.b") == 0 &&
	               said(reply, "{\"stream\":\"list.b\",\"seq\":2"),
	       "lists a page, and says where the next one begins");
	expect(nacre_stream_list(client, "{\"prefix\":\"list.\",\"after\":\"list.b\"}", &reply,
	                         NULL) == NACRE_OK &&
	               !nacre_reply_text(reply, "next", next, sizeof next) &&
	               said(reply, "{\"streams\":[{\"stream\":\"list.c\""),
	       "and the last one, which says none");
	expect(nacre_stream_list(client, NULL, &reply, NULL) == NACRE_OK && said(reply, "list.a"),
	       "from the first");
	expect(nacre_stream_list(client, "{\"limit\":0}", NULL, &error) == NACRE_REFUSED &&
	               error.err_code == 10003,
	       "a limit of nothing is refused");
}

static bool state_is(const char *stream, const char *want)
{
	struct nacre_reply *reply = NULL;
	char state[16] = "";
	bool is = nacre_stream_info(client, stream, &reply, NULL) == NACRE_OK &&
	          nacre_reply_text(reply, "state", state, sizeof state) && strcmp(state, want) == 0;
	nacre_reply_free(reply);
	return is;
}

static void deletes(void)
{
	struct nacre_reply *reply = NULL;
	struct nacre_error error;
	uint64_t first = 0;
	fill("gone", 3);
	expect(nacre_stream_delete(client, "gone", "{\"expect\":2}", NULL, &error) ==
	                       NACRE_REFUSED &&
	               error.code == 400 && error.err_code == 10071,
	       "a deletion expects");
	expect(nacre_stream_delete(client, "gone", NULL, &reply, NULL) == NACRE_OK &&
	               nacre_reply_number(reply, "first_seq", &first) && first == 4 &&
	               state_is("gone", "deleted"),
	       "deletes softly");
	nacre_reply_free(reply);
	expect(nacre_stream_delete(client, "gone", NULL, NULL, NULL) == NACRE_OK,
	       "and may be asked for once more");
	fill("gone", 1);
	expect(state_is("gone", "live"), "an append brings it back");
	expect(nacre_stream_delete(client, "gone", "{\"mode\":\"tombstone\"}", NULL, NULL) ==
	                       NACRE_OK &&
	               state_is("gone", "tombstoned"),
	       "deletes for ever");
	expect(nacre_stream_delete(client, "gone", NULL, NULL, &error) == NACRE_REFUSED &&
	               error.code == 410 && error.err_code == 41001,
	       "which is told from then on");
	expect(nacre_stream_delete(client, NULL, NULL, NULL, NULL) == NACRE_INVALID &&
	               nacre_stream_meta(client, "", "{}", NULL, NULL) == NACRE_INVALID,
	       "asks for none without a name");
}

static void limits(void)
{
	struct nacre_reply *reply = NULL;
	struct nacre_error error;
	uint64_t first = 0;
	fill("limited", 5);
	expect(nacre_stream_meta(client, "limited", "{\"max_count\":2}", &reply, NULL) ==
	                       NACRE_OK &&
	               nacre_reply_number(reply, "first_seq", &first) && first == 4 &&
	               said(reply, "\"meta\":{\"max_count\":2}"),
	       "limits a stream");
	expect(nacre_stream_meta(client, "limited", "{\"max\":2}", NULL, &error) == NACRE_REFUSED &&
	               error.err_code == 10003,
	       "what is no limit is refused");
}

static void counts(void)
{
	struct nacre_reply *reply = NULL;
	uint64_t types = 0;
	fill("counted.1", 4);
	expect(nacre_store_stats(client, NULL, &reply, NULL) == NACRE_OK &&
	               nacre_reply_number(reply, "type_count", &types) && types == 1 &&
	               said(reply, "\"counted\":4"),
	       "counts by type and category");
	expect(nacre_store_stats(client, "{\"limit\":1}", &reply, NULL) == NACRE_OK &&
	               said(reply, "\"categories\":{\"counted\":4},\"category_count\":3"),
	       "as many as are asked for");
}

int main(int argc, char **argv)
{
	if (argc != 2)
		return 2;
	client = connect_to(argv[1], "shop", 10000);
	shows_one();
	lists_pages();
	counts();
	deletes();
	limits();
	nacre_close(client);
	return failed != 0;
}
