/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Random programs on a log whose disk fills up, fails and loses its power at any call: what was
 * durable is there when the power is back, and of what was under way a beginning. */
#include <criterion/criterion.h>

#include "storage/log/segment_log.h"
#include "tests/unit/log/directory.h"
#include "tests/unit/log/entries.h"
#include "tests/unit/log/power.h"

enum { SEEDS = 40, STEPS = 120, ENTRIES_MAX = 4000, BATCH_MAX = 6 };

/* What a log holds. Each batch has a term of its own, so that index and term tell entries apart. */
struct model {
	uint64_t base, last;
	uint64_t terms[ENTRIES_MAX];
	struct nc_log_hard hard;
};

static struct nc_log *journal;
static struct nc_log_recovery recovery;
static struct model now;                       /* durable */
static struct model may_be[1 + 1 + BATCH_MAX]; /* that, and as much more as was under way */
static size_t may_be_count;
static uint64_t seed, term, compacted; /* at most through there */

static void model_add(const struct model *model)
{
	cr_assert_lt(may_be_count, sizeof may_be / sizeof may_be[0]);
	may_be[may_be_count++] = *model;
}

static bool holds(const struct model *model)
{
	struct nc_log_bounds bounds;
	nc_log_bounds(journal, &bounds);
	if (bounds.last != model->last)
		return false;
	for (uint64_t index = bounds.first; index <= bounds.last; index++) {
		if (index > model->base && !entry_is(journal, index, model->terms[index]))
			return false;
	}
	return true;
}

static void base_follow(void)
{
	struct nc_log_bounds bounds;
	uint64_t base_term;
	nc_log_bounds(journal, &bounds);
	now.base = bounds.first - 1;
	cr_assert_eq(nc_log_term_at(journal, now.base, &base_term), NC_OK);
	cr_assert(now.base == 0 || base_term == now.terms[now.base], "seed %lu: the base", seed);
}

static void open_log(void)
{
	char fault[NC_LOG_FAULT_SIZE];
	const struct nc_segment_log_options options = { .segment_size = NC_SEGMENT_SIZE_MIN,
		                                        .files = &power_files };
	cr_assert_eq(nc_segment_log_open(directory_make(), &options, &recovery, &journal, fault),
	             NC_OK, "seed %lu: %s", seed, fault);
}

static void power_goes(void)
{
	nc_log_close(journal);
	power_back();
	open_log();
	struct nc_log_bounds bounds;
	nc_log_bounds(journal, &bounds);
	bool found = false;
	for (size_t i = may_be_count; i > 0 && !found; i--) {
		const struct model *model = &may_be[i - 1];
		uint64_t base = model->base > compacted ? model->base : compacted;
		found = holds(model) && recovery.hard.term == model->hard.term &&
		        recovery.hard.vote == model->hard.vote && bounds.first - 1 <= base;
		if (found)
			now = *model;
	}
	cr_assert(found, "seed %lu: the log holds %lu..%lu, term %lu, and had ..%lu, term %lu",
	          seed, bounds.first, bounds.last, recovery.hard.term, now.last, now.hard.term);
	base_follow();
	compacted = now.base;
}

/* ---- Steps ----------------------------------------------------------------------------------- */

static size_t size_draw(void)
{
	static const size_t sizes[] = { 20000, 4056, 4048, 60000 }; /* some end with a page */
	return power_dice(5) == 0 ? sizes[power_dice(4)] : power_dice(600);
}

/* A batch, which may take the place of some entries, or a term and vote alone. */
static int append(struct model *to)
{
	size_t count = power_dice(5) == 0 ? 0 : 1 + power_dice(BATCH_MAX - 1);
	bool has_hard = count == 0 || power_dice(4) == 0;
	uint64_t first = now.last + 1;
	if (count > 0 && power_dice(5) == 0)
		first -= power_dice(now.last - now.base > 20 ? 20 : now.last - now.base + 1);
	term++;
	if (has_hard) {
		to->hard = (struct nc_log_hard){ term, power_dice(4) };
		model_add(to);
	}
	for (size_t i = 0; i < count; i++) {
		to->last = first + i;
		to->terms[to->last] = term;
		model_add(to);
	}
	struct nc_log_hard hard = to->hard;
	if (count == 0)
		return nc_log_append(journal, &hard, NULL, 0);
	return entries_append(journal, has_hard ? &hard : NULL, first, count, term, size_draw());
}

static int compact(struct model *to)
{
	compacted = now.base + power_dice(now.last - now.base + 1);
	int err = nc_log_compact(journal, compacted);
	struct nc_log_bounds bounds;
	nc_log_bounds(journal, &bounds);
	cr_assert(bounds.first - 1 <= compacted || bounds.first - 1 == now.base, "seed %lu", seed);
	to->base = bounds.first - 1;
	return err;
}

static int reset(struct model *to)
{
	to->base = to->last = now.last + 1 + power_dice(20);
	to->terms[to->last] = ++term;
	model_add(to);
	return nc_log_reset(journal, to->last, term);
}

static void trouble_draw(void)
{
	power.no_files = power_dice(5) == 0;
	power.full_in = 1 + (int)power_dice(3);
	power.full_times =
	        power_dice(6) == 0 ? 1 + (int)(power_dice(4) == 0 ? power_dice(3) : 0) : 0;
	power.gone_in = power_dice(12) == 0 ? 1 + (int)power_dice(4) : 0;
	power.sync_fails = power_dice(60) == 0;
}

static void step(void)
{
	static struct model to;
	int err;
	to = now;
	may_be_count = 0;
	model_add(&now);
	trouble_draw();
	uint64_t lot = power_dice(24);
	if (lot < 16) {
		err = append(&to);
	} else if (lot < 19) {
		err = nc_log_mark(journal);
	} else if (lot < 23) {
		err = compact(&to);
	} else {
		err = reset(&to);
	}
	cr_assert(err == NC_OK || err == NC_FULL || err == NC_IO, "seed %lu: %d", seed, err);
	if (err != NC_IO) { /* done, or as if it had not been asked */
		now = err == NC_OK ? to : now;
		may_be_count = 0;
		model_add(&now);
		cr_assert(holds(&now), "seed %lu: %s", seed, nc_err_name(err));
	}
	if (err == NC_IO || power.gone || power_dice(err == NC_FULL ? 3 : 25) == 0)
		power_goes();
	base_follow();
}

/* ---- Programs -------------------------------------------------------------------------------- */

static void run(void)
{
	now = (struct model){ 0 };
	term = compacted = 0;
	power = (struct power){ .dice = seed * 0x9e3779b97f4a7c15u, .direct = seed % 2 == 0 };
	open_log();
	for (int i = 0; i < STEPS && now.last + 40 < ENTRIES_MAX; i++)
		step();
	nc_log_close(journal);
	power_settle();
	directory_remove();
}

Test(log_random, loses_nothing_that_was_durable, .timeout = 300)
{
	for (seed = 1; seed <= SEEDS; seed++)
		run();
}
