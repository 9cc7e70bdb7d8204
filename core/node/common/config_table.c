/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The table of settings: what each is called, what it may be, and what it is about. */
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/err.h"
#include "core/node/common/config_private.h"

#define TEXT_SIZE_MAX 4096
#define FLAG_SIZE     64 /* bytes of the longest flag, without its dashes, and its NUL */

enum kind { TEXT, NUMBER };

struct nc_setting {
	const char *name; /* NACRE_ and NATS_ are part of it */
	enum kind kind;
	size_t offset;
	const char *standard; /* default */
	uint64_t least, most; /* of a number */
	const char *help;
};

#define AT(member) offsetof(struct nc_config, member)

static const struct nc_setting settings[] = {
	{ "NACRE_STORE_ID", TEXT, AT(store_id), "nacre", 0, 0, "name of the store" },
	{ "NACRE_NODE_ID", TEXT, AT(node_id), "n1", 0, 0, "name of this node" },
	{ "NACRE_DATA_DIR", TEXT, AT(data_dir), "nacre-data", 0, 0,
	  "where everything is kept; made if missing" },
	{ "NACRE_DB_TYPE", TEXT, AT(db_type), "single", 0, 0, "single, or cluster" },
	{ "NACRE_CLUSTER_SECRET", TEXT, AT(cluster_secret), "", 0, 0,
	  "shared by the nodes of a cluster; a single node needs none" },
	{ "NACRE_CLUSTER_SECRET_ALSO", TEXT, AT(cluster_secret_also), "", 0, 0,
	  "another one that is accepted, while secrets are changed" },
	{ "NACRE_BOOTSTRAP_EXPECT", NUMBER, AT(bootstrap_expect), "3", 1, 16,
	  "so many nodes with empty disks found a new cluster" },
	{ "NACRE_AUTO_PROMOTE", TEXT, AT(auto_promote), "on", 0, 0,
	  "a node that joins votes when it has caught up: on or off" },
	{ "NACRE_GOSSIP", TEXT, AT(gossip), "off", 0, 0,
	  "tell and hear by UDP where the NATS servers are: off, multicast or broadcast" },
	{ "NACRE_GOSSIP_GROUP", TEXT, AT(gossip_group), "", 0, 0,
	  "address it is sent to; none: 239.255.45.89, or 255.255.255.255" },
	{ "NACRE_GOSSIP_INTERFACE", TEXT, AT(gossip_interface), "", 0, 0,
	  "address of the interface for multicast" },
	{ "NACRE_GOSSIP_PORT", NUMBER, AT(gossip_port), "45892", 1, 65535, "UDP port" },
	{ "NACRE_GOSSIP_TTL", NUMBER, AT(gossip_ttl), "1", 1, 255, "hops of multicast" },
	{ "NACRE_PREFIX", TEXT, AT(prefix), "es", 0, 0,
	  "first token of the subjects, <prefix>.<store>.>" },
	{ "NACRE_NATS_URL", TEXT, AT(nats_url), "", 0, 0,
	  "NATS servers, comma-separated; none: start one on loopback" },
	{ "NACRE_NATS_PORT", NUMBER, AT(nats_port), "0", 0, 65535,
	  "port of the server that the node starts; 0: a free one" },
	{ "NACRE_NATS_SERVER", TEXT, AT(nats_server), "nats-server", 0, 0,
	  "program of the server that the node starts" },
	{ "NACRE_NATS_LEAF_PORT", NUMBER, AT(nats_leaf_port), "0", 0, 65535,
	  "the servers' port for leaf nodes, to know who listens to the feed; 0: not used" },
	{ "NACRE_NATS_LEAF_USER", TEXT, AT(nats_leaf_user), "", 0, 0,
	  "user there; none: as NATS_USER" },
	{ "NACRE_NATS_LEAF_PASSWORD", TEXT, AT(nats_leaf_password), "", 0, 0, "its password" },
	{ "NATS_USER", TEXT, AT(nats_user), "", 0, 0, "user for NATS" },
	{ "NATS_PASSWORD", TEXT, AT(nats_password), "", 0, 0, "password for NATS" },
	{ "NATS_TOKEN", TEXT, AT(nats_token), "", 0, 0, "token for NATS" },
	{ "NATS_NKEY", TEXT, AT(nats_nkey), "", 0, 0, "file with an nkey seed" },
	{ "NATS_CREDS", TEXT, AT(nats_creds), "", 0, 0, "credentials file (JWT and seed)" },
	{ "NATS_CA", TEXT, AT(nats_ca), "", 0, 0, "file of certificates to trust; turns TLS on" },
	{ "NATS_CERT", TEXT, AT(nats_cert), "", 0, 0, "client certificate file" },
	{ "NATS_KEY", TEXT, AT(nats_key), "", 0, 0, "its private key file" },
	{ "NACRE_TIMEOUT_MS", NUMBER, AT(timeout_ms), "4000", 10, 600000,
	  "a request not done by then is answered 503" },
	{ "NACRE_FEED", TEXT, AT(feed), "on", 0, 0, "live feed on <root>.event.>: on or off" },
	{ "NACRE_PLUGIN_DIR", TEXT, AT(plugin_dir), "", 0, 0,
	  "directories of filter plugins, ':' between them, beside the bundled ones" },
	{ "NACRE_PLUGIN_ISOLATION", TEXT, AT(plugin_isolation), "process", 0, 0,
	  "plugins that are not bundled run in a process each, or none: in the node" },
	{ "NACRE_SUB_LAG_S", NUMBER, AT(sub_lag_s), "60", 1, 86400,
	  "a subscription whose oldest undone event is older is said to lag" },
	{ "NACRE_MAX_EVENT_BYTES", NUMBER, AT(max_event_bytes), "1048576", 1, 67108864,
	  "largest data of an event" },
	{ "NACRE_SNAPSHOT_KEEP", NUMBER, AT(snapshot_keep), "0", 0, 1000000,
	  "newest snapshots of a stream that are kept, the leader says; 0: all" },
	{ "NACRE_TAIL_MB", NUMBER, AT(tail_mb), "64", 1, 65536,
	  "newest entries of the log kept in memory for followers" },
	{ "NACRE_LOG_KEEP_MB", NUMBER, AT(log_keep_mb), "1024", 1, 16777216,
	  "log kept for followers that are behind; further back they get the state" },
	{ "NACRE_LOG_KEEP_S", NUMBER, AT(log_keep_s), "86400", 1, 31536000,
	  "and for so many seconds at the most" },
	{ "NACRE_CHECK_S", NUMBER, AT(check_s), "86400", 0, 31536000,
	  "the node checks all that it keeps, so often; 0: when asked" },
	{ "NACRE_CACHE_MB", NUMBER, AT(cache_mb), "512", 16, 1048576, "cache of the tables" },
	{ "NACRE_READERS", NUMBER, AT(readers), "2", 1, 64, "threads that read" },
	{ "NACRE_LOG_SEGMENT_MB", NUMBER, AT(log_segment_mb), "64", 1, 1024,
	  "size of a file of the log, at most (less on a small disk)" },
	{ "NACRE_CHECKPOINT_LOG_MB", NUMBER, AT(checkpoint_log_mb), "128", 1, 65536,
	  "a checkpoint each so many MiB of log" },
	{ "NACRE_CHECKPOINT_S", NUMBER, AT(checkpoint_s), "60", 1, 86400,
	  "and at the latest so many seconds after a change" },
	{ "NACRE_DISK_RESERVE_MB", NUMBER, AT(disk_reserve_mb), "0", 0, 1048576,
	  "read-only below so much free space; 0: by the size of the disk" },
	{ "NACRE_PENDING_MB", NUMBER, AT(pending_mb), "64", 1, 65536,
	  "requests held in memory, beyond: 429" },
};
enum { SETTING_COUNT = sizeof settings / sizeof settings[0] };

