/* SPDX-License-Identifier: GPL-3.0-or-later */
/* nacre cluster recover: described here, done by nacre-cluster-recover. It works on a stopped
 * node's files, which only the node's own program knows. */
#include "transport/cli/commands.h"

static const struct nc_cli_option options[] = {
	{ "yes", 0, NULL, "Do it; without it only what may be lost is said.", false },
	{ "config", 0, "FILE", "The node's file of settings.", false },
	{ "data-dir", 0, "DIRECTORY", "Its data directory (NACRE_DATA_DIR).", false },
	{ "store-id", 0, "NAME", "Its store (NACRE_STORE_ID).", false },
	{ "node-id", 0, "NAME", "Its name (NACRE_NODE_ID).", false },
	{ NULL, 0, NULL, NULL, false },
};

static const struct nc_cli_example examples[] = {
	{ "what this node has, and what may be lost",
	  "nacre cluster recover --config /etc/nacre.conf" },
	{ "make it a cluster of its own", "nacre cluster recover --config /etc/nacre.conf --yes" },
	{ NULL, NULL },
};

const struct nc_cli_command nc_cli_cluster_recover = {
	.name = "cluster recover",
	.words = "",
	.summary = "Make a new cluster of one stopped node.",
	.details =
	        "For when a majority of the voters is gone for good. On the host of a node that is "
	        "left, and is stopped: says where its log ends and what may be lost. With --yes it "
	        "makes a new cluster of this node alone. Choose the node whose log ends last.\n\n"
	        "The other nodes must not come back with the data they have. Empty their data "
	        "directories before they are started; they join this one.\n\n"
	        "It is 'nacred recover', takes the settings as the node does, from flags, the "
	        "environment and --config, and ends with nacred's exit codes: 73 where the "
	        "directory is in use or belongs to no cluster.",
	.options = options,
	.examples = examples,
	.program = "nacre-cluster-recover",
};
