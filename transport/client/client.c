/* SPDX-License-Identifier: Apache-2.0 */
/* The connection's life. */
#include <stdlib.h>
#include <string.h>

#include "transport/client/client_private.h"

#define SERVERS_MAX 32

void nacre_options_init(struct nacre_options *options)
{
	memset(options, 0, sizeof *options);
	options->url = "nats://127.0.0.1:4222";
	options->prefix = "es";
	options->name = "libnacre";
	options->timeout_ms = 10000;
}

static natsStatus servers_set(natsOptions *to, const char *url)
{
	char *list = strdup(url), *rest = NULL;
	const char *servers[SERVERS_MAX];
	int count = 0;
	if (list == NULL)
		return NATS_NO_MEMORY;
	for (char *at = strtok_r(list, ", ", &rest); at != NULL && count < SERVERS_MAX;
	     at = strtok_r(NULL, ", ", &rest))
		servers[count++] = at;
	natsStatus status =
	        count == 0 ? NATS_INVALID_ARG : natsOptions_SetServers(to, servers, count);
	free(list);
	return status;
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

static natsStatus options_fill(natsOptions *to, const struct nacre_options *from)
{
	natsStatus status = servers_set(to, from->url);
	if (status == NATS_OK)
		status = natsOptions_SetName(to, from->name);
	if (status == NATS_OK)
		status = natsOptions_SetMaxReconnect(to, -1);
	/* Without it each message waits for a flusher that sleeps a millisecond. */
	if (status == NATS_OK)
		status = natsOptions_SetSendAsap(to, true);
	if (status == NATS_OK && from->user != NULL)
		status = natsOptions_SetUserInfo(to, from->user, from->password);
	if (status == NATS_OK && from->token != NULL)
		status = natsOptions_SetToken(to, from->token);
	if (status == NATS_OK && from->creds_file != NULL)
		status = natsOptions_SetUserCredentialsFromFiles(to, from->creds_file, NULL);
	return status == NATS_OK ? tls_set(to, from) : status;
}

static natsStatus dial(natsConnection **nc_out, const struct nacre_options *options)
{
	natsOptions *nats = NULL;
	natsStatus status = natsOptions_Create(&nats);
	if (status == NATS_OK)
		status = options_fill(nats, options);
	if (status == NATS_OK)
		status = natsConnection_Connect(nc_out, nats);
	natsOptions_Destroy(nats);
	return status;
}

/* One or more tokens, none of them empty or a wildcard. */
static bool subject_valid(const char *text)
{
	size_t size = strlen(text);
	return size > 0 && text[0] != '.' && text[size - 1] != '.' && strstr(text, "..") == NULL &&
	       strpbrk(text, "*> \t\r\n") == NULL;
}

int nacre_connect(const struct nacre_options *options, struct nacre_client **client_out,
                  struct nacre_error *error)
{
	if (options->store == NULL || !subject_valid(options->store) ||
	    strchr(options->store, '.') != NULL)
		return nc_client_fail(error, NACRE_INVALID, "store: not a store's name");
	if (options->url == NULL || options->prefix == NULL || !subject_valid(options->prefix))
		return nc_client_fail(error, NACRE_INVALID, "url or prefix: missing or malformed");
	if (options->timeout_ms < 1)
		return nc_client_fail(error, NACRE_INVALID, "timeout_ms: at least 1");
	size_t root_size = strlen(options->prefix) + strlen(options->store) + 2;
	struct nacre_client *client = calloc(1, sizeof *client);
	if (client != NULL)
		client->root = malloc(root_size);
	if (client == NULL || client->root == NULL) {
		nacre_close(client);
		return nc_client_fail(error, NACRE_NOMEM, "out of memory");
	}
	(void)snprintf(client->root, root_size, "%s.%s", options->prefix, options->store);
	client->timeout_ms = options->timeout_ms;
	natsStatus status = dial(&client->nc, options);
	if (status != NATS_OK) {
		nacre_close(client);
		(void)nc_client_fail_nats(error, status, "connect");
		return status == NATS_NO_MEMORY ? NACRE_NOMEM : NACRE_CONNECTION;
	}
	*client_out = client;
	return NACRE_OK;
}

void nacre_close(struct nacre_client *client)
{
	if (client == NULL)
		return;
	natsConnection_Destroy(client->nc);
	free(client->root);
	free(client);
}
