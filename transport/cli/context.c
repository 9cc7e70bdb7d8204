/* SPDX-License-Identifier: GPL-3.0-or-later */
/* natscli's contexts. */
#include "transport/cli/context.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/json.h"

enum { FILE_SIZE_MAX = 1 << 20 };

/* The path "<config>/nats/<rest>"; NULL if there is no home, or no memory. */
static char *config_path(const char *rest)
{
	const char *config = getenv("XDG_CONFIG_HOME"), *home = getenv("HOME");
	char *path = NULL;
	int size;
	if (config != NULL && *config != '\0') {
		size = asprintf(&path, "%s/nats/%s", config, rest);
	} else if (home != NULL && *home != '\0') {
		size = asprintf(&path, "%s/.config/nats/%s", home, rest);
	} else {
		return NULL;
	}
	return size < 0 ? NULL : path;
}

/* Read a small file whole. False if that fails, and errno says why. */
static bool file_read(const char *path, struct nc_buf *to)
{
	char part[4096];
	size_t size;
	FILE *file = fopen(path, "re");
	if (file == NULL)
		return false;
	while ((size = fread(part, 1, sizeof part, file)) > 0 && to->size < FILE_SIZE_MAX)
		nc_buf_put(to, part, size);
	bool ok = ferror(file) == 0 && nc_buf_status(to) == NC_OK;
	int fault = ok ? 0 : errno;
	(void)fclose(file);
	errno = fault;
	return ok;
}

char *nc_cli_context_selected(void)
{
	struct nc_buf text = { 0 };
	char *name = NULL, *path = config_path("context.txt");
	if (path != NULL && file_read(path, &text)) {
		while (text.size > 0 && text.data[text.size - 1] <= ' ')
			text.size--;
		if (text.size > 0)
			name = strndup((const char *)text.data, text.size);
	}
	nc_buf_release(&text);
	free(path);
	return name;
}

/* A file's name may begin with "~/". */
static char *home_expand(char *text)
{
	const char *home = getenv("HOME");
	char *path = NULL;
	if (text == NULL || strncmp(text, "~/", 2) != 0 || home == NULL)
		return text;
	int size = asprintf(&path, "%s%s", home, text + 1);
	free(text);
	return size < 0 ? NULL : path;
}

struct load {
	struct nc_cli_context *context;
	const char *path;
	char *why;
	size_t why_size;
};

static bool wrong(const struct load *load, const char *format, const char *what)
{
	int size = snprintf(load->why, load->why_size, "%s: ", load->path);
	if (size > 0 && (size_t)size < load->why_size)
		(void)snprintf(load->why + size, load->why_size - (size_t)size, format, what);
	return false;
}

static char **member_of(struct nc_cli_context *context, const struct nc_json_token *key)
{
	const struct {
		const char *name;
		char **to;
	} members[] = {
		{ "url", &context->url },     { "user", &context->user },
		{ "token", &context->token }, { "password", &context->password },
		{ "creds", &context->creds }, { "nkey", &context->nkey },
		{ "ca", &context->ca },       { "cert", &context->cert },
		{ "key", &context->key },     { "inbox_prefix", &context->inbox_prefix },
	};
	for (size_t i = 0; i < sizeof members / sizeof *members; i++) {
		if (nc_json_is(key, members[i].name))
			return members[i].to;
	}
	return NULL;
}

/* Members that would make another connection than the one made here, if they say anything. */
static const char *not_done(const struct nc_json_token *key)
{
	static const char *const names[] = { "nsc",         "user_jwt",  "user_seed",
		                             "socks_proxy", "tls_first", "windows_cert_store" };
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		if (nc_json_is(key, names[i]))
			return names[i];
	}
	return NULL;
}

static bool says_nothing(const struct nc_json_token *value)
{
	return (value->type == NC_JSON_STRING && value->raw.size == 0) ||
	       value->type == NC_JSON_FALSE || value->type == NC_JSON_NULL;
}

static bool text_keep(const struct load *load, const struct nc_json_token *value, char **to)
{
	struct nc_buf text = { 0 };
	if (value->type != NC_JSON_STRING)
		return value->type == NC_JSON_NULL || wrong(load, "%s", "a string is expected");
	nc_json_unescape(value, &text);
	free(*to);
	*to = text.size == 0 ? NULL : strndup((const char *)text.data, text.size);
	bool ok = nc_buf_status(&text) == NC_OK && (text.size == 0 || *to != NULL);
	nc_buf_release(&text);
	return ok || wrong(load, "%s", "out of memory");
}

static bool member_read(const struct load *load, struct nc_json *json,
                        const struct nc_json_token *key)
{
	struct nc_json_token value;
	struct nc_slice raw;
	if (nc_json_next(json, &value) != NC_OK)
		return wrong(load, "expected %s", json->expected);
	const char *refused = not_done(key);
	if (refused != NULL && !says_nothing(&value))
		return wrong(load, "'%s' is not done by nacre", refused);
	char **to = member_of(load->context, key);
	if (to != NULL)
		return text_keep(load, &value, to);
	return nc_json_value(json, &value, &raw) == NC_OK ||
	       wrong(load, "expected %s", json->expected);
}

static bool text_read(const struct load *load, struct nc_slice text)
{
	struct nc_json json;
	struct nc_json_token token;
	nc_json_init(&json, text);
	if (nc_json_next(&json, &token) != NC_OK || token.type != NC_JSON_OBJECT)
		return wrong(load, "%s", "is not a JSON object");
	while (nc_json_next(&json, &token) == NC_OK && token.type == NC_JSON_KEY) {
		if (!member_read(load, &json, &token))
			return false;
	}
	return json.expected == NULL || wrong(load, "expected %s", json.expected);
}

bool nc_cli_context_load(struct nc_cli_context *context, const char *name, char *why,
                         size_t why_size)
{
	struct nc_buf text = { 0 };
	char *rest = NULL, *path = NULL;
	*context = (struct nc_cli_context){ 0 };
	if (*name == '\0' || *name == '.' || strchr(name, '/') != NULL) {
		(void)snprintf(why, why_size, "'%.60s' is not the name of a context", name);
		return false;
	}
	if (asprintf(&rest, "context/%s.json", name) < 0)
		rest = NULL;
	path = rest == NULL ? NULL : config_path(rest);
	free(rest);
	const struct load load = { context, path, why, why_size };
	bool ok = false;
	if (path == NULL) {
		(void)snprintf(why, why_size, "context '%s': no home directory", name);
	} else if (!file_read(path, &text)) {
		(void)snprintf(why, why_size, "context '%s': %s: %s", name, path, strerror(errno));
	} else {
		ok = text_read(&load, nc_buf_slice(&text));
	}
	if (text.size > 0)
		explicit_bzero(text.data, text.size); /* it may hold a password */
	nc_buf_release(&text);
	free(path);
	char **const files[] = { &context->creds, &context->nkey, &context->ca, &context->cert,
		                 &context->key };
	for (size_t i = 0; i < sizeof files / sizeof *files; i++)
		*files[i] = home_expand(*files[i]);
	return ok;
}

void nc_cli_context_release(struct nc_cli_context *context)
{
	char *const all[] = { context->url,         context->user,  context->password,
		              context->token,       context->creds, context->nkey,
		              context->ca,          context->cert,  context->key,
		              context->inbox_prefix };
	for (size_t i = 0; i < sizeof all / sizeof *all; i++)
		free(all[i]);
	*context = (struct nc_cli_context){ 0 };
}
