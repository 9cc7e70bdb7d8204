/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Settings that cannot be, alone or together. */
#include <string.h>

#include "core/base/err.h"
#include "core/engine/names.h"
#include "core/node/common/config.h"

/* Refuse a setting. An empty `value` is not shown, as is done with secrets. */
static int refuse(char *fault, const char *name, const char *value, const char *why)
{
	const char *quote = *value == '\0' ? "" : "'";
	(void)snprintf(fault, NC_CONFIG_FAULT_SIZE, "%s%s%s%.64s%s %s", name,
	               *value == '\0' ? "" : " ", quote, value, quote, why);
	return NC_INVALID;
}

bool nc_config_is_cluster(const struct nc_config *config)
{
	return strcmp(config->db_type, "cluster") == 0;
}

static int cluster_check(const struct nc_config *config, char *fault)
{
	if (strcmp(config->db_type, "single") != 0 && strcmp(config->db_type, "cluster") != 0) {
		return refuse(fault, "NACRE_DB_TYPE", config->db_type,
		              "is neither single nor cluster");
	}
	if (nc_config_is_cluster(config) && config->cluster_secret[0] == '\0') {
		return refuse(fault, "NACRE_CLUSTER_SECRET", "",
		              "is empty; a cluster needs one, the same on every node");
	}
	bool gossips = strcmp(config->gossip, "off") != 0;
	if (gossips && strcmp(config->gossip, "multicast") != 0 &&
	    strcmp(config->gossip, "broadcast") != 0) {
		return refuse(fault, "NACRE_GOSSIP", config->gossip,
		              "is neither off, multicast nor broadcast");
	}
	if (gossips && !nc_config_is_cluster(config)) {
		return refuse(fault, "NACRE_GOSSIP", config->gossip,
		              "goes with NACRE_DB_TYPE=cluster");
	}
	if (nc_config_is_cluster(config) && config->nats_url[0] == '\0' && !gossips) {
		return refuse(fault, "NACRE_NATS_URL", "",
		              "is empty; the nodes of a cluster meet on NATS servers that they "
		              "share, or hear of by NACRE_GOSSIP");
	}
	if (strcmp(config->auto_promote, "on") != 0 && strcmp(config->auto_promote, "off") != 0) {
		return refuse(fault, "NACRE_AUTO_PROMOTE", config->auto_promote,
		              "is neither on nor off");
	}
	return NC_OK;
}

/* Whether what follows the host is a port, if anything does. A password may hold a colon, and so
 * may an address of IPv6, which then is in brackets. */
static bool has_port_that_may_be(const char *url, size_t size)
{
	const char *end = url + size, *host = memmem(url, size, "://", 3);
	const char *password_end = memrchr(url, '@', size);
	host = password_end != NULL ? password_end + 1 : host != NULL ? host + 3 : url;
	const char *bracket = memrchr(host, ']', (size_t)(end - host));
	const char *colon = memchr(bracket == NULL ? host : bracket, ':',
	                           (size_t)(end - (bracket == NULL ? host : bracket)));
	unsigned port = 0;
	if (colon == NULL)
		return true;
	const char *at = colon + 1;
	for (; at < end && *at >= '0' && *at <= '9' && port <= UINT16_MAX; at++)
		port = port * 10 + (unsigned)(*at - '0');
	while (at < end && (*at == ' ' || *at == '/'))
		at++;
	return at == end && port > 0 && port <= UINT16_MAX;
}

/* What is wrong with these URLs, which are comma-separated, each with a scheme that NATS knows or
 * none. The answer shows no passwords. */
static const char *urls_fault(const char *urls)
{
	static const char *const schemes[] = { "nats", "tls" };
	for (const char *at = urls; *at != '\0';) {
		size_t size = strcspn(at, ",");
		while (size > 0 && *at == ' ')
			at++, size--;
		if (size == 0)
			return "has an empty URL";
		const char *colon = memmem(at, size, "://", 3);
		bool known = colon == NULL;
		for (size_t i = 0; i < sizeof schemes / sizeof schemes[0] && !known; i++) {
			known = strlen(schemes[i]) == (size_t)(colon - at) &&
			        memcmp(schemes[i], at, (size_t)(colon - at)) == 0;
		}
		if (!known)
			return "has a URL whose scheme is neither nats nor tls";
		if (!has_port_that_may_be(at, size))
			return "has a URL whose port is not a number from 1 to 65535";
		at += size;
		at += *at == ',';
	}
	return NULL;
}

