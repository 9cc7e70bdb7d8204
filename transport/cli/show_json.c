/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The store's answers for people: names and values, tables. */
#include <stdio.h>

#include "transport/cli/json.h"
#include "transport/cli/say.h"
#include "transport/cli/text.h"

enum { COLUMNS_MAX = 12 };

static void show_member(const struct nc_cli *cli, struct nc_slice name, struct nc_slice raw)
{
	struct nc_buf text = { 0 };
	nc_cli_value_text(raw, &text);
	(void)printf("%s%-18.*s%s ", nc_cli_colour(cli, NC_DIM), (int)name.size,
	             (const char *)name.data, nc_cli_colour(cli, NC_PLAIN));
	nc_cli_put_clean(stdout, nc_buf_slice(&text));
	(void)putchar('\n');
	nc_buf_release(&text);
}

/* Show a member of an object: its name, behind `outer` and a dot if that is not empty, and its
 * value. */
struct member {
	struct nc_buf name;
	enum nc_json_type type;
	struct nc_slice raw;
};

static bool member_next(struct nc_json *json, struct nc_slice outer, struct member *member)
{
	struct nc_json_token key, value;
	if (nc_json_next(json, &key) != NC_OK || key.type != NC_JSON_KEY ||
	    nc_json_next(json, &value) != NC_OK ||
	    nc_json_value(json, &value, &member->raw) != NC_OK)
		return false;
	member->type = value.type;
	nc_buf_clear(&member->name);
	nc_buf_put_slice(&member->name, outer);
	if (outer.size > 0)
		nc_buf_put_u8(&member->name, '.');
	nc_json_unescape(&key, &member->name);
	return true;
}

static bool members_begin(struct nc_json *json, struct nc_slice object)
{
	struct nc_json_token token;
	nc_json_init(json, object);
	return nc_json_next(json, &token) == NC_OK;
}

/* Show the members of a member. What lies deeper is shown as it is written. */
static void show_inner(const struct nc_cli *cli, struct nc_slice outer, struct nc_slice object)
{
	struct nc_json json;
	struct member member = { 0 };
	for (bool ok = members_begin(&json, object); ok && member_next(&json, outer, &member);)
		show_member(cli, nc_buf_slice(&member.name), member.raw);
	nc_buf_release(&member.name);
}

void nc_cli_show_object(const struct nc_cli *cli, struct nc_slice object)
{
	struct nc_json json;
	struct member member = { 0 };
	bool ok = members_begin(&json, object);
	while (ok && member_next(&json, nc_slice(NULL, 0), &member)) {
		if (member.type == NC_JSON_OBJECT && member.raw.size > 2) {
			show_inner(cli, nc_buf_slice(&member.name), member.raw);
		} else {
			show_member(cli, nc_buf_slice(&member.name), member.raw);
		}
	}
	nc_buf_release(&member.name);
}

/* The first of the column's paths that leads to a text; a null is none. */
static void cell_find(struct nc_slice row, const char *paths, struct nc_buf *text)
{
	char path[64];
	struct nc_slice raw;
	nc_buf_clear(text);
	while (*paths != '\0' && text->size == 0) {
		size_t size = strcspn(paths, "|");
		(void)snprintf(path, sizeof path, "%.*s", (int)size, paths);
		if (nc_cli_member(row, path, &raw) && !nc_slice_is(raw, "null"))
			nc_cli_value_text(raw, text);
		paths += size + (paths[size] == '|');
	}
}

static void cell_text(struct nc_slice row, const struct nc_cli_column *column, struct nc_buf *text)
{
	cell_find(row, column->path, text);
	if (!nc_cli_is_clean(nc_buf_slice(text))) { /* a table's cell is a name or a number */
		nc_buf_clear(text);
		nc_buf_put_str(text, "?");
	}
}

static void show_cell(const struct nc_cli_column *column, struct nc_slice text, size_t width,
                      bool last)
{
	size_t columns = nc_cli_columns(text), pad = width > columns ? width - columns : 0;
	if (column->right)
		(void)printf("%*s", (int)pad, "");
	(void)fwrite(text.data, 1, text.size, stdout);
	if (!column->right && !last)
		(void)printf("%*s", (int)pad, "");
	(void)fputs(last ? "\n" : "  ", stdout);
}

/* Widen the columns for all rows. Returns how many rows there are. */
static size_t widths_take(struct nc_slice list, const struct nc_cli_column *columns, size_t count,
                          size_t *widths)
{
	size_t rows = 0;
	struct nc_json items;
	struct nc_slice row;
	struct nc_buf text = { 0 };
	bool ok = nc_cli_list_begin(&items, list);
	for (; ok && nc_cli_list_next(&items, &row); rows++) {
		for (size_t i = 0; i < count; i++) {
			cell_text(row, &columns[i], &text);
			size_t width = nc_cli_columns(nc_buf_slice(&text));
			widths[i] = width > widths[i] ? width : widths[i];
		}
	}
	nc_buf_release(&text);
	return rows;
}

static void show_titles(const struct nc_cli *cli, const struct nc_cli_column *columns, size_t count,
                        const size_t *widths)
{
	(void)fputs(nc_cli_colour(cli, NC_DIM), stdout);
	for (size_t i = 0; i < count; i++)
		show_cell(&columns[i], nc_slice_str(columns[i].title), widths[i], i + 1 == count);
	(void)fputs(nc_cli_colour(cli, NC_PLAIN), stdout);
}

size_t nc_cli_show_table(const struct nc_cli *cli, struct nc_slice list,
                         const struct nc_cli_column *columns)
{
	size_t widths[COLUMNS_MAX] = { 0 }, count = 0;
	struct nc_json items;
	struct nc_slice row;
	struct nc_buf text = { 0 };
	for (; columns[count].title != NULL && count < COLUMNS_MAX; count++)
		widths[count] = strlen(columns[count].title);
	size_t rows = widths_take(list, columns, count, widths);
	if (rows > 0)
		show_titles(cli, columns, count, widths);
	for (bool ok = nc_cli_list_begin(&items, list); ok && nc_cli_list_next(&items, &row);) {
		for (size_t i = 0; i < count; i++) {
			cell_text(row, &columns[i], &text);
			show_cell(&columns[i], nc_buf_slice(&text), widths[i], i + 1 == count);
		}
	}
	nc_buf_release(&text);
	return rows;
}
