/* SPDX-License-Identifier: GPL-3.0-or-later */
/* exit_code.h -- what nacred exits with: of sysexits where they fit; docs/operations.md. */
#ifndef NC_CORE_NODE_COMMON_EXIT_CODE_H
#define NC_CORE_NODE_COMMON_EXIT_CODE_H

enum {
	NC_EXIT_OK = 0,
	NC_EXIT_SETTINGS = 64, /* unknown or wrong settings */
	NC_EXIT_CORRUPT = 65,  /* stored data does not hold */
	NC_EXIT_NATS = 69,     /* no nats-server could be started */
	NC_EXIT_RUNTIME = 70,  /* the node could not go on, or could not checkpoint at its end */
	/* Another's directory, or in use, or not to be written; or another serves the store. */
	NC_EXIT_DIRECTORY = 73,
};

/* Of a start that gave `err`, NC_OK among them; and of a node that served, and cannot go on, or
 * could not write down all that it had applied when it was ended. */
int nc_exit_of_start(int err);
int nc_exit_of_fatal(int err);

#endif
