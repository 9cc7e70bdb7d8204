/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Settings for NATS. */
#include "core/node/common/credentials.h"

void nc_credentials_fill(const struct nc_config *config, struct nc_bus_options *options)
{
	options->name = config->node_id;
	options->user = config->nats_user;
	options->password = config->nats_password;
	options->token = config->nats_token;
	options->nkey_file = config->nats_nkey;
	options->creds_file = config->nats_creds;
	options->ca_file = config->nats_ca;
	options->cert_file = config->nats_cert;
	options->key_file = config->nats_key;
}