static char **text_of(struct nc_config *config, const struct nc_setting *setting)
{
	return (char **)(void *)((char *)config + setting->offset);
}

static int number_set(struct nc_config *config, const struct nc_setting *setting, const char *value,
                      char *fault)
{
	char *end;
	errno = 0;
	unsigned long long number = strtoull(value, &end, 10);
	if (*value < '0' || *value > '9' || *end != '\0' || errno != 0 || number < setting->least ||
	    number > setting->most) {
		(void)snprintf(fault, NC_CONFIG_FAULT_SIZE,
		               "%s: '%.64s' is not a number from %llu to %llu", setting->name,
		               value, (unsigned long long)setting->least,
		               (unsigned long long)setting->most);
		return NC_INVALID;
	}
	*(uint64_t *)(void *)((char *)config + setting->offset) = number;
	return NC_OK;
}

int nc_setting_set(struct nc_config *config, const struct nc_setting *setting, const char *value,
                   char fault[NC_CONFIG_FAULT_SIZE])
{
	if (setting->kind == NUMBER)
		return number_set(config, setting, value, fault);
	if (strlen(value) > TEXT_SIZE_MAX) {
		(void)snprintf(fault, NC_CONFIG_FAULT_SIZE, "%s: longer than %d bytes",
		               setting->name, TEXT_SIZE_MAX);
		return NC_INVALID;
	}
	char *copy = strdup(value);
	if (copy == NULL)
		return NC_NOMEM;
	char **text = text_of(config, setting);
	free(*text);
	*text = copy;
	return NC_OK;
}

