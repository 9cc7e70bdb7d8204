/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A server and credentials, as nats.c wants them. */
#include "transport/nats/bus_options.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/base/nkey.h"

static bool given(const char *text)
{
	return text != NULL && *text != '\0';
}

void nc_bus_reason(natsStatus status, bool tls, char reason_out[NC_BUS_REASON_SIZE])
{
	const char *text = natsStatus_GetText(status);
	/* which certificate, and what is wrong with it; what a file of credentials lacks */
	if (status == NATS_SSL_ERROR || status == NATS_ERR) {
		natsStatus last = NATS_OK;
		const char *more = nats_GetLastError(&last);
		const char *from = more == NULL ? NULL : strstr(more, "): "); /* "(conn.c:733): " */
		if (from != NULL && last == status)
			text = from + strlen("): ");
	} else if (status == NATS_PROTOCOL_ERROR && tls) {
		/* With TLS 1.3 a client has done its part when the server refuses its certificate.
		 */
		text = "the server ended the connection; if it asks for a certificate, NATS_CERT "
		       "is to name one that it trusts";
	} else if (status == NATS_PROTOCOL_ERROR) {
		text = "the server took the connection and ended it, perhaps since it has as many "
		       "as its max_connections; its log says why";
	}
	(void)snprintf(reason_out, NC_BUS_REASON_SIZE, "%s", text);
}

static int refuse(char *fault, const char *what, natsStatus status)
{
	char reason[NC_BUS_REASON_SIZE];
	nc_bus_reason(status, false, reason);
	(void)snprintf(fault, NC_BUS_FAULT_SIZE, "%s: %s", what, reason);
	return status == NATS_NO_MEMORY ? NC_NOMEM : NC_INVALID;
}

/* Name a missing file now, rather than at the first attempt to connect. */
static int file_check(const char *name, const char *path, char *fault)
{
	if (!given(path) || access(path, R_OK) == 0)
		return NC_OK;
	(void)snprintf(fault, NC_BUS_FAULT_SIZE, "%s: cannot read %.160s", name, path);
	return NC_INVALID;
}

static int files_check(const struct nc_bus_options *from, char *fault)
{
	int err = file_check("NATS_NKEY", from->nkey_file, fault);
	if (err == NC_OK)
		err = file_check("NATS_CREDS", from->creds_file, fault);
	if (err == NC_OK)
		err = file_check("NATS_CA", from->ca_file, fault);
	if (err == NC_OK)
		err = file_check("NATS_CERT", from->cert_file, fault);
	return err == NC_OK ? file_check("NATS_KEY", from->key_file, fault) : err;
}

static bool url_is_tls(const char *urls)
{
	for (const char *at = urls; given(at); at += strcspn(at, ", ")) {
		at += strspn(at, ", ");
		if (strncmp(at, "tls://", strlen("tls://")) == 0)
			return true;
	}
	return false;
}

bool nc_bus_options_tls(const struct nc_bus_options *from)
{
	return given(from->ca_file) || given(from->cert_file) || url_is_tls(from->url);
}

natsStatus nc_bus_options_server(natsOptions *to, bool tls, const struct nc_bus_server *server)
{
	const char *url = server->url;
	natsStatus status = natsOptions_SetServers(to, &url, 1);
	if (status == NATS_OK && tls) {
		status = natsOptions_SetExpectedHostname(
		        to, given(server->tls_name) ? server->tls_name : NULL);
	}
	return status;
}

/* nats.c puts these into a JSON text as they are: the server would not understand it, and end the
 * connection. */
static int plain_check(const char *name, const char *text, char *fault)
{
	for (const char *at = given(text) ? text : ""; *at != '\0'; at++) {
		if (*at != '"' && *at != '\\' && (unsigned char)*at >= ' ')
			continue;
		(void)snprintf(fault, NC_BUS_FAULT_SIZE,
		               "%s: holds a quotation mark, a backslash or a control character, "
		               "which the NATS client cannot send",
		               name);
		return NC_INVALID;
	}
	return NC_OK;
}

static int words_check(const struct nc_bus_options *from, char *fault)
{
	int err = plain_check("NATS_USER", from->user, fault);
	if (err == NC_OK)
		err = plain_check("NATS_PASSWORD", from->password, fault);
	return err == NC_OK ? plain_check("NATS_TOKEN", from->token, fault) : err;
}

/* The first line that begins like a seed is the seed. */
static int nkey_set(natsOptions *to, const char *path, char *fault)
{
	char key[NC_NKEY_TEXT_SIZE], line[512];
	FILE *file = fopen(path, "re");
	int err = NC_INVALID;
	while (file != NULL && err != NC_OK && fgets(line, sizeof line, file) != NULL)
		err = nc_nkey_public(line, key);
	if (file != NULL)
		(void)fclose(file);
	explicit_bzero(line, sizeof line);
	if (err != NC_OK) {
		(void)snprintf(fault, NC_BUS_FAULT_SIZE,
		               "NATS_NKEY: %.160s holds no seed of a user", path);
		return NC_INVALID;
	}
	natsStatus status = natsOptions_SetNKeyFromSeed(to, key, path);
	return status == NATS_OK ? NC_OK : refuse(fault, "NATS_NKEY", status);
}

static int tls_set(natsOptions *to, const struct nc_bus_options *from, char *fault)
{
	if (!nc_bus_options_tls(from))
		return NC_OK;
	const char *what = "NATS_CA";
	natsStatus status = natsOptions_SetSecure(to, true);
	if (status == NATS_OK && given(from->ca_file))
		status = natsOptions_LoadCATrustedCertificates(to, from->ca_file);
	if (status == NATS_OK && given(from->cert_file)) {
		what = "NATS_CERT or NATS_KEY";
		status = natsOptions_LoadCertificatesChain(to, from->cert_file, from->key_file);
	}
	return status == NATS_OK ? NC_OK : refuse(fault, what, status);
}

int nc_bus_options_fill(natsOptions *to, const struct nc_bus_options *from,
                        char fault[NC_BUS_FAULT_SIZE])
{
	int err = files_check(from, fault);
	if (err == NC_OK)
		err = words_check(from, fault);
	if (err != NC_OK)
		return err;
	natsStatus status = NATS_OK;
	if (given(from->user))
		status = natsOptions_SetUserInfo(to, from->user, from->password);
	if (status == NATS_OK && given(from->token))
		status = natsOptions_SetToken(to, from->token);
	if (status != NATS_OK)
		return refuse(fault, "NATS_USER, NATS_PASSWORD or NATS_TOKEN", status);
	if (given(from->nkey_file))
		err = nkey_set(to, from->nkey_file, fault);
	if (err != NC_OK)
		return err;
	if (given(from->creds_file))
		status = natsOptions_SetUserCredentialsFromFiles(to, from->creds_file, NULL);
	if (status != NATS_OK)
		return refuse(fault, "NATS_CREDS", status);
	return tls_set(to, from, fault);
}
