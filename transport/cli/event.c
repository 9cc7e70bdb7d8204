/* SPDX-License-Identifier: GPL-3.0-or-later */
/* An event on the standard output. */
#include "transport/cli/event.h"

#include <stdio.h>
#include <string.h>

#include "transport/cli/json.h"
#include "transport/cli/say.h"
#include "transport/cli/text.h"

void nc_cli_base64_put(struct nc_buf *to, struct nc_slice bytes)
{
	static const char letters[] =
	        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	for (size_t i = 0; i < bytes.size; i += 3) {
		size_t have = bytes.size - i < 3 ? bytes.size - i : 3;
		uint32_t group = (uint32_t)bytes.data[i] << 16;
		if (have > 1)
			group |= (uint32_t)bytes.data[i + 1] << 8;
		if (have > 2)
			group |= bytes.data[i + 2];
		for (size_t j = 0; j < 4; j++) {
			nc_buf_put_u8(to, (uint8_t)(j <= have ? letters[group >> (18 - 6 * j) & 63]
			                                      : '='));
		}
	}
}

/* ---- For programs --------------------------------------------------------------------------- */

static void put_text(struct nc_buf *to, const char *name, const char *value)
{
	nc_buf_printf(to, ",\"%s\":", name);
	nc_json_put_string(to, nc_slice_str(value));
}

static void put_tags(struct nc_buf *to, const char *tags)
{
	nc_buf_put_str(to, ",\"tags\":[");
	for (const char *at = tags; *at != '\0';) {
		size_t size = strcspn(at, ",");
		if (at != tags)
			nc_buf_put_u8(to, ',');
		nc_json_put_string(to, nc_slice(at, size));
		at += size + (at[size] == ',');
	}
	nc_buf_put_u8(to, ']');
}

/* How often `name` comes among meta[from..end). */
static size_t times(const struct nacre_pair *meta, size_t from, size_t end, const char *name)
{
	size_t count = 0;
	for (size_t i = from; i < end; i++)
		count += strcmp(meta[i].name, name) == 0;
	return count;
}

/* Put all values of the name that comes first at `at`. */
static void put_values(struct nc_buf *to, const struct nacre_pair *meta, size_t count, size_t at)
{
	nc_json_put_string(to, nc_slice_str(meta[at].value));
	for (size_t i = at + 1; i < count; i++) {
		if (strcmp(meta[i].name, meta[at].name) == 0) {
			nc_buf_put_u8(to, ',');
			nc_json_put_string(to, nc_slice_str(meta[i].value));
		}
	}
}

/* A name that comes once is given a string; one that comes often a list, where it came first. */
void nc_cli_meta_json(struct nc_buf *to, const struct nacre_pair *meta, size_t count)
{
	nc_buf_put_str(to, ",\"meta\":{");
	for (size_t i = 0; i < count; i++) {
		const char *name = meta[i].name;
		if (times(meta, 0, i, name) > 0)
			continue;
		bool list = times(meta, i, count, name) > 1;
		nc_buf_put_str(to, i > 0 ? "," : ""); /* the first name is new */
		nc_json_put_string(to, nc_slice_str(name));
		nc_buf_put_str(to, list ? ":[" : ":");
		put_values(to, meta, count, i);
		nc_buf_put_str(to, list ? "]" : "");
	}
	nc_buf_put_u8(to, '}');
}

/* Put JSON as it is, but on one line: its line ends can only be between tokens. */
void nc_cli_data_json(struct nc_buf *to, struct nc_slice data)
{
	size_t offset;
	const char *expected;
	if (!nc_cli_json_valid(data, &offset, &expected)) {
		nc_buf_put_str(to, ",\"data_base64\":\"");
		nc_cli_base64_put(to, data);
		nc_buf_put_u8(to, '"');
		return;
	}
	nc_buf_put_str(to, ",\"data\":");
	for (size_t i = 0; i < data.size; i++) {
		uint8_t byte = data.data[i];
		nc_buf_put_u8(to, byte == '\n' || byte == '\r' ? ' ' : byte);
	}
}

void nc_cli_event_json(struct nc_buf *to, const struct nacre_event *event, const char *more)
{
	nc_buf_put_str(to, "{\"stream\":");
	nc_json_put_string(to, nc_slice_str(event->stream));
	put_text(to, "type", event->type);
	nc_buf_printf(to, ",\"seq\":%llu,\"pos\":%llu", (unsigned long long)event->seq,
	              (unsigned long long)event->pos);
	put_text(to, "time", event->time);
	put_text(to, "id", event->id);
	if (event->content_type[0] != '\0')
		put_text(to, "content_type", event->content_type);
	if (event->tags[0] != '\0')
		put_tags(to, event->tags);
	if (event->meta_count > 0)
		nc_cli_meta_json(to, event->meta, event->meta_count);
	nc_buf_put_str(to, more);
	nc_cli_data_json(to, nc_slice(event->data, event->size));
	nc_buf_put_u8(to, '}');
}

