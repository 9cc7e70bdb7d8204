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

/* One value is the selector itself, many are a list of strings. */
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

int nc_cli_filter(const struct nc_cli *cli, bool names, struct nc_buf *to, bool *given_out)
{
	const char *first = NULL;
	bool plugin = nc_cli_has(&cli->args, "plugin");
	size_t kind = 0;
	for (size_t i = names ? 0 : NAME_KINDS; i < sizeof kinds / sizeof *kinds; i++) {
		if (!nc_cli_has(&cli->args, kinds[i].option))
			continue;
		if (first != NULL || plugin) {
			return nc_cli_fail(cli, NC_EXIT_USAGE,
			                   "--%s and --%s: a filter is of one kind",
			                   kinds[i].option, first != NULL ? first : "plugin");
		}
		first = kinds[i].option;
		kind = i;
	}
	*given_out = first != NULL || plugin;
	if (plugin)
		return of_plugin(cli, to);
	if (nc_cli_has(&cli->args, "selector"))
		return nc_cli_fail(cli, NC_EXIT_USAGE, "--selector needs a --plugin");
	if (first == NULL)
		return 0;
	nc_buf_printf(to, "{\"plugin\":\"%s\",\"selector\":", kinds[kind].plugin);
	if (strcmp(first, "payload") == 0) {
		nc_buf_put_str(to, nc_cli_value(&cli->args, first));
	} else {
		put_strings(cli, first, to);
	}
	nc_buf_put_u8(to, '}');
	return 0;
}

/* The store counts bytes of the selector as it was sent. */
static bool offset_find(const char *description, size_t *offset_out)
{
	const char *at = strstr(description, " at byte ");
	unsigned long long offset;
	if (at == NULL || sscanf(at, " at byte %llu", &offset) != 1)
		return false;
	*offset_out = (size_t)offset;
	return true;
}

void nc_cli_selector_caret(const struct nc_cli *cli, const char *selector, const char *description)
{
	size_t offset, size = strlen(selector);
	if (cli->json || !offset_find(description, &offset) || offset > size)
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
