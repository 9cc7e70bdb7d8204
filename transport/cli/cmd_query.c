/* SPDX-License-Identifier: GPL-3.0-or-later */
/* nacre query: the events of a condition's items. */
#include <stdlib.h>
#include <string.h>

#include "transport/cli/commands.h"
#include "transport/cli/json.h"
#include "transport/cli/read.h"
#include "transport/cli/say.h"

/* Makes items of the options, in their order; --or begins the next item. */
struct items {
	struct nc_buf json, types, tags; /* of the item at hand: "\"a\",\"b\"" */
	bool any;
};

static void put_name(struct nc_buf *to, const char *name)
{
	if (to->size > 0)
		nc_buf_put_u8(to, ',');
	nc_json_put_string(to, nc_slice_str(name));
}

/* End an item. False if it is empty. */
static bool item_close(struct items *items)
{
	if (items->types.size == 0 && items->tags.size == 0)
		return false;
	nc_buf_put_str(&items->json, items->any ? ",{" : "[{");
	items->any = true;
	if (items->types.size > 0) {
		nc_buf_put_str(&items->json, "\"types\":[");
		nc_buf_put_slice(&items->json, nc_buf_slice(&items->types));
		nc_buf_put_str(&items->json, items->tags.size > 0 ? "]," : "]");
	}
	if (items->tags.size > 0) {
		nc_buf_put_str(&items->json, "\"tags\":[");
		nc_buf_put_slice(&items->json, nc_buf_slice(&items->tags));
		nc_buf_put_u8(&items->json, ']');
	}
	nc_buf_put_u8(&items->json, '}');
	nc_buf_clear(&items->types);
	nc_buf_clear(&items->tags);
	return true;
}

static int items_read(const struct nc_cli *cli, struct items *items)
{
	for (size_t i = 0; i < cli->args.given_count; i++) {
		const struct nc_cli_given *given = &cli->args.given[i];
		if (strcmp(given->option->name, "type") == 0) {
			put_name(&items->types, given->value);
		} else if (strcmp(given->option->name, "tag") == 0) {
			put_name(&items->tags, given->value);
		} else if (strcmp(given->option->name, "or") == 0 && !item_close(items)) {
			return nc_cli_fail(cli, NC_EXIT_USAGE, "--or: nothing stands before it");
		}
	}
	if (!item_close(items)) {
		return nc_cli_fail(
		        cli, NC_EXIT_USAGE, "%s",
		        items->any ? "--or: nothing stands behind it"
		                   : "which events? --type TYPE, --tag TAG, --or, or --items");
	}
	nc_buf_put_u8(&items->json, ']');
	nc_buf_put_u8(&items->json, 0);
	return 0;
}

static void items_release(struct items *items)
{
	nc_buf_release(&items->json);
	nc_buf_release(&items->types);
	nc_buf_release(&items->tags);
}

static int run(struct nc_cli *cli)
{
	struct nacre_read read = { .source = NACRE_QUERY };
	struct items items = { 0 };
	read.items_json = nc_cli_value(&cli->args, "items");
	int exit_code = nc_cli_read_options(cli, &read);
	if (exit_code == 0 && read.items_json == NULL) {
		exit_code = items_read(cli, &items);
		read.items_json = (const char *)items.json.data;
	}
	if (exit_code == 0)
		exit_code = nc_cli_connect(cli);
	if (exit_code == 0)
		exit_code = nc_cli_read_show(cli, &read);
	items_release(&items);
	return exit_code;
}

static const struct nc_cli_option options[] = {
	{ "type", 0, "TYPE", "Events of this type; with more, of any of them.", true },
	{ "tag", 't', "TAG", "That bear this tag; with more, all of them.", true },
	{ "or", 0, NULL, "Begin another item: what matches any item is found.", true },
	{ "items", 0, "JSON", "The items themselves: [{\"types\":[…],\"tags\":[…]}].", false },
	NC_CLI_READ_OPTIONS,
	NC_CLI_EVENT_OPTIONS,
	{ NULL, 0, NULL, NULL, false },
};

static const struct nc_cli_example examples[] = {
	{ "who joined or left course 1", "nacre query --type Joined --type Left --tag course:1" },
	{ "either of two", "nacre query --tag course:1 --or --tag student:7" },
	{ "with the head, to append on the condition that nothing came since",
	  "nacre query --tag seat:12A --head --json" },
	{ NULL, NULL },
};

const struct nc_cli_command nc_cli_query = {
	.name = "query",
	.words = "",
	.summary = "Find events by types and tags, as conditions do.",
	.details = "The events of a consistency boundary: what --type, --tag and --or say here is "
	           "what the "
	           "condition of a batch says, and --head is its \"after\".",
	.options = options,
	.examples = examples,
	.run = run,
};
