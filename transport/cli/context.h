/* SPDX-License-Identifier: GPL-3.0-or-later */
/* context.h -- natscli's contexts: ~/.config/nats/context/NAME.json, and context.txt, which names
 * the selected one
 * ($XDG_CONFIG_HOME takes the place of ~/.config).
 *
 * A context that asks for something not done here (nsc, user_jwt, user_seed, socks_proxy,
 * tls_first, a key in a Windows store) is refused by name rather than connected otherwise.
 */
#ifndef NC_TRANSPORT_CLI_CONTEXT_H
#define NC_TRANSPORT_CLI_CONTEXT_H

#include <stdbool.h>
#include <stddef.h>

/* Members that are not there are NULL. */
struct nc_cli_context {
	char *url, *user, *password, *token, *creds, *nkey, *ca, *cert, *key, *inbox_prefix;
};

/* The name that context.txt holds, which the caller frees; NULL: none is selected. */
char *nc_cli_context_selected(void);

/* Errors: false, and `why` says which file is wrong and how. It never says what a member holds. */
bool nc_cli_context_load(struct nc_cli_context *context, const char *name, char *why,
                         size_t why_size);
void nc_cli_context_release(struct nc_cli_context *context);

#endif
