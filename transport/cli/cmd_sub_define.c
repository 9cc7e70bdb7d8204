/* SPDX-License-Identifier: GPL-3.0-or-later */
/* nacre sub create, update, delete: definitions from options. */
#include <stdio.h>
#include <string.h>

#include "transport/cli/ask.h"
#include "transport/cli/commands.h"
#include "transport/cli/filter.h"
#include "transport/cli/input.h"
#include "transport/cli/say.h"
#include "transport/cli/sub.h"

static void put_name(struct nc_buf *body, const char *name)
{
	nc_buf_printf(body, "%s\"%s\":", body->size > 1 ? "," : "", name);
}

static void put_text(const struct nc_cli *cli, struct nc_buf *body, const char *option,
                     const char *member)
{
	const char *value = nc_cli_value(&cli->args, option);
	if (value == NULL)
		return;
	put_name(body, member);
	nc_json_put_string(body, nc_slice_str(value));
}

static void put_number(const struct nc_cli *cli, struct nc_buf *body, const char *option,
                       const char *member)
{
	if (!nc_cli_has(&cli->args, option))
		return;
	put_name(body, member);
	nc_buf_put_decimal(body, nc_cli_number(&cli->args, option, 0));
}

static void put_duration(const struct nc_cli *cli, struct nc_buf *body, const char *option,
                         const char *member)
{
	if (!nc_cli_has(&cli->args, option))
		return;
	put_name(body, member);
	nc_buf_put_decimal(body, nc_cli_duration_ms(&cli->args, option, 0));
}

static void put_true(const struct nc_cli *cli, struct nc_buf *body, const char *option,
                     const char *member, const char *value)
{
	if (!nc_cli_has(&cli->args, option))
		return;
	put_name(body, member);
	nc_buf_put_str(body, value);
}

bool nc_cli_start_put(struct nc_buf *body, const char *text)
{
	static const struct {
		const char *prefix, *member;
	} numbers[] = { { "pos:", "pos" }, { "seq:", "seq" } };
	uint64_t number;
	if (strcmp(text, "first") == 0 || strcmp(text, "new") == 0) {
		nc_buf_printf(body, "\"%s\"", text);
		return true;
	}
	for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
		size_t size = strlen(numbers[i].prefix);
		if (strncmp(text, numbers[i].prefix, size) != 0)
			continue;
		if (!nc_cli_number_read(text + size, &number))
			return false;
		nc_buf_printf(body, "{\"%s\":%llu}", numbers[i].member, (unsigned long long)number);
		return true;
	}
	if (text[0] < '0' || text[0] > '9' || strchr(text, 'T') == NULL)
		return false;
	nc_buf_put_str(body, "{\"time\":");
	nc_json_put_string(body, nc_slice_str(text));
	nc_buf_put_u8(body, '}');
	return true;
}

static int put_start(const struct nc_cli *cli, struct nc_buf *body)
{
	const char *start = nc_cli_value(&cli->args, "start");
	if (start == NULL)
		return 0;
	put_name(body, "start");
	return nc_cli_start_put(body, start)
	               ? 0
	               : nc_cli_fail(cli, NC_EXIT_USAGE,
	                             "--start: expected first, new, pos:N, seq:N or a time, not "
	                             "'%.60s'",
	                             start);
}

/* "1s,10s,1m" */
static int put_backoff(const struct nc_cli *cli, struct nc_buf *body)
{
	const char *at = nc_cli_value(&cli->args, "backoff");
	if (at == NULL)
		return 0;
	put_name(body, "backoff_ms");
	for (const char *before = "["; *at != '\0'; before = ",") {
		char one[24];
		uint64_t ms;
		size_t size = strcspn(at, ",");
		(void)snprintf(one, sizeof one, "%.*s", (int)(size < sizeof one ? size : 0), at);
		if (!nc_cli_duration_read(one, &ms)) {
			return nc_cli_fail(cli, NC_EXIT_USAGE,
			                   "--backoff: expected durations with commas between "
			                   "(1s,10s,1m), not '%.60s'",
			                   nc_cli_value(&cli->args, "backoff"));
		}
		nc_buf_printf(body, "%s%llu", before, (unsigned long long)ms);
		at += size + (at[size] == ',');
	}
	nc_buf_put_u8(body, ']');
	return 0;
}