const struct nc_setting *nc_setting_by_name(const char *name, size_t size)
{
	for (size_t i = 0; i < SETTING_COUNT; i++) {
		if (strlen(settings[i].name) == size && memcmp(settings[i].name, name, size) == 0)
			return &settings[i];
	}
	return NULL;
}

/* Spell a setting's flag: --store-id for NACRE_STORE_ID, --nats-user for NATS_USER. */
static void flag_spell(const struct nc_setting *setting, char *flag, size_t size)
{
	const char *name = setting->name;
	if (strncmp(name, "NACRE_", 6) == 0)
		name += 6;
	size_t at = 0;
	for (; name[at] != '\0' && at + 1 < size; at++)
		flag[at] = (char)(name[at] == '_' ? '-' : name[at] | 0x20);
	flag[at] = '\0';
}

const struct nc_setting *nc_setting_by_flag(const char *name, size_t size)
{
	char flag[FLAG_SIZE];
	for (size_t i = 0; i < SETTING_COUNT; i++) {
		flag_spell(&settings[i], flag, sizeof flag);
		if (strlen(flag) == size && memcmp(flag, name, size) == 0)
			return &settings[i];
	}
	return NULL;
}

int nc_setting_defaults(struct nc_config *config, char fault[NC_CONFIG_FAULT_SIZE])
{
	int err = NC_OK;
	for (size_t i = 0; i < SETTING_COUNT && err == NC_OK; i++)
		err = nc_setting_set(config, &settings[i], settings[i].standard, fault);
	return err;
}

void nc_config_release(struct nc_config *config)
{
	for (size_t i = 0; i < SETTING_COUNT; i++) {
		if (settings[i].kind != TEXT)
			continue;
		char **text = text_of(config, &settings[i]);
		free(*text);
		*text = NULL;
	}
}

void nc_config_help(FILE *out)
{
	(void)fprintf(
	        out,
	        "usage: nacred [--config FILE] [--SETTING VALUE ...]\n"
	        "       nacred recover [--SETTING VALUE ...] [--yes]   a lost majority: say, or\n"
	        "                                                      make, a cluster of one\n"
	        "       nacred restore BACKUP [--SETTING VALUE ...]    a new data directory from "
	        "a backup\n\n"
	        "A node of a Nacre event store. With no settings it is a working store, with a\n"
	        "NATS server of its own on loopback.\n\n"
	        "  nacred --store-id shop --data-dir /var/lib/nacre\n"
	        "  NACRE_NATS_URL=nats://127.0.0.1:4222 nacred\n\n"
	        "Each setting is a flag, an environment variable, and a line of the file;\n"
	        "flags win over the environment, that over the file:\n\n");
	for (size_t i = 0; i < SETTING_COUNT; i++) {
		char flag[FLAG_SIZE];
		flag_spell(&settings[i], flag, sizeof flag);
		(void)fprintf(out, "  --%-20s %-25s %s%s%s%s\n", flag, settings[i].name,
		              settings[i].help, settings[i].standard[0] == '\0' ? "" : " [",
		              settings[i].standard, settings[i].standard[0] == '\0' ? "" : "]");
	}
	(void)fprintf(out, "\n  --verify   check the data directory of a stopped node, event by "
	                   "event; says the "
	                   "first that is bad\n  --help  --version\n");
}
