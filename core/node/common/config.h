/* SPDX-License-Identifier: GPL-3.0-or-later */
/* config.h -- the node's settings. One name each, in three places: a flag (--store-id), an
 * environment variable (NACRE_STORE_ID), a line of the file that --config names
 * (NACRE_STORE_ID=shop). Flags win over the environment, that over the file. What is unknown or out
 * of range is refused, by name.
 *
 * Ownership: strings are copies that nc_config_release() frees.
 */
#ifndef NC_CORE_NODE_COMMON_CONFIG_H
#define NC_CORE_NODE_COMMON_CONFIG_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

/* Bytes of NACRE_DATA_DIR: so much shorter than a path may be that every file beneath it has a name
 * which is not cut off. */
#define NC_DATA_DIR_SIZE_MAX (PATH_MAX - 512)

struct nc_config {
	char *store_id, *prefix, *db_type, *node_id, *data_dir, *cluster_secret,
	        *cluster_secret_also;
	char *auto_promote;
	char *gossip, *gossip_group, *gossip_interface;
	uint64_t gossip_port, gossip_ttl;
	char *nats_url; /* "": start a server of our own */
	char *nats_server;
	char *nats_user, *nats_password, *nats_token, *nats_nkey, *nats_creds;
	char *nats_leaf_user, *nats_leaf_password;
	uint64_t nats_leaf_port; /* of the servers of nats_url; 0: not used */
	char *nats_ca, *nats_cert, *nats_key;
	char *feed;
	char *plugin_dir; /* directories, ':' between them; beside the bundled ones */
	char *plugin_isolation;
	uint64_t nats_port; /* of our own server; 0: a free one */
	uint64_t bootstrap_expect;
	uint64_t timeout_ms;
	uint64_t sub_lag_s; /* older than that is lagging */
	uint64_t max_event_bytes;
	uint64_t snapshot_keep; /* of a stream's; 0: all */
	uint64_t tail_mb;       /* of entries in memory for followers */
	uint64_t log_keep_mb;   /* of log for followers that are behind */
	uint64_t log_keep_s;    /* and so long at the most */
	uint64_t check_s;       /* between two checks of all that is kept; 0: none */
	uint64_t cache_mb;
	uint64_t readers;
	uint64_t log_segment_mb;
	uint64_t checkpoint_log_mb;
	uint64_t checkpoint_s;
	uint64_t disk_reserve_mb; /* 0: chosen by the size of the disk */
	uint64_t pending_mb;
	bool help, version, verify; /* asked for by a flag alone */
};

/* Read all three places. On failure `fault` says what and why. Errors: NC_INVALID; NC_NOMEM; NC_IO,
 * the file cannot be read. */
#define NC_CONFIG_FAULT_SIZE 512
int nc_config_read(int argc, char **argv, char **environment, struct nc_config *config_out,
                   char fault[NC_CONFIG_FAULT_SIZE]);
void nc_config_release(struct nc_config *config);

/* How many arguments the flag at argv[at] takes, itself among them: 1 or 2; 0: it is none. */
int nc_config_flag_size(char **argv, int at);

/* Whether the settings go together; nc_config_read() asks. Errors: NC_INVALID, with `fault`. */
int nc_config_check(const struct nc_config *config, char fault[NC_CONFIG_FAULT_SIZE]);

/* One of several nodes (NACRE_DB_TYPE). */
bool nc_config_is_cluster(const struct nc_config *config);

/* What --help prints. */
void nc_config_help(FILE *out);

#endif
