/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What is said on stderr, and how the output ends. */
#include "transport/cli/say.h"

#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "core/base/json.h"
#include "transport/cli/text.h"

const struct nc_cli_exit_text nc_cli_exits[] = {
	{ NC_EXIT_OK, "done" },
	{ NC_EXIT_FAILED,
	  "failed on this side; or, of health, the node is not well or was drained" },
	{ NC_EXIT_NOT_FOUND, "not found: the event, stream, subscription or plugin" },
	{ NC_EXIT_CONFLICT,
	  "conflict: an expectation or condition failed, an id or a name is taken" },
	{ NC_EXIT_REFUSED, "refused by the store, which says why" },
	{ NC_EXIT_USAGE, "the command line, a context or the environment is wrong" },
	{ NC_EXIT_INPUT, "the input cannot be understood" },
	{ NC_EXIT_CONNECTION, "NATS cannot be reached, or refuses the credentials" },
	{ NC_EXIT_IO, "the input cannot be read or the output cannot be written" },
	{ NC_EXIT_UNAVAILABLE, "nobody answers, no leader, overload or a full disk: try again" },
	{ NC_EXIT_PROTOCOL, "an answer that is not understood" },
	{ 0, NULL },
};

static void put_error(const struct nc_cli *cli, int exit_code, const struct nacre_error *error,
                      const char *text)
{
	if (!cli->json) {
		(void)fputs("nacre: ", stderr);
		nc_cli_put_clean(stderr, nc_slice_str(text)); /* it may quote what others sent */
		(void)fputc('\n', stderr);
		return;
	}
	struct nc_buf line = { 0 };
	nc_buf_printf(&line, "{\"error\":{\"code\":%d,\"err_code\":%d,\"description\":",
	              error == NULL ? 0 : error->code, error == NULL ? 0 : error->err_code);
	nc_json_put_string(&line, nc_slice_str(text));
	nc_buf_printf(&line, "},\"exit\":%d}\n", exit_code);
	if (nc_buf_status(&line) == NC_OK)
		(void)fwrite(line.data, 1, line.size, stderr);
	nc_buf_release(&line);
}

int nc_cli_fail(const struct nc_cli *cli, int exit_code, const char *format, ...)
{
	char text[1024];
	va_list values;
	va_start(values, format);
	(void)vsnprintf(text, sizeof text, format, values);
	va_end(values);
	put_error(cli, exit_code, NULL, text);
	return exit_code;
}

static int exit_of_refusal(const struct nacre_error *error)
{
	if (error->code == 404)
		return NC_EXIT_NOT_FOUND;
	if (error->code == 409 || error->err_code == 10071)
		return NC_EXIT_CONFLICT;
	if (error->code == 429 || error->code == 503 || error->code == 507)
		return NC_EXIT_UNAVAILABLE;
	return NC_EXIT_REFUSED;
}

static int exit_of(int status, const struct nacre_error *error)
{
	switch (status) {
	case NACRE_INVALID:
		return NC_EXIT_USAGE;
	case NACRE_CONNECTION:
		return NC_EXIT_CONNECTION;
	case NACRE_UNAVAILABLE:
		return NC_EXIT_UNAVAILABLE;
	case NACRE_REFUSED:
		return exit_of_refusal(error);
	case NACRE_PROTOCOL:
		return NC_EXIT_PROTOCOL;
	default:
		return NC_EXIT_FAILED;
	}
}

/* If nobody answers, say what may not be there. */
static void put_doubt(const struct nc_cli *cli, char *text, size_t size)
{
	char who[200] = "is a node";
	if (cli->node != NULL) {
		(void)snprintf(who, sizeof who, "is node '%.64s'", cli->node);
	} else if (cli->verb != NULL) {
		(void)snprintf(who, sizeof who, "is '%.100s' a verb, and a node", cli->verb);
	}
	(void)snprintf(text, size, "; %s of store '%s' up at %s?", who, cli->store, cli->servers);
}

/* Say what tells where the server is, and who we are, if there was no connection yet: no server
 * answered, or it refused us. */
static void put_where(char *text, size_t size)
{
	(void)snprintf(
	        text, size,
	        "; --server, NATS_URL or a context says where it is, --user, --creds, --nkey "
	        "or NATS_* who you are");
}

/* libnacre says by which step it failed; of these two the command says so already. */
static const char *description_of(const struct nacre_error *error)
{
	static const char *const steps[] = { "connect: ", "request: " };
	for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
		if (strncmp(error->description, steps[i], strlen(steps[i])) == 0)
			return error->description + strlen(steps[i]);
	}
	return error->description;
}

int nc_cli_fail_nacre(const struct nc_cli *cli, int status, const struct nacre_error *error,
                      const char *what)
{
	char text[1024];
	int exit_code = exit_of(status, error);
	int size = snprintf(text, sizeof text, "%s: %s", what == NULL ? cli->command->name : what,
	                    description_of(error));
	if (status == NACRE_CONNECTION && cli->client == NULL && size > 0 &&
	    (size_t)size < sizeof text)
		put_where(text + size, sizeof text - (size_t)size);
	if (status == NACRE_UNAVAILABLE && size > 0 && (size_t)size < sizeof text)
		put_doubt(cli, text + size, sizeof text - (size_t)size);
	if (status == NACRE_REFUSED && size > 0 && (size_t)size < sizeof text) {
		(void)snprintf(text + size, sizeof text - (size_t)size, " (%d/%d)", error->code,
		               error->err_code);
	}
	put_error(cli, exit_code, error, text);
	return exit_code;
}

void nc_cli_note(const struct nc_cli *cli, const char *format, ...)
{
	va_list values;
	if (cli->quiet || cli->json)
		return;
	va_start(values, format);
	(void)vfprintf(stderr, format, values);
	va_end(values);
	(void)fputc('\n', stderr);
}

const char *nc_cli_colour(const struct nc_cli *cli, enum nc_cli_colour colour)
{
	static const char *const codes[] = {
		[NC_DIM] = "\033[2m",    [NC_BOLD] = "\033[1m",    [NC_RED] = "\033[31m",
		[NC_GREEN] = "\033[32m", [NC_YELLOW] = "\033[33m", [NC_CYAN] = "\033[36m",
		[NC_PLAIN] = "\033[0m"
	};
	return cli->colour ? codes[colour] : "";
}

/* The errno of the write that failed: stdio only remembers that one did. */
static int output_errno;

bool nc_cli_output_lost(void)
{
	if (ferror(stdout) == 0)
		return false;
	if (output_errno == 0)
		output_errno = errno;
	return true;
}

int nc_cli_output_end(const struct nc_cli *cli, int exit_code)
{
	bool lost = nc_cli_output_lost();
	errno = 0;
	if (fflush(stdout) == 0 && !lost)
		return exit_code;
	if (output_errno == 0)
		output_errno = errno;
	if (output_errno == EPIPE) { /* nats.c had it ignored; end as others do */
		(void)signal(SIGPIPE, SIG_DFL);
		(void)raise(SIGPIPE);
	}
	return nc_cli_fail(cli, NC_EXIT_IO, "the output cannot be written: %s",
	                   strerror(output_errno));
}
