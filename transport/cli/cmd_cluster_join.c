/* SPDX-License-Identifier: GPL-3.0-or-later */
/* nacre cluster join: see a node in, from when it is started to when it votes.
 *
 * Any node answers cluster.status, from what it knows; only the leader's answer to cluster.promote
 * says that a member votes and that this is committed. So the status shows how far it is, and the
 * promotion, which is idempotent, decides. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "transport/cli/ask.h"
#include "transport/cli/commands.h"
#include "transport/cli/progress.h"
#include "transport/cli/say.h"

enum {
	TIMEOUT_MS = 60000,
	LOOK_EVERY_MS = 200,
	ASK_MS = 2000,         /* one request; it is asked again anyhow */
	REFUSED_FOR_MS = 3000, /* a leader may be about to learn the name of a new member */
	NS_IN_MS = 1000000
};

enum stage { BEGUN, NOBODY, AWAY, SILENT, BEHIND, STAGES };

static const char *const waits_for[STAGES] = {
	[NOBODY] = "a node of the store to answer",
	[AWAY] = "it to be started, and to be taken up",
	[SILENT] = "it to be heard; it is a member, and unreachable",
	[BEHIND] = "it to catch up; it is a learner",
};

struct join {
	struct nc_cli *cli;
	struct nc_cli_progress progress;
	const char *node;
	enum stage stage;
	uint64_t timeout_ms, until_ms;
	uint64_t refused_ms; /* since when it is refused; 0: it is not */
	uint64_t lag;
	uint64_t members_max; /* the cluster is full, of so many; 0: it is not */
};

static uint64_t now_ms(void)
{
	return nc_cli_now_ns() / NS_IN_MS;
}

/* Ask once, and say nothing of how it ended. The caller frees the reply. */
static int ask(const struct join *join, const char *verb, struct nc_slice body,
               struct nacre_reply **reply_out, struct nacre_error *error)
{
	uint64_t now = now_ms();
	uint64_t left = now < join->until_ms ? join->until_ms - now : 1;
	const struct nacre_request request = { .subject = verb,
		                               .body = body.data,
		                               .size = body.size,
		                               .repeatable = true,
		                               .timeout_ms =
		                                       (int64_t)(left < ASK_MS ? left : ASK_MS) };
	*reply_out = NULL;
	return nacre_request(join->cli->client, &request, reply_out, error);
}

/* ---- What is seen --------------------------------------------------------------------------- */

/* How far the node is, by its row in the list of nodes. */
static enum stage row_read(struct join *join, struct nc_slice row)
{
	struct nc_slice state;
	join->lag = nc_cli_member_number(row, "lag", 0);
	return nc_cli_member(row, "state", &state) && nc_slice_is(state, "\"unreachable\"")
	               ? SILENT
	               : BEHIND;
}

static enum stage status_read(struct join *join, struct nc_slice answer)
{
	struct nc_slice list, row, raw;
	struct nc_json rows;
	struct nc_buf name = { 0 };
	enum stage stage = AWAY;
	uint64_t count = 0, max = nc_cli_member_number(answer, "members_max", UINT64_MAX);
	if (nc_cli_member(answer, "nodes", &list) && nc_cli_list_begin(&rows, list)) {
		for (; nc_cli_list_next(&rows, &row); count++) {
			nc_buf_clear(&name);
			if (nc_cli_member(row, "id", &raw))
				nc_cli_value_text(raw, &name);
			if (nc_slice_is(nc_buf_slice(&name), join->node))
				stage = row_read(join, row);
		}
	}
	nc_buf_release(&name);
	join->members_max = stage == AWAY && count >= max ? max : 0;
	return stage;
}

/* Returns 0, or an exit code after saying why. */
static int look(struct join *join, enum stage *stage_out)
{
	struct nacre_error error = { 0 };
	struct nacre_reply *reply;
	int status = ask(join, "cluster.status", nc_slice(NULL, 0), &reply, &error);
	*stage_out = NOBODY;
	if (status == NACRE_OK)
		*stage_out = status_read(join, nc_cli_reply_slice(reply));
	nacre_reply_free(reply);
	if (status == NACRE_OK || status == NACRE_UNAVAILABLE)
		return 0;
	return nc_cli_fail_nacre(join->cli, status, &error, NULL);
}

/* ---- What is asked for ---------------------------------------------------------------------- */

static void votes(const struct join *join, struct nc_slice answer)
{
	nc_cli_progress_clear(&join->progress);
	if (join->cli->json) {
		nc_cli_put_line(answer);
	} else {
		(void)printf("%s is a voter\n", join->node);
	}
}

/* Returns 0 if the node votes, -1 if it does not yet, or an exit code after saying why it never
 * will. */
static int promote(struct join *join)
{
	struct nacre_error error = { 0 };
	struct nacre_reply *reply;
	struct nc_buf body = { 0 };
	nc_buf_put_str(&body, "{\"node\":");
	nc_json_put_string(&body, nc_slice_str(join->node));
	nc_buf_put_u8(&body, '}');
	int status = ask(join, "cluster.promote", nc_buf_slice(&body), &reply, &error);
	nc_buf_release(&body);
	if (status == NACRE_OK)
		votes(join, nc_cli_reply_slice(reply));
	nacre_reply_free(reply);
	if (status == NACRE_OK)
		return 0;
	bool temporary = status == NACRE_UNAVAILABLE ||
	                 (status == NACRE_REFUSED && (error.code == 503 || error.code == 429));
	if (temporary) {
		join->refused_ms = 0;
		return -1;
	}
	if (status == NACRE_REFUSED && join->refused_ms == 0)
		join->refused_ms = now_ms();
	if (status == NACRE_REFUSED && now_ms() - join->refused_ms < REFUSED_FOR_MS)
		return -1;
	nc_cli_progress_clear(&join->progress);
	return nc_cli_fail_nacre(join->cli, status, &error, NULL);
}

