/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Filters on a command line. */
#include "transport/cli/filter.h"

#include <stdio.h>
#include <string.h>

#include "transport/cli/json.h"
#include "transport/cli/say.h"
#include "transport/cli/text.h"

enum { CARET_WIDTH = 72, NAME_KINDS = 2 };

void nc_cli_selector_put(struct nc_buf *to, const char *text)
{
	if (*text != '\0' && strchr("{[\"", *text) != NULL) {
		nc_buf_put_str(to, text);
	} else {
		nc_json_put_string(to, nc_slice_str(text));
	}
}

/* Put a selector: a single value is the selector itself, several are a list of strings. */
static void put_strings(const struct nc_cli *cli, const char *option, struct nc_buf *to)
{
	const char *value;
	size_t at = 0, count = 0;
	while (nc_cli_each(&cli->args, option, &at) != NULL)
		count++;
	at = 0;
	nc_buf_put_str(to, count > 1 ? "[" : "");
	for (bool first = true; (value = nc_cli_each(&cli->args, option, &at)) != NULL;
	     first = false) {
		nc_buf_put_str(to, first ? "" : ",");
		nc_json_put_string(to, nc_slice_str(value));
	}
	nc_buf_put_str(to, count > 1 ? "]" : "");
}

static const struct {
	const char *option, *plugin;
} kinds[] = { /* names first */
	      { "stream", "by_stream" },
	      { "type", "by_event_type" },
	      { "pattern", "by_pattern" },
	      { "payload", "by_payload" }
};
#define KIND_COUNT (sizeof kinds / sizeof *kinds)

static int of_plugin(const struct nc_cli *cli, struct nc_buf *to)
{
	const char *selector = nc_cli_value(&cli->args, "selector");
	if (selector == NULL)
		return nc_cli_fail(cli, NC_EXIT_USAGE, "--plugin needs a --selector");
	nc_buf_put_str(to, "{\"plugin\":");
	nc_json_put_string(to, nc_slice_str(nc_cli_value(&cli->args, "plugin")));
	nc_buf_put_str(to, ",\"selector\":");
	nc_cli_selector_put(to, selector);
	nc_buf_put_u8(to, '}');
	return 0;
}

/* Find the kind of filter that the options name, of `first` and those behind it; `*kind_out` is
 * KIND_COUNT if they name none. Returns 0, or an exit code after saying that they name two. */
static int kind_find(const struct nc_cli *cli, size_t first, size_t *kind_out)
{
	bool plugin = nc_cli_has(&cli->args, "plugin");
	size_t kind = KIND_COUNT;
	for (size_t i = first; i < KIND_COUNT; i++) {
		if (!nc_cli_has(&cli->args, kinds[i].option))
			continue;
		if (kind < KIND_COUNT || plugin) {
			return nc_cli_fail(
			        cli, NC_EXIT_USAGE, "--%s and --%s: a filter is of one kind",
			        kinds[i].option, kind < KIND_COUNT ? kinds[kind].option : "plugin");
		}
		kind = i;
	}
	*kind_out = kind;
	return 0;
}

static void of_kind(const struct nc_cli *cli, size_t kind, struct nc_buf *to)
{
	const char *option = kinds[kind].option;
	nc_buf_printf(to, "{\"plugin\":\"%s\",\"selector\":", kinds[kind].plugin);
	if (strcmp(option, "payload") == 0) {
		nc_buf_put_str(to, nc_cli_value(&cli->args, option));
	} else {
		put_strings(cli, option, to);
	}
	nc_buf_put_u8(to, '}');
}

static int filter(const struct nc_cli *cli, size_t first, struct nc_buf *to, bool *given_out)
{
	bool plugin = nc_cli_has(&cli->args, "plugin");
	size_t kind = KIND_COUNT;
	int exit_code = kind_find(cli, first, &kind);
	if (exit_code != 0)
		return exit_code;
	*given_out = kind < KIND_COUNT || plugin;
	if (plugin)
		return of_plugin(cli, to);
	if (nc_cli_has(&cli->args, "selector"))
		return nc_cli_fail(cli, NC_EXIT_USAGE, "--selector needs a --plugin");
	if (kind < KIND_COUNT)
		of_kind(cli, kind, to);
	return 0;
}

int nc_cli_filter_contents(const struct nc_cli *cli, struct nc_buf *to, bool *given_out)
{
	return filter(cli, NAME_KINDS, to, given_out);
}

int nc_cli_filter_any(const struct nc_cli *cli, struct nc_buf *to, bool *given_out)
{
	return filter(cli, 0, to, given_out);
}

void nc_cli_selector_caret(const struct nc_cli *cli, const char *selector, const char *description)
{
	uint64_t offset; /* in bytes of the selector as it was sent */
	size_t size = strlen(selector);
	if (cli->json || !nc_cli_number_behind(description, " at byte ", &offset) || offset > size)
		return;
	/* A window of a long one around the place, in whole characters. */
	size_t from = offset > CARET_WIDTH / 2 ? offset - CARET_WIDTH / 2 : 0;
	while (from > 0 && (selector[from] & 0xc0) == 0x80)
		from--;
	size_t end = size - from > CARET_WIDTH ? from + CARET_WIDTH : size;
	while (end < size && (selector[end] & 0xc0) == 0x80)
		end++;
	struct nc_buf line = { 0 };
	for (size_t i = from; i < end; i++) { /* one column a character: the caret must fit */
		nc_buf_put_u8(&line, (uint8_t)selector[i] < 0x20 || selector[i] == 0x7f
		                             ? ' '
		                             : (uint8_t)selector[i]);
	}
	(void)fputs(from > 0 ? "  …" : "   ", stderr);
	nc_cli_put_clean(stderr, nc_buf_slice(&line));
	(void)fprintf(stderr, "%s\n   %*s^\n", end < size ? "…" : "",
	              (int)nc_cli_columns(nc_slice(selector + from, offset - from)), "");
	nc_buf_release(&line);
}
