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
	bool json;                   /* for programs */
	bool quiet;                  /* nothing for people on stderr but errors */
	bool colour;                 /* of the standard output */
	bool people_err;             /* stderr is a terminal: progress may be drawn */
	struct nacre_client *client; /* nc_cli_connect() makes it, main ends it */
	const char *store;           /* known from then on, as is where it is looked for */
	char servers[256];           /* without credentials */
	const char *node;            /* that is asked; NULL: whichever serves the store */
	const char *verb;            /* that was named; NULL: one of ours */
};

/* Connect as the options, the environment and the context say (connect.c); 0, or an exit code after
 * saying why. The store, its prefix included, is fixed here. */
int nc_cli_connect(struct nc_cli *cli);
/* Another connection likewise, the caller's to close; `window`: asynchronous appends under way at
 * most, 0: the library's. */
int nc_cli_connect_another(struct nc_cli *cli, uint32_t window, struct nacre_client **client_out);

/* Ask for any verb; `reply_out` is the caller's if it gives NACRE_OK. Nothing is said; as
 * nacre_request(). */
int nc_cli_try(struct nc_cli *cli, const char *subject, const char *body, bool again,
               struct nacre_reply **reply_out, struct nacre_error *error_out);
/* Ask for any verb; `reply_out` is the caller's. 0, or an exit code after saying why.
 * `again`: may be asked twice (see nacre_request()). */
int nc_cli_ask(struct nc_cli *cli, const char *subject, const char *body, bool again,
               struct nacre_reply **reply_out);

#endif
