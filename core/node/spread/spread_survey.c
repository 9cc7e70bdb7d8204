/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Where the subscriptions stand that other nodes run: asked of them when somebody asks the leader
 * for the list, and at no other time (decision 0122). */
#include <stdlib.h>
#include <string.h>

#include "core/base/assert.h"
#include "core/node/cluster/cluster.h"
#include "core/node/spread/spread_private.h"
#include "core/node/spread/standings.h"

#define SURVEYS_MAX 64u /* that may be under way; and that may wait at an owner */

/* ---- The leader ----------------------------------------------------------------------------- */

struct asked {
	struct nc_survey *survey;
	uint64_t node;
	struct nc_buf answer;
	struct nc_standings told; /* in `answer` */
	bool answered;
};

struct nc_survey {
	struct nc_survey *next;
	struct nc_spread *spread; /* NULL: it has ended, and is freed when its answers have come */
	nc_survey_fn *fn;
	void *ctx;
	enum nc_standing_form form;
	unsigned awaited;
	size_t count;
	struct asked asked[NC_RAFT_MEMBERS_MAX]; /* [count] */
};

static void survey_free(struct nc_survey *survey)
{
	for (size_t i = 0; i < survey->count; i++)
		nc_buf_release(&survey->asked[i].answer);
	free(survey);
}

static void survey_end(struct nc_survey *survey, struct nc_survey *told)
{
	struct nc_spread *spread = survey->spread;
	nc_assert(spread != NULL);
	struct nc_survey **at = &spread->surveys;
	while (*at != survey) {
		nc_assert(*at != NULL);
		at = &(*at)->next;
	}
	*at = survey->next;
	spread->survey_count--;
	survey->spread = NULL;
	survey->fn(survey->ctx, told);
}

/* An answer that it waited for has come, or will not. */
static void came(struct nc_survey *survey)
{
	if (--survey->awaited > 0)
		return;
	if (survey->spread != NULL)
		survey_end(survey, survey);
	survey_free(survey);
}

/* An answer that is not understood, such as that of an earlier build, counts as none. */
static void on_answer(void *ctx, int err, struct nc_slice body)
{
	struct asked *asked = ctx;
	struct nc_survey *survey = asked->survey;
	if (err == NC_OK && survey->spread != NULL) {
		nc_buf_put_slice(&asked->answer, body);
		asked->answered = nc_buf_status(&asked->answer) == NC_OK &&
		                  nc_standings_open(nc_buf_slice(&asked->answer), survey->form,
		                                    &asked->told) == NC_OK;
	}
	came(survey);
}

static void ask_node(struct nc_survey *survey, uint64_t node, const struct nc_spread_call *call)
{
	struct asked *asked = &survey->asked[survey->count++];
	*asked = (struct asked){ .survey = survey, .node = node };
	const struct nc_spread_question question = {
		.to = node, .timeout_ms = NC_SPREAD_SURVEY_MS, .fn = on_answer, .ctx = asked
	};
	if (nc_spread_ask(survey->spread, &question, call) == NC_OK)
		survey->awaited++;
}

int nc_spread_survey(struct nc_spread *spread, const struct nc_survey_ask *ask, nc_survey_fn *fn,
                     void *ctx)
{
	const struct nc_spread_call call = {
		.verb = NC_SPREAD_SURVEY,
		.applied = nc_replica_status(spread->service->replica).applied,
		.form = ask->form,
		.after = nc_slice_str(ask->after),
		.through = nc_slice_str(ask->through)
	};
	nc_assert(ask->count <= NC_RAFT_MEMBERS_MAX);
	if (spread->survey_count >= SURVEYS_MAX)
		return NC_BUSY;
	struct nc_survey *survey = malloc(sizeof *survey);
	if (survey == NULL)
		return NC_NOMEM;
	*survey = (struct nc_survey){ .next = spread->surveys,
		                      .spread = spread,
		                      .fn = fn,
		                      .ctx = ctx,
		                      .form = ask->form,
		                      /* this call counts, until all have been asked */
		                      .awaited = 1 };
	spread->surveys = survey;
	spread->survey_count++;
	for (size_t i = 0; i < ask->count; i++)
		ask_node(survey, ask->nodes[i], &call);
	came(survey);
	return NC_OK;
}