/* ---- From one to the other ------------------------------------------------------------------ */

static void tell(struct join *join, enum stage stage)
{
	if (stage != join->stage) {
		nc_cli_progress_clear(&join->progress);
		nc_cli_note(join->cli, "%s: waiting for %s", join->node, waits_for[stage]);
		join->stage = stage;
	}
	double seconds = nc_cli_progress_seconds(&join->progress);
	if (stage == BEHIND) {
		nc_cli_progress_say(&join->progress, "%.0f s, %" PRIu64 " entries behind", seconds,
		                    join->lag);
	} else {
		nc_cli_progress_say(&join->progress, "%.0f s", seconds);
	}
}

static int refuse_full(const struct join *join)
{
	nc_cli_progress_clear(&join->progress);
	if (join->members_max == 1) {
		return nc_cli_fail(join->cli, NC_EXIT_REFUSED,
		                   "%s: the store is kept by a single node, which takes up no "
		                   "other; start that one with NACRE_DB_TYPE=cluster",
		                   join->cli->command->name);
	}
	return nc_cli_fail(join->cli, NC_EXIT_REFUSED,
	                   "%s: the cluster has %" PRIu64 " members, and takes up no more",
	                   join->cli->command->name, join->members_max);
}

/* A node that is no member any more runs on, with its data, and cannot join with them. */
static bool is_removed(struct join *join)
{
	char subject[128];
	struct nacre_error error = { 0 };
	struct nacre_reply *reply;
	struct nc_slice status;
	(void)snprintf(subject, sizeof subject, "node.%.64s.healthz", join->node);
	join->until_ms = now_ms() + ASK_MS; /* the time for joining is over */
	bool removed = ask(join, subject, nc_slice(NULL, 0), &reply, &error) == NACRE_OK &&
	               nc_cli_member(nc_cli_reply_slice(reply), "status", &status) &&
	               nc_slice_is(status, "\"removed\"");
	nacre_reply_free(reply);
	return removed;
}

static int see_in(struct join *join)
{
	const struct timespec pause = { .tv_nsec = (long)LOOK_EVERY_MS * NS_IN_MS };
	bool seen = false;
	while (now_ms() < join->until_ms) {
		enum stage stage;
		int exit_code = look(join, &stage);
		if (exit_code != 0)
			return exit_code;
		if (!seen && join->members_max > 0)
			return refuse_full(join);
		tell(join, stage);
		/* Once seen, also when it is gone again: the leader says whether it was removed. */
		seen |= stage == BEHIND || stage == SILENT;
		if (seen && stage != NOBODY && now_ms() < join->until_ms) {
			exit_code = promote(join);
		} else {
			exit_code = -1;
		}
		if (exit_code >= 0)
			return exit_code;
		(void)nanosleep(&pause, NULL);
	}
	nc_cli_progress_clear(&join->progress);
	const char *why = join->stage == BEGUN ? "nothing yet" : waits_for[join->stage];
	double seconds = (double)join->timeout_ms / 1000;
	bool removed = join->stage == AWAY && is_removed(join);
	return nc_cli_fail(join->cli, NC_EXIT_UNAVAILABLE,
	                   "%s: %s does not vote within %g s; it waited for %s%s",
	                   join->cli->command->name, join->node, seconds, why,
	                   removed ? "; it runs, and was removed: start it with an empty data "
	                             "directory"
	                           : "");
}

static int run_join(struct nc_cli *cli)
{
	struct join join = { .cli = cli, .node = nc_cli_word(&cli->args, 0) };
	join.timeout_ms = nc_cli_duration_ms(&cli->args, "timeout", TIMEOUT_MS);
	join.until_ms = now_ms() + join.timeout_ms;
	nc_cli_progress_begin(&join.progress, cli, "", 0);
	int exit_code = nc_cli_connect(cli);
	return exit_code != 0 ? exit_code : see_in(&join);
}

static const struct nc_cli_example examples[] = {
	{ "n4 was started, or is about to be", "nacre cluster join n4" },
	{ "in a script: it votes, or it is said why not",
	  "nacre cluster join n4 --timeout 10m --json || exit" },
	{ NULL, NULL },
};

const struct nc_cli_command nc_cli_cluster_join = {
	.name = "cluster join",
	.words = "NODE",
	.words_min = 1,
	.words_max = 1,
	.summary = "See a new node in: wait for it, and make it a voter.",
	.details =
	        "Waits until the node appears in the cluster and has caught up, promotes it where "
	        "the nodes do not by themselves (NACRE_AUTO_PROMOTE=off), and ends when it is a "
	        "voter. --timeout is for all of that, and is 60s if not said: exit code 75. "
	        "Exit code 5: the cluster refuses it, is full, or removed it meanwhile.\n\n"
	        "The node itself is started on its own host, with an empty data directory and the "
	        "settings of the others but for its name:\n\n"
	        "  NACRE_DB_TYPE=cluster\n"
	        "  NACRE_STORE_ID=shop               the same\n"
	        "  NACRE_NODE_ID=n4                  a name that no other has\n"
	        "  NACRE_CLUSTER_SECRET=...          the same\n"
	        "  NACRE_NATS_URL=nats://127.0.0.1:4222\n"
	        "  NACRE_DATA_DIR=/var/lib/nacre     empty\n"
	        "  NACRE_BOOTSTRAP_EXPECT=3          the same\n\n"
	        "  nacred --config /etc/nacre.conf\n\n"
	        "Where it does not appear, its own log says what it waits for.",
	.examples = examples,
	.run = run_join,
};