static int put_deliver(const struct nc_cli *cli, struct nc_buf *body)
{
	const char *subject = nc_cli_value(&cli->args, "deliver");
	const char *queue = nc_cli_value(&cli->args, "queue");
	const char *format = nc_cli_value(&cli->args, "format");
	if (queue != NULL && subject == NULL)
		return nc_cli_fail(cli, NC_EXIT_USAGE, "--queue goes with --deliver");
	if (format != NULL && subject == NULL)
		return nc_cli_fail(cli, NC_EXIT_USAGE, "--format goes with --deliver");
	if (subject == NULL)
		return 0;
	put_name(body, "deliver");
	nc_buf_put_str(body, "{\"subject\":");
	nc_json_put_string(body, nc_slice_str(subject));
	if (queue != NULL) {
		nc_buf_put_str(body, ",\"queue\":");
		nc_json_put_string(body, nc_slice_str(queue));
	}
	if (format != NULL) {
		nc_buf_put_str(body, ",\"format\":");
		nc_json_put_string(body, nc_slice_str(format));
	}
	nc_buf_put_u8(body, '}');
	return 0;
}

static void put_simple(const struct nc_cli *cli, struct nc_buf *body)
{
	put_true(cli, body, "transient", "durable", "false");
	put_duration(cli, body, "inactive", "inactive_ms");
	put_text(cli, body, "ack", "ack");
	put_duration(cli, body, "ack-wait", "ack_wait_ms");
	put_number(cli, body, "max-deliver", "max_deliver");
	put_number(cli, body, "max-in-flight", "max_in_flight");
	put_text(cli, body, "order", "order");
	put_text(cli, body, "on-exhausted", "on_exhausted");
	put_text(cli, body, "placement", "placement");
	put_true(cli, body, "headers-only", "headers_only", "true");
	put_true(cli, body, "backfill", "backfill", "true");
}

/* The definition: --definition as it is, or what the other options say. */
static int definition_put(const struct nc_cli *cli, struct nc_buf *body)
{
	struct nc_buf filter = { 0 };
	bool filtered = false;
	const char *whole = nc_cli_value(&cli->args, "definition");
	if (whole != NULL)
		return nc_cli_input(cli, whole, body);
	int exit_code = nc_cli_filter_any(cli, &filter, &filtered);
	nc_buf_put_u8(body, '{');
	if (filtered) {
		put_name(body, "filter");
		nc_buf_put_slice(body, nc_buf_slice(&filter));
	}
	if (exit_code == 0)
		exit_code = put_start(cli, body);
	if (exit_code == 0)
		exit_code = put_deliver(cli, body);
	if (exit_code == 0)
		exit_code = put_backoff(cli, body);
	put_simple(cli, body);
	nc_buf_put_str(body, "}");
	nc_buf_put_u8(body, 0);
	nc_buf_release(&filter);
	if (exit_code == 0 && nc_buf_status(body) != NC_OK)
		exit_code = nc_cli_fail(cli, NC_EXIT_FAILED, "out of memory");
	return exit_code;
}

static int define(struct nc_cli *cli, const char *verb, enum nc_cli_repeat repeat)
{
	struct nc_buf body = { 0 };
	struct nacre_error error = { 0 };
	struct nacre_reply *reply = NULL;
	char subject[160];
	int exit_code = definition_put(cli, &body);
	if (exit_code == 0)
		exit_code = nc_cli_sub_subject(cli, verb, subject, sizeof subject);
	if (exit_code == 0)
		exit_code = nc_cli_connect(cli);
	if (exit_code == 0) {
		const struct nacre_request request = { .subject = subject,
			                               .body = body.data,
			                               .size = strlen((const char *)body.data),
			                               .repeatable = repeat == NC_CLI_REPEAT };
		int status = nacre_request(cli->client, &request, &reply, &error);
		const char *payload = nc_cli_value(&cli->args, "payload");
		const char *selector = nc_cli_value(&cli->args, "selector");
		exit_code = nc_cli_answered(cli, status, &error, reply);
		if (error.err_code == 40004 && (payload != NULL || selector != NULL)) {
			nc_cli_selector_caret(cli, payload != NULL ? payload : selector,
			                      error.description);
		}
	}
	nc_buf_release(&body);
	return exit_code;
}

static int run_create(struct nc_cli *cli)
{
	return define(cli, "sub.create", NC_CLI_REPEAT);
}

static int run_update(struct nc_cli *cli)
{
	return define(cli, "sub.update", NC_CLI_ONCE); /* others may have changed it since */
}