/* The connection as a leaf node is in the clear, and knows users with passwords. */
static int leaf_check(const struct nc_config *config, char *fault)
{
	bool tls = config->nats_ca[0] != '\0' || config->nats_cert[0] != '\0' ||
	           strstr(config->nats_url, "tls://") != NULL;
	bool used = config->nats_leaf_port != 0;
	if (used && config->nats_url[0] == '\0' && !nc_config_is_cluster(config)) {
		return refuse(fault, "NACRE_NATS_LEAF_PORT", "",
		              "goes with NACRE_NATS_URL; the node's own server has such a port by "
		              "itself");
	}
	if (used && tls) {
		return refuse(fault, "NACRE_NATS_LEAF_PORT", "",
		              "does not go with TLS: its connection would be in the clear");
	}
	if (config->nats_leaf_user[0] != '\0' && !used)
		return refuse(fault, "NACRE_NATS_LEAF_USER", config->nats_leaf_user,
		              "goes with NACRE_NATS_LEAF_PORT");
	if (config->nats_leaf_password[0] != '\0' && config->nats_leaf_user[0] == '\0')
		return refuse(fault, "NACRE_NATS_LEAF_PASSWORD", "",
		              "goes with NACRE_NATS_LEAF_USER");
	return NC_OK;
}

/* Why no store may lie below this first token of subjects; NULL: it may. */
static const char *prefix_fault(const char *prefix)
{
	const char *why = nc_name_word_fault(nc_slice_str(prefix));
	if (why != NULL)
		return why;
	if (strcmp(prefix, "_es") == 0)
		return "is the nodes' own root";
	/* No request is carried out whose reply subject lies below the prefix. */
	if (strcmp(prefix, "_INBOX") == 0 || strcmp(prefix, "_R_") == 0 ||
	    strcmp(prefix, "_GR_") == 0)
		return "is where clients, or servers for them, are answered";
	return NULL;
}

int nc_config_check(const struct nc_config *config, char fault[NC_CONFIG_FAULT_SIZE])
{
	const char *why = nc_name_store_fault(nc_slice_str(config->store_id));
	if (why != NULL)
		return refuse(fault, "NACRE_STORE_ID", config->store_id, why);
	why = nc_name_word_fault(nc_slice_str(config->node_id));
	if (why != NULL)
		return refuse(fault, "NACRE_NODE_ID", config->node_id, why);
	why = prefix_fault(config->prefix);
	if (why != NULL)
		return refuse(fault, "NACRE_PREFIX", config->prefix, why);
	why = urls_fault(config->nats_url);
	if (why != NULL)
		return refuse(fault, "NACRE_NATS_URL", "", why); /* it may hold a password */
	int err = cluster_check(config, fault);
	if (err != NC_OK)
		return err;
	if (strcmp(config->feed, "on") != 0 && strcmp(config->feed, "off") != 0)
		return refuse(fault, "NACRE_FEED", config->feed, "is neither on nor off");
	if (strcmp(config->plugin_isolation, "process") != 0 &&
	    strcmp(config->plugin_isolation, "none") != 0) {
		return refuse(fault, "NACRE_PLUGIN_ISOLATION", config->plugin_isolation,
		              "is neither process nor none");
	}
	int leaf_err = leaf_check(config, fault);
	if (leaf_err != NC_OK)
		return leaf_err;
	if (config->data_dir[0] == '\0')
		return refuse(fault, "NACRE_DATA_DIR", "", "is empty");
	if (strlen(config->data_dir) > NC_DATA_DIR_SIZE_MAX) {
		char long_why[64];
		(void)snprintf(long_why, sizeof long_why, "is longer than %d bytes",
		               NC_DATA_DIR_SIZE_MAX);
		return refuse(fault, "NACRE_DATA_DIR", config->data_dir, long_why);
	}
	if ((config->nats_cert[0] == '\0') != (config->nats_key[0] == '\0'))
		return refuse(fault, "NATS_CERT", config->nats_cert, "goes with NATS_KEY");
	if ((config->nats_password[0] != '\0') && config->nats_user[0] == '\0')
		return refuse(fault, "NATS_PASSWORD", "", "goes with NATS_USER");
	return NC_OK;
}