int nc_survey_find(struct nc_survey *survey, uint64_t node, struct nc_slice name,
                   struct nc_standing *standing_out)
{
	for (size_t i = 0; i < survey->count; i++) {
		struct asked *asked = &survey->asked[i];
		if (asked->node != node || !asked->answered)
			continue;
		return nc_standings_find(&asked->told, name, standing_out) ? NC_OK : NC_NOTFOUND;
	}
	return NC_TIMEOUT;
}

void nc_spread_surveys_end(struct nc_spread *spread)
{
	while (spread->surveys != NULL)
		survey_end(spread->surveys, NULL);
}

/* ---- An owner ------------------------------------------------------------------------------- */

/* On an owner: a survey from a leader that has applied more. It waits until that is applied here,
 * so that the list shows what was changed before it was asked for. */
struct nc_spread_surveyed {
	struct nc_spread_surveyed *next;
	uint64_t from, call, applied, until_ns;
	enum nc_standing_form form;
	char after[NC_WORD_SIZE_MAX + 1], through[NC_WORD_SIZE_MAX + 1];
};

static void answer(struct nc_spread *spread, const struct nc_spread_surveyed *one)
{
	nc_buf_clear(&spread->body);
	int err = nc_subs_put_standings(spread->service->subs, one->after, one->through, one->form,
	                                &spread->body);
	struct nc_slice body = err == NC_OK ? nc_buf_slice(&spread->body) : nc_slice(NULL, 0);
	(void)nc_peer_reply(spread->peer, one->from, one->call, err, body);
}

static void place_copy(char place[NC_WORD_SIZE_MAX + 1], struct nc_slice text)
{
	if (text.size > 0)
		memcpy(place, text.data, text.size);
	place[text.size] = '\0';
}

void nc_spread_take_survey(struct nc_spread *spread, uint64_t from, uint64_t call,
                           const struct nc_spread_call *asked)
{
	struct nc_spread_surveyed one = { .from = from,
		                          .call = call,
		                          .applied = asked->applied,
		                          .until_ns = nc_clock_ns() +
		                                      NC_SPREAD_SURVEY_MS * UINT64_C(1000000),
		                          .form = asked->form };
	place_copy(one.after, asked->after);
	place_copy(one.through, asked->through);
	if (spread->applied >= one.applied) {
		answer(spread, &one);
		return;
	}
	struct nc_spread_surveyed *kept =
	        spread->surveyed_count < SURVEYS_MAX ? malloc(sizeof *kept) : NULL;
	if (kept == NULL) {
		(void)nc_peer_reply(spread->peer, from, call, NC_BUSY, nc_slice(NULL, 0));
		return;
	}
	*kept = one;
	kept->next = spread->surveyed;
	spread->surveyed = kept;
	spread->surveyed_count++;
}

void nc_spread_surveys_step(struct nc_spread *spread)
{
	struct nc_spread_surveyed **at = &spread->surveyed, *one;
	while ((one = *at) != NULL) {
		bool late = nc_clock_ns() >= one->until_ns;
		if (spread->applied < one->applied && !late) {
			at = &one->next;
			continue;
		}
		*at = one->next;
		spread->surveyed_count--;
		if (!late)
			answer(spread, one); /* if not, nobody waits for it any more */
		free(one);
	}
}

void nc_spread_surveys_drop(struct nc_spread *spread)
{
	nc_spread_surveys_end(spread);
	while (spread->surveyed != NULL) {
		struct nc_spread_surveyed *one = spread->surveyed;
		spread->surveyed = one->next;
		free(one);
	}
}
