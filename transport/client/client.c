/* SPDX-License-Identifier: Apache-2.0 */
/* The connection's life. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/base/nkey.h"
#include "transport/client/client_private.h"

#define SERVERS_MAX  32
#define RECONNECT_MS 250 /* between tries of one server; as much again at the most, by chance */

void nacre_options_init_sized(struct nacre_options *options, size_t size)
{
	static const struct nacre_options filled = {
		.url = "nats://127.0.0.1:4222",
		.prefix = "es",
		.name = "libnacre",
		.inbox_prefix = "_INBOX",
		.timeout_ms = 10000,
		.window = 1000,
	};
	memset(options, 0, size);
	memcpy(options, &filled, size < sizeof filled ? size : sizeof filled);
}

/* nats.c knows two schemes, and passes over all others as if they said nothing. */
static bool scheme_known(const char *server)
{
	return strstr(server, "://") == NULL || strncmp(server, "nats://", 7) == 0 ||
	       strncmp(server, "tls://", 6) == 0;
}

/* One server with tls:// is enough: none is to be sent credentials in the clear then. nats.c goes
 * by what the server says instead, which anybody on the way can change. */
static natsStatus servers_set(natsOptions *to, const char *url)
{
	char *list = strdup(url), *rest = NULL;
	const char *servers[SERVERS_MAX];
	int count = 0;
	bool known = true, tls = false;
	if (list == NULL)
		return NATS_NO_MEMORY;
	for (char *at = strtok_r(list, ", ", &rest); at != NULL && count < SERVERS_MAX;
	     at = strtok_r(NULL, ", ", &rest)) {
		known = known && scheme_known(at);
		tls = tls || strncmp(at, "tls://", 6) == 0;
		servers[count++] = at;
	}
	natsStatus status = count == 0 || !known ? NATS_INVALID_ARG
	                                         : natsOptions_SetServers(to, servers, count);
	if (status == NATS_OK && tls)
		status = natsOptions_SetSecure(to, true);
	free(list);
	return status;
}

/* Check that the files can be read. One that cannot is better named here than when connecting. */
static int files_check(const struct nacre_options *from, struct nacre_error *error)
{
	const struct nacre_pair files[] = { { "creds_file", from->creds_file },
		                            { "nkey_file", from->nkey_file },
		                            { "ca_file", from->ca_file },
		                            { "cert_file", from->cert_file },
		                            { "key_file", from->key_file } };
	for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
		if (files[i].value != NULL && access(files[i].value, R_OK) != 0) {
			return nc_client_fail(error, NACRE_INVALID, "%s: cannot read %s",
			                      files[i].name, files[i].value);
		}
	}
	if ((from->cert_file == NULL) != (from->key_file == NULL))
		return nc_client_fail(error, NACRE_INVALID, "cert_file and key_file go together");
	return NACRE_OK;
}

/* Find the first line that has the seed of a user. nats.c wants the public key beside it. */
static natsStatus nkey_set(natsOptions *to, const char *path)
{
	char line[512], public_key[NC_NKEY_TEXT_SIZE];
	FILE *file = fopen(path, "re");
	bool found = false;
	while (file != NULL && !found && fgets(line, sizeof line, file) != NULL)
		found = nc_nkey_public(line, public_key) == NC_OK;
	if (file != NULL)
		(void)fclose(file);
	explicit_bzero(line, sizeof line);
	return found ? natsOptions_SetNKeyFromSeed(to, public_key, path) : NATS_INVALID_ARG;
}

static natsStatus tls_set(natsOptions *to, const struct nacre_options *from)
{
	if (from->ca_file == NULL && from->cert_file == NULL)
		return NATS_OK;
	natsStatus status = natsOptions_SetSecure(to, true);
	if (status == NATS_OK && from->ca_file != NULL)
		status = natsOptions_LoadCATrustedCertificates(to, from->ca_file);
	if (status == NATS_OK && from->cert_file != NULL)
		status = natsOptions_LoadCertificatesChain(to, from->cert_file, from->key_file);
	return status;
}

static natsStatus name_set(natsOptions *to, const struct nacre_options *from)
{
	natsStatus status = natsOptions_SetName(to, from->name);
	if (status == NATS_OK)
		status = natsOptions_SetCustomInboxPrefix(to, from->inbox_prefix);
	if (status == NATS_OK)
		status = natsOptions_SetMaxReconnect(to, -1);
	if (status == NATS_OK)
		status = natsOptions_SetReconnectWait(to, RECONNECT_MS);
	if (status == NATS_OK)
		status = natsOptions_SetReconnectJitter(to, RECONNECT_MS, RECONNECT_MS);
	/* They are asked again, or are known not to be answered. */
	if (status == NATS_OK)
		status = natsOptions_SetFailRequestsOnDisconnect(to, true);
	/* Without it each message waits for a flusher that sleeps a millisecond. */
	return status == NATS_OK ? natsOptions_SetSendAsap(to, true) : status;
}

static natsStatus password_set(natsOptions *to, const struct nacre_options *from)
{
	natsStatus status = NATS_OK;
	if (from->user != NULL)
		status = natsOptions_SetUserInfo(to, from->user, from->password);
	if (status == NATS_OK && from->token != NULL)
		status = natsOptions_SetToken(to, from->token);
	return status;
}

static natsStatus url_set(natsOptions *to, const struct nacre_options *from)
{
	return servers_set(to, from->url);
}

static natsStatus key_set(natsOptions *to, const struct nacre_options *from)
{
	return from->nkey_file == NULL ? NATS_OK : nkey_set(to, from->nkey_file);
}

static natsStatus creds_set(natsOptions *to, const struct nacre_options *from)
{
	return from->creds_file == NULL
	               ? NATS_OK
	               : natsOptions_SetUserCredentialsFromFiles(to, from->creds_file, NULL);
}

