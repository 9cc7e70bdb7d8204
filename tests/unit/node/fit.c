/* SPDX-License-Identifier: GPL-3.0-or-later */
/* When a node answers reads of its own state, and when it leaves them to others. */
#include <criterion/criterion.h>

#include "core/node/service/fit.h"

#define LOOK_MS 100u

static uint64_t now_ms;

/* Look for so long; the last answer. */
static bool looks(struct nc_fit *fit, const struct nc_fit_view *view, uint64_t ms)
{
	bool is_fit = nc_fit_look(fit, view, now_ms += LOOK_MS);
	for (uint64_t passed = LOOK_MS; passed < ms; passed += LOOK_MS)
		is_fit = nc_fit_look(fit, view, now_ms += LOOK_MS);
	return is_fit;
}

/* One that follows node 2 and has all there is. */
static const struct nc_fit_view level = { .connected = true,
	                                  .member = true,
	                                  .leader = 2,
	                                  .told = 100,
	                                  .others = 100,
	                                  .commit = 100,
	                                  .applied = 100 };

static struct nc_fit fit_one(void)
{
	struct nc_fit fit = { 0 };
	cr_assert(looks(&fit, &level, LOOK_MS));
	return fit;
}

Test(fit, one_that_joins_waits_for_what_was_committed_when_it_heard_of_the_leader)
{
	struct nc_fit fit = { 0 };
	struct nc_fit_view view = { .connected = true, .member = true };
	cr_expect_not(looks(&fit, &view, 1000), "nobody leads, as far as it knows");
	view.leader = 2;
	cr_expect_not(looks(&fit, &view, 1000), "who leads has not said how far it is");
	view.told = 100;
	view.others = 90;
	cr_expect_not(looks(&fit, &view, 60000), "it has applied nothing");
	view.told = 500; /* writes go on */
	view.applied = view.commit = 99;
	cr_expect_not(looks(&fit, &view, LOOK_MS));
	view.applied = view.commit = 100;
	cr_expect(looks(&fit, &view, LOOK_MS), "what it has missed has been applied");
}

Test(fit, what_its_own_log_says_counts_too_and_what_others_have)
{
	struct nc_fit fit = { 0 };
	struct nc_fit_view view = level;
	view.applied = 100;
	view.commit = 110;
	cr_expect_not(looks(&fit, &view, LOOK_MS));
	fit = (struct nc_fit){ 0 };
	view.commit = 100;
	view.others = 120;
	cr_expect_not(looks(&fit, &view, LOOK_MS));
}

Test(fit, who_leads_answers_at_once)
{
	struct nc_fit fit = { 0 };
	const struct nc_fit_view view = {
		.connected = true, .member = true, .leads = true, .leader = 1
	};
	cr_expect(looks(&fit, &view, LOOK_MS));
}

Test(fit, a_member_that_finds_no_leader_answers_from_what_its_log_says)
{
	struct nc_fit fit = { 0 };
	struct nc_fit_view view = {
		.connected = true, .member = true, .commit = 100, .applied = 90
	};
	cr_expect_not(looks(&fit, &view, NC_FIT_ALONE_MS * 2));
	view.applied = 100;
	cr_expect(looks(&fit, &view, LOOK_MS));
	fit = (struct nc_fit){ 0 };
	view.member = false;
	cr_expect_not(looks(&fit, &view, NC_FIT_ALONE_MS * 2), "who is no member has nothing");
}

Test(fit, one_that_is_cut_off_or_has_lost_its_leader_goes_on)
{
	struct nc_fit fit = fit_one();
	struct nc_fit_view view = level;
	view.leader = view.told = view.others = 0;
	cr_expect(looks(&fit, &view, 60000));
}

Test(fit, who_was_away_answers_when_it_has_what_it_has_missed)
{
	struct nc_fit fit = fit_one();
	struct nc_fit_view view = level;
	view.leader = 0;
	cr_expect(looks(&fit, &view, NC_FIT_ALONE_MS));
	view.leader = 3;
	view.told = view.others = 200;
	cr_expect_not(looks(&fit, &view, LOOK_MS), "cut off from the others");
	view.commit = view.applied = 200;
	cr_expect(looks(&fit, &view, LOOK_MS));
	view.connected = false;
	cr_expect_not(looks(&fit, &view, LOOK_MS), "or from NATS");
	view.connected = true;
	view.told = 300;
	cr_expect_not(looks(&fit, &view, LOOK_MS));
	view.commit = view.applied = 300;
	cr_expect(looks(&fit, &view, LOOK_MS));
}

Test(fit, one_that_loses_its_leader_for_a_moment_goes_on)
{
	struct nc_fit fit = fit_one();
	struct nc_fit_view view = level;
	view.leader = 0;
	cr_expect(looks(&fit, &view, 1000));
	view.leader = 3;
	view.told = view.others = 110;
	cr_expect(looks(&fit, &view, 1000));
}

Test(fit, one_that_follows_busy_writers_a_little_behind_goes_on)
{
	struct nc_fit fit = fit_one();
	struct nc_fit_view view = level;
	for (int i = 0; i < 1000; i++) {
		view.told = view.others += 1000;
		view.commit = view.applied = view.others - 3000;
		cr_assert(looks(&fit, &view, LOOK_MS), "after %d", i);
	}
}

Test(fit, one_that_does_not_come_to_what_others_have_leaves_and_comes_back)
{
	struct nc_fit fit = fit_one();
	struct nc_fit_view view = level;
	view.told = view.others = 5000;
	cr_expect(looks(&fit, &view, NC_FIT_BEHIND_MS), "not at once");
	cr_expect_not(looks(&fit, &view, 1000));
	view.told = view.others = 9000;
	view.commit = view.applied = 5000;
	cr_expect(looks(&fit, &view, LOOK_MS), "what was committed when it left has been applied");
}

Test(fit, one_that_has_stalled_leaves_if_others_are_further)
{
	struct nc_fit fit = fit_one();
	struct nc_fit_view view = level;
	view.stalled = true;
	view.commit = 101;
	cr_expect(looks(&fit, &view, 60000), "the others stand there, too");
	view.others = 101;
	cr_expect_not(looks(&fit, &view, LOOK_MS));
	view.told = 101;
	cr_expect_not(looks(&fit, &view, 1000));
	view.stalled = false;
	view.applied = 101;
	cr_expect(looks(&fit, &view, LOOK_MS));
}

Test(fit, a_loop_that_stood_still_is_not_behind)
{
	struct nc_fit fit = fit_one();
	struct nc_fit_view view = level;
	view.others = view.told = 200;
	cr_expect(looks(&fit, &view, 2 * LOOK_MS));
	now_ms += 60000;
	cr_expect(looks(&fit, &view, LOOK_MS));
}

Test(fit, who_is_no_member_any_more_leaves_at_once)
{
	struct nc_fit fit = fit_one();
	struct nc_fit_view view = level;
	view.leads = true; /* it goes on until its own removal is committed */
	view.member = false;
	cr_expect(looks(&fit, &view, LOOK_MS));
	view.leads = false;
	cr_expect_not(looks(&fit, &view, LOOK_MS), "nobody brings it what comes now");
	view.leader = 3;
	cr_expect_not(looks(&fit, &view, NC_FIT_ALONE_MS * 2), "whoever leads");
	view.member = true;
	cr_expect(looks(&fit, &view, LOOK_MS), "the removal was undone");
}
