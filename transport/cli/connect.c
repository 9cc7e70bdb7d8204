/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Where a command speaks to. For each setting the first of these that has it: the command line, the
 * context that it names, the environment, the context that the environment names or that is
 * selected.
 *
 * Credentials are never mixed from two of these: the first that has any gives them all. And a
 * context that is merely selected is left alone when a server is named otherwise: its password is
 * not for that one.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "transport/cli/context.h"
#include "transport/cli/say.h"

enum { LAYERS_MAX = 4, TIMEOUT_MS = 5000 };

/* As struct nc_cli_context, but borrowed. */
struct layer {
	const char *url, *user, *password, *token, *creds, *nkey, *ca, *cert, *key, *inbox_prefix;
};

struct settings {
	struct layer layers[LAYERS_MAX];
	size_t count;
	struct nc_cli_context context;
};

/* An empty variable is as good as none. */
static const char *environment(const char *name)
{
	const char *value = getenv(name);
	return value == NULL || *value == '\0' ? NULL : value;
}

static struct layer of_command_line(const struct nc_cli_args *args)
{
	return (struct layer){
		.url = nc_cli_value(args, "server"),
		.user = nc_cli_value(args, "user"),
		.creds = nc_cli_value(args, "creds"),
		.nkey = nc_cli_value(args, "nkey"),
		.ca = nc_cli_value(args, "ca"),
		.cert = nc_cli_value(args, "cert"),
		.key = nc_cli_value(args, "key"),
	};
}

static struct layer of_environment(void)
{
	return (struct layer){
		.url = environment("NATS_URL"),
		.user = environment("NATS_USER"),
		.password = environment("NATS_PASSWORD"),
		.token = environment("NATS_TOKEN"),
		.creds = environment("NATS_CREDS"),
		.nkey = environment("NATS_NKEY"),
		.ca = environment("NATS_CA"),
		.cert = environment("NATS_CERT"),
		.key = environment("NATS_KEY"),
	};
}

static struct layer of_context(const struct nc_cli_context *context)
{
	return (struct layer){
		.url = context->url,
		.user = context->user,
		.password = context->password,
		.token = context->token,
		.creds = context->creds,
		.nkey = context->nkey,
		.ca = context->ca,
		.cert = context->cert,
		.key = context->key,
		.inbox_prefix = context->inbox_prefix,
	};
}

static bool context_add(struct settings *settings, const char *name, char *why, size_t why_size)
{
	if (!nc_cli_context_load(&settings->context, name, why, why_size))
		return false;
	settings->layers[settings->count++] = of_context(&settings->context);
	return true;
}

static bool settings_gather(struct settings *settings, const struct nc_cli_args *args, char *why,
                            size_t why_size)
{
	const char *named = nc_cli_value(args, "context");
	struct layer *layers = settings->layers;
	layers[settings->count++] = of_command_line(args);
	if (layers[0].user != NULL) /* its password does not belong on a command line */
		layers[0].password = environment("NATS_PASSWORD");
	if (named != NULL && !context_add(settings, named, why, why_size))
		return false;
	struct layer *of_env = &layers[settings->count++];
	*of_env = of_environment();
	if (named != NULL)
		return true;
	named = environment("NATS_CONTEXT");
	if (named != NULL)
		return context_add(settings, named, why, why_size);
	char *selected =
	        layers[0].url != NULL || of_env->url != NULL ? NULL : nc_cli_context_selected();
	bool ok = selected == NULL || context_add(settings, selected, why, why_size);
	free(selected);
	return ok;
}

static bool has_credentials(const struct layer *layer)
{
	return layer->user != NULL || layer->token != NULL || layer->creds != NULL ||
	       layer->nkey != NULL;
}

#define FIRST(settings, to, member)                                       \
	for (size_t i_ = 0; i_ < (settings)->count && (to) == NULL; i_++) \
	(to) = (settings)->layers[i_].member

static void settings_apply(const struct settings *settings, struct nacre_options *options)
{
	const char *url = NULL, *inbox_prefix = NULL;
	FIRST(settings, url, url);
	FIRST(settings, inbox_prefix, inbox_prefix);
	if (url != NULL)
		options->url = url;
	if (inbox_prefix != NULL)
		options->inbox_prefix = inbox_prefix;
	FIRST(settings, options->ca_file, ca);
	FIRST(settings, options->cert_file, cert);
	FIRST(settings, options->key_file, key);
	for (size_t i = 0; i < settings->count; i++) {
		if (has_credentials(&settings->layers[i])) {
			options->user = settings->layers[i].user;
			options->password = settings->layers[i].password;
			options->token = settings->layers[i].token;
			options->creds_file = settings->layers[i].creds;
			options->nkey_file = settings->layers[i].nkey;
			return;
		}
	}
}

