/* SPDX-License-Identifier: GPL-3.0-or-later */
/* nacre restore: described here, done by nacre-restore. It makes a node's files, which only the
 * node's own program knows. */
#include "transport/cli/commands.h"

static const struct nc_cli_option options[] = {
	{ "config", 0, "FILE", "The node's file of settings.", false },
	{ "data-dir", 0, "DIRECTORY", "Its data directory, empty or not there (NACRE_DATA_DIR).",
	  false },
	{ "store-id", 0, "NAME", "Its store; may be another name (NACRE_STORE_ID).", false },
	{ "node-id", 0, "NAME", "Its name (NACRE_NODE_ID).", false },
	{ NULL, 0, NULL, NULL, false },
};

static const struct nc_cli_example examples[] = {
	{ "a store as it was on Monday",
	  "nacre restore /backups/shop-monday --data-dir /var/lib/nacre --store-id shop" },
	{ "beside the store, to look at it",
	  "nacre restore /backups/shop-monday --data-dir /tmp/look --store-id look" },
	{ NULL, NULL },
};

const struct nc_cli_command nc_cli_restore = {
	.name = "restore",
	.words = "BACKUP",
	.words_min = 1,
	.words_max = 1,
	.summary = "Make a node's data directory of a backup.",
	.details =
	        "Every checksum is held against what was written, and every table is read through, "
	        "before anything is made of it. Then it is a cluster of its own, of one node, on "
	        "which nacred starts; with NACRE_DB_TYPE=cluster others join it, with empty data "
	        "directories.\n\n"
	        "What was acknowledged after the backup is not in it. Nodes of the old cluster "
	        "must "
	        "not run beside it under the same store's name.\n\n"
	        "It is 'nacred restore', takes the settings as the node does, from flags, the "
	        "environment and --config, and ends with nacred's exit codes: 65 where the backup "
	        "is "
	        "damaged or not whole, 73 where it is not there, the data directory is not empty, "
	        "or "
	        "has no room.",
	.options = options,
	.examples = examples,
	.program = "nacre-restore",
};
