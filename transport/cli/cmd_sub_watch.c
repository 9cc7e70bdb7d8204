/* SPDX-License-Identifier: GPL-3.0-or-later */
/* nacre sub watch: what a subscription is about, live, without taking anything from its consumers.
 *
 * A transient subscription with the same filter, which acknowledges nothing, brings the events; how
 * far the real one is, is asked for once a second and drawn below them. The transient one goes with
 * the node that holds it: then another is made, from the next position on, so that nothing is
 * missed.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "transport/cli/ask.h"
#include "transport/cli/commands.h"
#include "transport/cli/event.h"
#include "transport/cli/progress.h"
#include "transport/cli/say.h"
#include "transport/cli/sub.h"
#include "transport/cli/text.h"

enum { LOOK_UP_MS = 250, STATUS_EVERY_MS = 1000, AHEAD = 500 };

struct watch {
	struct nc_cli *cli;
	const char *name;
	char own[64];      /* the transient one */
	uint64_t next_pos; /* from here on, if it has to be made anew; 0: not yet known */
	uint64_t left;     /* to be shown */
	bool lost;         /* the transient one has gone */
	uint64_t asked_ns;
	struct nc_buf status; /* drawn below the events; empty: not drawn */
};

static int own_create(struct watch *watch, struct nc_slice info)
{
	struct nc_cli *cli = watch->cli;
	struct nc_slice filter;
	struct nc_buf body = { 0 };
	struct nacre_reply *reply = NULL;
	char subject[100], next[32];
	const char *from = nc_cli_value(&cli->args, "from");
	(void)snprintf(next, sizeof next, "pos:%llu", (unsigned long long)watch->next_pos);
	if (!nc_cli_member(info, "filter", &filter))
		return nc_cli_fail(cli, NC_EXIT_PROTOCOL, "sub info: an answer without 'filter'");
	nc_buf_put_str(&body, "{\"filter\":");
	nc_buf_put_slice(&body, filter);
	nc_buf_put_str(&body, ",\"durable\":false,\"ack\":\"none\",\"start\":");
	int exit_code = 0;
	if (!nc_cli_start_put(&body, watch->next_pos > 0 ? next : from == NULL ? "new" : from)) {
		exit_code = nc_cli_fail(cli, NC_EXIT_USAGE,
		                        "--from: expected first, new, pos:N or a time, not '%.60s'",
		                        from);
	}
	nc_buf_put_str(&body, "}");
	nc_buf_put_u8(&body, 0);
	(void)snprintf(watch->own, sizeof watch->own, "watch-%ld-%llx", (long)getpid(),
	               (unsigned long long)nc_cli_now_ns());
	(void)snprintf(subject, sizeof subject, "sub.create.%s", watch->own);
	if (exit_code == 0)
		exit_code =
		        nc_cli_ask(cli, subject, (const char *)body.data, NC_CLI_REPEAT, &reply);
	if (exit_code == 0) {
		watch->next_pos = nc_cli_member_number(nc_cli_reply_slice(reply), "pos", 1);
		nacre_reply_free(reply);
	}
	nc_buf_release(&body);
	return exit_code;
}

static void own_delete(struct watch *watch)
{
	struct nacre_error error;
	(void)nacre_sub_delete(watch->cli->client, watch->own, &error); /* else it goes by itself */
}

/* ---- How far the watched one is ------------------------------------------------------------- */

static void status_clear(struct watch *watch)
{
	if (watch->status.size > 0)
		(void)fputs("\r\033[K", stderr);
}

static void status_draw(struct watch *watch)
{
	if (watch->status.size == 0)
		return;
	(void)fwrite(watch->status.data, 1, watch->status.size, stderr);
	(void)fflush(stderr);
}

static void status_make(struct watch *watch, struct nc_slice info)
{
	struct nc_buf *to = &watch->status, state = { 0 };
	struct nc_slice raw;
	if (nc_cli_member(info, "state", &raw))
		nc_cli_value_text(raw, &state);
	nc_buf_clear(to);
	nc_buf_printf(to, "%s  %.*s  pending %llu  in flight %llu  parked %llu  lag %llu ms",
	              watch->name, (int)state.size, (const char *)state.data,
	              (unsigned long long)nc_cli_member_number(info, "pending", 0),
	              (unsigned long long)nc_cli_member_number(info, "in_flight", 0),
	              (unsigned long long)nc_cli_member_number(info, "parked", 0),
	              (unsigned long long)nc_cli_member_number(info, "lag_ms", 0));
	nc_buf_release(&state);
}