/* Set the options of nats.c. If that fails, *what_out names the member that is at fault. */
static natsStatus options_fill(natsOptions *to, const struct nacre_options *from,
                               const char **what_out)
{
	static const struct {
		natsStatus (*set)(natsOptions *to, const struct nacre_options *from);
		const char *what;
	} steps[] = { { url_set, "url: nats:// or tls:// before each server, or nothing" },
		      { name_set, "name or inbox_prefix" },
		      { password_set, "user, password or token" },
		      { key_set, "nkey_file: no seed of a user" },
		      { creds_set, "creds_file" },
		      { tls_set, "ca_file, cert_file or key_file" } };
	natsStatus status = NATS_OK;
	for (size_t i = 0; status == NATS_OK && i < sizeof steps / sizeof *steps; i++) {
		*what_out = steps[i].what;
		status = steps[i].set(to, from);
	}
	return status;
}

static int dial(struct nacre_client *client, const struct nacre_options *options,
                struct nacre_error *error)
{
	const char *what = "options";
	natsStatus status = natsOptions_Create(&client->dialling);
	if (status == NATS_OK)
		status = options_fill(client->dialling, options, &what);
	if (status != NATS_OK) {
		(void)nc_client_fail_nats(error, status, what);
		return status == NATS_NO_MEMORY ? NACRE_NOMEM : NACRE_INVALID;
	}
	status = natsConnection_Connect(&client->nc, client->dialling);
	if (status == NATS_OK)
		return NACRE_OK;
	(void)nc_client_fail_nats(error, status, "connect");
	return status == NATS_NO_MEMORY ? NACRE_NOMEM : NACRE_CONNECTION;
}

struct dialling {
	struct nacre_client *client;
	const struct nacre_options *options;
	struct nacre_error *error;
	int result;
};

static void dial_work(void *ctx)
{
	struct dialling *dialling = ctx;
	dialling->result = dial(dialling->client, dialling->options, dialling->error);
}

/* nats.c puts these into a JSON text as they are. */
static bool is_plain(const char *text)
{
	const char *at = text == NULL ? "" : text;
	while (*at != '\0' && *at != '"' && *at != '\\' && (unsigned char)*at >= ' ')
		at++;
	return *at == '\0';
}

static int options_check(const struct nacre_options *options, struct nacre_error *error)
{
	if (!nc_client_subject_valid(options->store) || strchr(options->store, '.') != NULL)
		return nc_client_fail(error, NACRE_INVALID, "store: not a store's name");
	if (options->url == NULL || !nc_client_subject_valid(options->prefix))
		return nc_client_fail(error, NACRE_INVALID, "url or prefix: missing or malformed");
	if (!nc_client_subject_valid(options->inbox_prefix) ||
	    strlen(options->inbox_prefix) + 1 + NC_CLIENT_ID_SIZE + 24 > NC_CLIENT_INBOX_SIZE)
		return nc_client_fail(error, NACRE_INVALID, "inbox_prefix: malformed or too long");
	if (!is_plain(options->user) || !is_plain(options->password) || !is_plain(options->token)) {
		return nc_client_fail(error, NACRE_INVALID,
		                      "user, password or token: a quotation mark, a backslash or a "
		                      "control character, which the NATS client cannot send");
	}
	if (options->timeout_ms < 1)
		return nc_client_fail(error, NACRE_INVALID, "timeout_ms: at least 1");
	if (options->window < 1 || options->window > NC_CLIENT_WINDOW_MAX) {
		return nc_client_fail(error, NACRE_INVALID, "window: 1 to %u",
		                      NC_CLIENT_WINDOW_MAX);
	}
	return files_check(options, error);
}

int nacre_connect_sized(const struct nacre_options *given, size_t size,
                        struct nacre_client **client_out, struct nacre_error *error)
{
	struct nacre_options options;
	if (!nc_client_take(&options, sizeof options, given, size))
		return nc_client_fail(error, NACRE_INVALID, "options: this library is too old");
	int result = options_check(&options, error);
	if (result != NACRE_OK)
		return result;
	size_t root_size = strlen(options.prefix) + strlen(options.store) + 2;
	struct nacre_client *client = calloc(1, sizeof *client);
	if (client != NULL) {
		(void)pthread_mutex_init(&client->lock, NULL);
		client->root = malloc(root_size);
		client->inbox_prefix = strdup(options.inbox_prefix);
	}
	if (client == NULL || client->root == NULL || client->inbox_prefix == NULL) {
		nacre_close(client);
		return nc_client_fail_nomem(error);
	}
	(void)snprintf(client->root, root_size, "%s.%s", options.prefix, options.store);
	client->timeout_ms = options.timeout_ms;
	if (nc_window_new(client, options.window) != NACRE_OK)
		result = nc_client_fail_nomem(error);
	if (result == NACRE_OK) {
		struct dialling dialling = { client, &options, error, NACRE_OK };
		result = nc_client_apart(dial_work, &dialling) ? dialling.result
		                                               : nc_client_fail_nomem(error);
	}
	if (result == NACRE_OK) {
		*client_out = client;
	} else {
		nacre_close(client);
	}
	return result;
}

void nacre_close(struct nacre_client *client)
{
	if (client == NULL)
		return;
	if (client->window != NULL)
		nc_window_end(client->window);
	natsConnection_Close(client->nc); /* its threads have ended when this returns */
	nc_window_free(client->window);
	nc_client_retired_free(client);
	natsConnection_Destroy(client->nc);
	natsOptions_Destroy(client->dialling);
	(void)pthread_mutex_destroy(&client->lock);
	free(client->root);
	free(client->inbox_prefix);
	free(client);
}
