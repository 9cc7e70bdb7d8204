/* SPDX-License-Identifier: GPL-3.0-or-later */
/* cli.h -- one run of `nacre`: the command, its arguments, where it speaks to and how it shows.
 *
 * Threads: one, but where a command's file says otherwise; libnacre's own are its own business.
 */
#ifndef NC_TRANSPORT_CLI_CLI_H
#define NC_TRANSPORT_CLI_CLI_H

#include "transport/cli/args.h"
#include "transport/client/nacre.h"

struct nc_cli {
	const struct nc_cli_command *command;
	struct nc_cli_args args;
	bool json;                   /* show JSON, for programs */
	bool quiet;                  /* tell people nothing on stderr but errors */
	bool colour;                 /* use colours on the standard output */
	bool people_err;             /* stderr is a terminal: progress may be drawn */
	struct nacre_client *client; /* nc_cli_connect() makes it, main ends it */
	/* These are set by nc_cli_connect(). */
	const char *store;
	char servers[256]; /* where the store is looked for, without credentials */
	const char *node;  /* the node that is asked; NULL: whichever serves the store */
	const char *verb;  /* the verb that the command line named; NULL: the command's own */
};

/* Connect as the options, the environment and the context say (connect.c). Returns 0, or an exit
 * code after saying why. */
int nc_cli_connect(struct nc_cli *cli);
/* Make another such connection, which the caller closes. `window` is how many asynchronous appends
 * may be under way; 0: as many as the library allows by default. */
int nc_cli_connect_another(struct nc_cli *cli, uint32_t window, struct nacre_client **client_out);

/* Whether a request is sent again if its outcome is unknown. */
enum nc_cli_repeat { NC_CLI_ONCE, NC_CLI_REPEAT };

/* Ask for any verb, as nacre_request() does. With NACRE_OK the reply is the caller's. Tells people
 * nothing. */
int nc_cli_try(struct nc_cli *cli, const char *subject, const char *body, enum nc_cli_repeat repeat,
               struct nacre_reply **reply_out, struct nacre_error *error_out);
/* The same. Returns 0, and the reply is the caller's; or an exit code after saying why. */
int nc_cli_ask(struct nc_cli *cli, const char *subject, const char *body, enum nc_cli_repeat repeat,
               struct nacre_reply **reply_out);

#endif