/* Ask once a second. If no answer comes, the line says so, and the watch goes on. */
static void status_ask(struct watch *watch)
{
	struct nacre_error error = { 0 };
	struct nacre_reply *reply = NULL;
	char subject[160];
	uint64_t now = nc_cli_now_ns();
	if (!watch->cli->people_err || now - watch->asked_ns < STATUS_EVERY_MS * UINT64_C(1000000))
		return;
	(void)snprintf(subject, sizeof subject, "sub.info.%s", watch->name);
	const struct nacre_request request = { .subject = subject,
		                               .repeatable = true,
		                               .timeout_ms = STATUS_EVERY_MS };
	int status = nacre_request(watch->cli->client, &request, &reply, &error);
	status_clear(watch);
	if (status == NACRE_OK) {
		status_make(watch, nc_cli_reply_slice(reply));
	} else {
		nc_buf_clear(&watch->status);
		nc_buf_printf(&watch->status, "%s  %s", watch->name,
		              nc_cli_is_clean(nc_slice_str(error.description)) ? error.description
		                                                               : "no answer");
	}
	nacre_reply_free(reply);
	watch->asked_ns = nc_cli_now_ns();
	status_draw(watch);
}

/* ---- Events --------------------------------------------------------------------------------- */

static int follow(struct watch *watch, struct nacre_subscription *sub)
{
	struct nc_cli *cli = watch->cli;
	struct nacre_error error = { 0 };
	const struct nacre_delivery *delivery;
	while (watch->left > 0 && nc_cli_signal() == 0) {
		if (fflush(stdout) != 0 || nc_cli_output_lost())
			return 0;
		int status = nacre_next(sub, LOOK_UP_MS, &delivery, &error);
		if (status == NACRE_OK) {
			status_clear(watch);
			nc_cli_show_delivery(cli, delivery);
			(void)fflush(stdout);
			status_draw(watch);
			watch->next_pos = delivery->event->pos + 1;
			watch->left--;
		} else if (status == NACRE_REFUSED && error.code == 404) {
			watch->lost = true;
			break;
		} else if (status != NACRE_END && status != NACRE_UNAVAILABLE) {
			status_clear(watch);
			return nc_cli_fail_nacre(cli, status, &error, NULL);
		}
		status_ask(watch);
	}
	status_clear(watch);
	return 0;
}

static int own_watch(struct watch *watch)
{
	struct nacre_error error = { 0 };
	struct nacre_subscription *sub;
	const struct nacre_consume how = { .batch = AHEAD };
	int status = nacre_subscribe(watch->cli->client, watch->own, &how, &sub, &error);
	watch->lost = status == NACRE_REFUSED && error.code == 404;
	if (watch->lost)
		return 0;
	if (status != NACRE_OK)
		return nc_cli_fail_nacre(watch->cli, status, &error, NULL);
	int exit_code = follow(watch, sub);
	nacre_unsubscribe(sub);
	return exit_code;
}

/* Find out what the watched subscription filters now, make a transient one like it, and listen. */
static int watch_once(struct watch *watch, const char *subject)
{
	struct nacre_reply *reply;
	int exit_code = nc_cli_ask(watch->cli, subject, NULL, NC_CLI_REPEAT, &reply);
	if (exit_code != 0)
		return exit_code;
	exit_code = own_create(watch, nc_cli_reply_slice(reply));
	nacre_reply_free(reply);
	if (exit_code != 0)
		return exit_code;
	exit_code = own_watch(watch);
	if (!watch->lost)
		own_delete(watch);
	return exit_code;
}

static int run(struct nc_cli *cli)
{
	struct watch watch = { .cli = cli,
		               .name = nc_cli_word(&cli->args, 0),
		               .left = nc_cli_number(&cli->args, "limit", UINT64_MAX) };
	char subject[160];
	int exit_code = nc_cli_sub_subject(cli, "sub.info", subject, sizeof subject);
	if (exit_code == 0)
		exit_code = nc_cli_connect(cli);
	if (exit_code != 0)
		return exit_code;
	nc_cli_signals_catch();
	do {
		exit_code = watch_once(&watch, subject);
	} while (exit_code == 0 && watch.lost && nc_cli_signal() == 0);
	nc_buf_release(&watch.status);
	return exit_code;
}

static const struct nc_cli_option options[] = {
	{ "from", 'f', "first|new|pos:N|TIME", "Where to begin; new.", false },
	{ "limit", 'n', "N", "End after so many.", false },
	NC_CLI_EVENT_OPTIONS,
	{ NULL, 0, NULL, NULL, false },
};

static const struct nc_cli_example examples[] = {
	{ "for ever", "nacre sub watch billing" },
	{ "everything that it matches, from the beginning",
	  "nacre sub watch billing --from first --json" },
	{ NULL, NULL },
};

const struct nc_cli_command nc_cli_sub_watch = {
	.name = "sub watch",
	.words = "NAME",
	.words_min = 1,
	.words_max = 1,
	.summary = "Show the events of a subscription live, and how far it is.",
	.details = "It looks on: nothing is taken from the consumers, nothing is acknowledged. On "
	           "a terminal the last "
	           "line says the subscription's state, what is pending, in flight and parked, and "
	           "its lag.",
	.options = options,
	.examples = examples,
	.run = run,
};