/* URLs as people may see them: what stands before an @ is a secret. */
static void servers_show(const char *url, char *to, size_t room)
{
	size_t at = 0;
	while (*url != '\0' && at + 1 < room) {
		size_t size = strcspn(url, ",");
		const char *host = memrchr(url, '@', size), *scheme = strstr(url, "://");
		if (host != NULL && scheme != NULL && scheme < host) {
			at += (size_t)snprintf(to + at, room - at, "%.*s", (int)(scheme - url + 3),
			                       url);
		}
		if (at + 1 >= room)
			break;
		const char *from = host == NULL ? url : host + 1;
		at += (size_t)snprintf(to + at, room - at, "%.*s%s", (int)(url + size - from), from,
		                       url[size] == ',' ? "," : "");
		url += size + (url[size] == ',');
	}
	to[at < room ? at : room - 1] = '\0';
}

static int connect_with(struct nc_cli *cli, const struct settings *settings, uint32_t window,
                        struct nacre_client **client_out)
{
	struct nacre_options options;
	struct nacre_error error = { 0 };
	nacre_options_init(&options);
	const char *store = nc_cli_value(&cli->args, "store");
	const char *prefix = nc_cli_value(&cli->args, "prefix");
	options.store = store != NULL ? store : environment("NACRE_STORE_ID");
	if (options.store == NULL) {
		return nc_cli_fail(cli, NC_EXIT_USAGE,
		                   "which store? say --store NAME, or set NACRE_STORE_ID");
	}
	if (prefix == NULL)
		prefix = environment("NACRE_PREFIX");
	if (prefix != NULL)
		options.prefix = prefix;
	options.name = "nacre";
	options.timeout_ms = (int64_t)nc_cli_duration_ms(&cli->args, "timeout", TIMEOUT_MS);
	if (options.timeout_ms == 0)
		return nc_cli_fail(cli, NC_EXIT_USAGE, "--timeout: from 1ms");
	if (window > 0)
		options.window = window;
	settings_apply(settings, &options);
	cli->store = options.store;
	servers_show(options.url, cli->servers, sizeof cli->servers);
	int status = nacre_connect(&options, client_out, &error);
	if (status == NACRE_OK)
		return 0;
	char what[300];
	(void)snprintf(what, sizeof what, "connect to %s", cli->servers);
	return nc_cli_fail_nacre(cli, status, &error, what);
}

int nc_cli_connect(struct nc_cli *cli)
{
	return nc_cli_connect_another(cli, 0, &cli->client);
}

int nc_cli_connect_another(struct nc_cli *cli, uint32_t window, struct nacre_client **client_out)
{
	struct settings settings = { .count = 0 };
	char why[512];
	int exit_code = settings_gather(&settings, &cli->args, why, sizeof why)
	                        ? connect_with(cli, &settings, window, client_out)
	                        : nc_cli_fail(cli, NC_EXIT_USAGE, "%s", why);
	nc_cli_context_release(&settings.context);
	return exit_code;
}

int nc_cli_try(struct nc_cli *cli, const char *subject, const char *body, enum nc_cli_repeat repeat,
               struct nacre_reply **reply_out, struct nacre_error *error_out)
{
	const struct nacre_request request = { .subject = subject,
		                               .body = body,
		                               .size = body == NULL ? 0 : strlen(body),
		                               .repeatable = repeat == NC_CLI_REPEAT };
	struct nacre_reply *reply = NULL;
	int status = nacre_request(cli->client, &request, &reply, error_out);
	if (status == NACRE_OK) {
		*reply_out = reply;
	} else {
		nacre_reply_free(reply);
	}
	return status;
}

int nc_cli_ask(struct nc_cli *cli, const char *subject, const char *body, enum nc_cli_repeat repeat,
               struct nacre_reply **reply_out)
{
	struct nacre_error error = { 0 };
	int status = nc_cli_try(cli, subject, body, repeat, reply_out, &error);
	return status == NACRE_OK ? 0 : nc_cli_fail_nacre(cli, status, &error, NULL);
}