static void show_json(const struct nacre_event *event, const char *more)
{
	struct nc_buf line = { 0 };
	nc_cli_event_json(&line, event, more);
	nc_buf_put_u8(&line, '\n');
	if (nc_buf_status(&line) == NC_OK) {
		(void)fwrite(line.data, 1, line.size, stdout);
	} else {
		(void)fputs("nacre: out of memory: an event is not shown\n", stderr);
	}
	nc_buf_release(&line);
}

/* ---- For people ----------------------------------------------------------------------------- */

static void put_coloured(const struct nc_cli *cli, enum nc_cli_colour colour, const char *text)
{
	(void)fputs(nc_cli_colour(cli, colour), stdout);
	nc_cli_put_clean(stdout, nc_slice_str(text));
	(void)fputs(nc_cli_colour(cli, NC_PLAIN), stdout);
}

/* Print a time to the millisecond: "2026-11-25T20:46:09.123Z". */
void nc_cli_put_time(const struct nc_cli *cli, const char *time)
{
	char shown[32];
	size_t size = strlen(time);
	if (size == 30) {
		(void)snprintf(shown, sizeof shown, "%.23sZ", time);
	} else {
		(void)snprintf(shown, sizeof shown, "%.31s", time);
	}
	put_coloured(cli, NC_DIM, shown);
}

static void show_line(const struct nc_cli *cli, const struct nacre_event *event, const char *note)
{
	(void)printf("%s%llu%s  ", nc_cli_colour(cli, NC_DIM), (unsigned long long)event->pos,
	             nc_cli_colour(cli, NC_PLAIN));
	put_coloured(cli, NC_CYAN, event->stream);
	(void)printf("@%llu  ", (unsigned long long)event->seq);
	put_coloured(cli, NC_BOLD, event->type);
	(void)fputs("  ", stdout);
	if (note[0] != '\0') {
		put_coloured(cli, NC_RED, note);
		(void)fputs("  ", stdout);
	}
	nc_cli_put_time(cli, event->time);
	(void)fputs("  ", stdout);
	if (event->tags[0] != '\0') {
		(void)fputs("[", stdout);
		put_coloured(cli, NC_YELLOW, event->tags);
		(void)fputs("]  ", stdout);
	}
	nc_cli_put_clean(stdout, nc_slice(event->data, event->size));
	(void)putchar('\n');
}

static void put_row(const struct nc_cli *cli, const char *name, const char *value)
{
	if (value[0] == '\0')
		return;
	(void)printf("  %s%-13s%s ", nc_cli_colour(cli, NC_DIM), name,
	             nc_cli_colour(cli, NC_PLAIN));
	nc_cli_put_clean(stdout, nc_slice_str(value));
	(void)putchar('\n');
}

static void show_block(const struct nc_cli *cli, const struct nacre_event *event, const char *note)
{
	put_coloured(cli, NC_CYAN, event->stream);
	(void)printf("@%llu  ", (unsigned long long)event->seq);
	put_coloured(cli, NC_BOLD, event->type);
	if (note[0] != '\0') {
		(void)fputs("  ", stdout);
		put_coloured(cli, NC_RED, note);
	}
	(void)printf("\n  %s%-13s%s %llu\n", nc_cli_colour(cli, NC_DIM), "position",
	             nc_cli_colour(cli, NC_PLAIN), (unsigned long long)event->pos);
	put_row(cli, "time", event->time);
	put_row(cli, "id", event->id);
	put_row(cli, "content type", event->content_type);
	put_row(cli, "tags", event->tags);
	for (size_t i = 0; i < event->meta_count; i++)
		put_row(cli, event->meta[i].name, event->meta[i].value);
	(void)fputs("  ", stdout);
	nc_cli_put_clean(stdout, nc_slice(event->data, event->size));
	(void)fputs("\n\n", stdout);
}

void nc_cli_show_event(const struct nc_cli *cli, const struct nacre_event *event, const char *more,
                       const char *note)
{
	if (nc_cli_has(&cli->args, "data")) {
		(void)fwrite(event->data, 1, event->size, stdout);
		(void)putchar('\n');
	} else if (cli->json) {
		show_json(event, more);
	} else if (nc_cli_has(&cli->args, "long")) {
		show_block(cli, event, note);
	} else {
		show_line(cli, event, note);
	}
}
