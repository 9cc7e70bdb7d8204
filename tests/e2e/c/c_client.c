/* SPDX-License-Identifier: GPL-3.0-or-later */
/* libnacre as a program that test_c_client.py drives and kills.
 *
 *   c_client connect URL NAME=VALUE...         connect with these options; says "connected"
 *   c_client append URL IDS COUNT NAME=VALUE   COUNT asynchronous appends with the ids IDS.0,
 *                                              IDS.1, ... on seven streams; says how they ended
 *   c_client follow URL NAME                   consume a subscription: a line for each,
 *                                              acknowledged
 *   c_client packed URL NAME                   likewise, pulled packed, an acknowledgement for each
 *                                              message
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "transport/client/nacre.h"

static void die(const char *what, const struct nacre_error *error)
{
	(void)printf("%s: %d/%d %s\n", what, error->code, error->err_code, error->description);
	exit(1);
}

static bool option_take(struct nacre_options *options, const char *name, const char *value)
{
	const struct {
		const char *name;
		const char **member;
	} all[] = {
		{ "user", &options->user },          { "password", &options->password },
		{ "token", &options->token },        { "creds", &options->creds_file },
		{ "nkey", &options->nkey_file },     { "ca", &options->ca_file },
		{ "cert", &options->cert_file },     { "key", &options->key_file },
		{ "inbox", &options->inbox_prefix },
	};
	for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
		if (strcmp(all[i].name, name) == 0) {
			*all[i].member = value;
			return true;
		}
	}
	return false;
}

static struct nacre_client *connect_to(const char *url, int count, char **arguments)
{
	struct nacre_options options;
	struct nacre_client *client;
	struct nacre_error error;
	nacre_options_init(&options);
	options.url = url;
	options.store = "shop";
	options.timeout_ms = 60000;
	options.window = 200;
	for (int i = 0; i < count; i++) {
		char *value = strchr(arguments[i], '=');
		if (value == NULL)
			exit(64);
		*value++ = '\0';
		if (!option_take(&options, arguments[i], value))
			exit(64);
	}
	if (nacre_connect(&options, &client, &error) != NACRE_OK)
		die("refused", &error);
	return client;
}

struct ends {
	int ok, duplicate, other;
};

static void on_appended(void *ctx, int result, const struct nacre_appended *appended,
                        const struct nacre_error *error)
{
	struct ends *ends = ctx;
	if (result != NACRE_OK) {
		(void)printf("%s: %s\n", nacre_status_name(result), error->description);
		ends->other++;
		return;
	}
	ends->ok++;
	ends->duplicate += appended->duplicate;
}

static void append(struct nacre_client *client, const char *ids, long count)
{
	struct ends ends = { 0 };
	struct nacre_error error;
	for (long i = 0; i < count; i++) {
		char id[64], stream[16];
		(void)snprintf(id, sizeof id, "%s.%ld", ids, i);
		(void)snprintf(stream, sizeof stream, "c.%ld", i % 7);
		const struct nacre_append event = { .stream = stream,
			                            .type = "T",
			                            .data = id,
			                            .size = strlen(id),
			                            .expect = NACRE_EXPECT_ANY,
			                            .id = id };
		if (nacre_append_async(client, &event, on_appended, &ends, &error) != NACRE_OK)
			die("append", &error);
	}
	if (nacre_flush(client, -1, &error) != NACRE_OK)
		die("flush", &error);
	(void)printf("ok %d duplicate %d other %d\n", ends.ok, ends.duplicate, ends.other);
}

static void follow(struct nacre_client *client, const char *name, bool packed)
{
	const struct nacre_consume how = { .packed = packed };
	struct nacre_subscription *sub;
	struct nacre_error error;
	if (nacre_subscribe(client, name, &how, &sub, &error) != NACRE_OK)
		die("subscribe", &error);
	for (;;) {
		const struct nacre_delivery *delivery;
		int result = nacre_next(sub, 1000, &delivery, &error);
		if (result == NACRE_REFUSED)
			die("next", &error);
		if (result != NACRE_OK)
			continue;
		(void)printf("%llu\n", (unsigned long long)delivery->event->pos);
		(void)fflush(stdout);
		if (delivery->left == 0) /* always, of what is not packed */
			(void)nacre_ack(client, delivery->reply, false, NULL);
	}
}

int main(int argc, char **argv)
{
	if (argc < 3)
		return 64;
	bool appends = strcmp(argv[1], "append") == 0, packed = strcmp(argv[1], "packed") == 0,
	     follows = packed || strcmp(argv[1], "follow") == 0;
	int skip = appends ? 5 : follows ? 4 : 3;
	if (argc < skip)
		return 64;
	struct nacre_client *client = connect_to(argv[2], argc - skip, argv + skip);
	if (appends) {
		append(client, argv[3], strtol(argv[4], NULL, 10));
	} else if (follows) {
		follow(client, argv[3], packed);
	} else {
		(void)printf("connected\n");
	}
	nacre_close(client);
	return 0;
}