static int run_delete(struct nc_cli *cli)
{
	char subject[160];
	int exit_code = nc_cli_sub_subject(cli, "sub.delete", subject, sizeof subject);
	if (exit_code == 0)
		exit_code = nc_cli_connect(cli);
	return exit_code != 0 ? exit_code : nc_cli_ask_show(cli, subject, NULL, NC_CLI_REPEAT);
}

#define SHARED_OPTIONS                                                                          \
	NC_CLI_FILTER_NAMES, NC_CLI_FILTER_CONTENTS,                                            \
	        { "deliver", 0, "SUBJECT", "Push to this subject; without it, consumers pull.", \
		  false },                                                                      \
	        { "queue", 0, "GROUP", "The queue group of those who listen there.", false },   \
	        { "format", 0, "headers|json|msgpack",                                          \
		  "An event a message, or many packed in one.", false },                        \
	        { "ack", 0, "explicit|all|none", "What consumers acknowledge; each event.",     \
		  false },                                                                      \
	        { "ack-wait", 0, "DURATION", "Unacknowledged, it comes again after; 30s.",      \
		  false },                                                                      \
	        { "max-deliver", 0, "N", "Attempts at most; 5.", false },                       \
	        { "backoff", 0, "DURATIONS",                                                    \
		  "Pauses after a failure: 1s,10s,1m; the last repeats.", false },              \
	        { "max-in-flight", 0, "N", "Unacknowledged at most; 1000.", false },            \
	        { "order", 0, "none|global|stream|tag:PREFIX|payload:PATH",                     \
		  "One at a time of a key.", false },                                           \
	        { "on-exhausted", 0, "park|skip|stop", "When all attempts have failed; park.",  \
		  false },                                                                      \
	        { "placement", 0, "leader|spread", "Which node delivers.", false },             \
	        { "headers-only", 0, NULL, "Deliver without the data.", false },                \
	{                                                                                       \
		"definition", 0, "JSON|@FILE|-", "The whole as JSON, instead of all others.",   \
		        false                                                                   \
	}

static const struct nc_cli_option create_options[] = {
	SHARED_OPTIONS,
	{ "start", 0, "first|new|pos:N|seq:N|TIME", "Where it begins; first.", false },
	{ "transient", 0, NULL, "It goes when nobody has listened for --inactive.", false },
	{ "inactive", 0, "DURATION", "Of a transient one; 30s.", false },
	{ NULL, 0, NULL, NULL, false },
};

static const struct nc_cli_example create_examples[] = {
	{ "all orders placed, to be pulled", "nacre sub create billing --type OrderPlaced" },
	{ "a stream, pushed to a subject with a queue group",
	  "nacre sub create audit --stream orders.42 --deliver work.audit --queue workers" },
	{ "in order per customer, from now on",
	  "nacre sub create mail --pattern 'orders.*' --order tag:customer: --start new" },
	{ NULL, NULL },
};

const struct nc_cli_command nc_cli_sub_create = {
	.name = "sub create",
	.words = "NAME",
	.words_min = 1,
	.words_max = 1,
	.summary = "Make a subscription.",
	.details = "One filter is needed: --stream, --type, --pattern, --payload or --plugin. The "
	           "same once more is "
	           "fine; another definition under the same name is a conflict (exit code 4).",
	.options = create_options,
	.examples = create_examples,
	.run = run_create,
};

static const struct nc_cli_option update_options[] = {
	SHARED_OPTIONS,
	{ "backfill", 0, NULL, "Deliver the past events too that newly match.", false },
	{ NULL, 0, NULL, NULL, false },
};

static const struct nc_cli_example update_examples[] = {
	{ "a longer wait", "nacre sub update billing --ack-wait 2m" },
	{ "another filter, for what is past too",
	  "nacre sub update billing --type OrderPlaced --type OrderPaid --backfill" },
	{ NULL, NULL },
};

const struct nc_cli_command nc_cli_sub_update = {
	.name = "sub update",
	.words = "NAME",
	.words_min = 1,
	.words_max = 1,
	.summary = "Change a subscription while it runs.",
	.details = "What is not given stays. The answer says the position from which on a changed "
	           "filter takes effect.",
	.options = update_options,
	.examples = update_examples,
	.run = run_update,
};

static const struct nc_cli_example delete_examples[] = {
	{ "with all that it knew", "nacre sub delete billing" },
	{ NULL, NULL },
};

const struct nc_cli_command nc_cli_sub_delete = {
	.name = "sub delete",
	.words = "NAME",
	.words_min = 1,
	.words_max = 1,
	.summary = "Delete a subscription, its progress and what it has parked.",
	.examples = delete_examples,
	.run = run_delete,
};
