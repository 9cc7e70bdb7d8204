/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Whether another node may have answered a request. */
#include "core/node/spread/lives.h"

#include "core/delivery/placement.h"

/* The index of this life; `count`: it is not there. */
static size_t find(const struct nc_lives *lives, struct nc_sub_owner who)
{
	size_t at = 0;
	while (at < lives->count && !nc_sub_owner_same(lives->at[at].who, who))
		at++;
	return at;
}

/* The index of the node's present life; `count`: none is known. */
static size_t find_present(const struct nc_lives *lives, uint64_t number)
{
	size_t at = 0;
	while (at < lives->count && (lives->at[at].over || lives->at[at].who.number != number))
		at++;
	return at;
}

static struct nc_life *make(struct nc_lives *lives)
{
	if (lives->count < NC_LIVES_MAX)
		return &lives->at[lives->count++];
	struct nc_life *oldest = &lives->at[0];
	for (size_t i = 1; i < lives->count; i++) {
		if (lives->at[i].heard_ns < oldest->heard_ns)
			oldest = &lives->at[i];
	}
	return oldest;
}

void nc_lives_note(struct nc_lives *lives, const struct nc_life *life)
{
	size_t at = find(lives, life->who);
	struct nc_life *there = &lives->at[at];
	if (at < lives->count) {
		if (life->heard_ns > there->heard_ns)
			there->heard_ns = life->heard_ns;
		if (there->closed_ns <= there->heard_ns)
			there->closed_ns = life->closed_ns;
		if (there->left_ns == 0)
			there->left_ns = life->left_ns;
		return;
	}
	at = find_present(lives, life->who.number);
	if (at < lives->count && lives->at[at].who.boot == 0) { /* it is heard for the first time */
		lives->at[at].who = life->who;
		nc_lives_note(lives, life);
		return;
	}
	if (at < lives->count)
		lives->at[at].over = true;
	there = make(lives);
	*there = *life;
	there->over = false;
}

void nc_lives_await(struct nc_lives *lives, uint64_t number, uint64_t now_ns)
{
	size_t at = find_present(lives, number);
	if (at == lives->count) {
		*make(lives) = (struct nc_life){ .who = { number, 0 }, .heard_ns = now_ns };
	} else if (lives->at[at].closed_ns <= lives->at[at].heard_ns) {
		lives->at[at].heard_ns = now_ns;
	}
}

static bool lived(const struct nc_life *life, uint64_t at_ns)
{
	bool closed = life->closed_ns > life->heard_ns && life->closed_ns <= at_ns;
	return at_ns <= life->heard_ns + NC_LIVES_PAUSE_NS && !closed;
}

static bool gone(const struct nc_life *life, uint64_t at_ns)
{
	return at_ns > life->heard_ns + NC_PLACEMENT_GONE_NS;
}

bool nc_lives_gone(const struct nc_lives *lives, struct nc_sub_owner who, uint64_t at_ns)
{
	size_t at = find(lives, who);
	return at < lives->count && gone(&lives->at[at], at_ns);
}

static bool is(const struct nc_life *life, struct nc_sub_owner who)
{
	return life->who.number == who.number &&
	       (life->who.boot == who.boot || life->who.boot == 0);
}

static const struct nc_witness *witness_find(const struct nc_lives_case *of,
                                             const struct nc_life *life)
{
	for (size_t i = 0; i < of->count; i++) {
		if (is(life, of->witnesses[i].who))
			return &of->witnesses[i];
	}
	return NULL;
}

static bool may_have_heard(const struct nc_lives_case *of, const struct nc_life *life)
{
	if (of->hearers == NULL)
		return true;
	for (size_t i = 0; i < of->hearer_count; i++) {
		if (is(life, of->hearers[i]))
			return true;
	}
	return false;
}

static enum nc_lives_verdict judge_one(const struct nc_life *life, const struct nc_lives_case *of)
{
	const struct nc_witness *witness = witness_find(of, life);
	bool left = life->left_ns != 0 && of->arrived_ns >= life->left_ns;
	if (left || !may_have_heard(of, life))
		return NC_LIVES_NOBODY;
	if (witness != NULL && !witness->closed)
		return witness->behind ? NC_LIVES_YET : NC_LIVES_NOBODY;
	if (witness == NULL && !life->over && !gone(life, of->now_ns))
		return NC_LIVES_WAIT;
	return lived(life, of->early_ns) ? NC_LIVES_PERHAPS : NC_LIVES_NOBODY;
}

enum nc_lives_verdict nc_lives_judge(const struct nc_lives *lives, const struct nc_lives_case *of)
{
	enum nc_lives_verdict verdict = NC_LIVES_NOBODY;
	for (size_t i = 0; i < lives->count; i++) {
		enum nc_lives_verdict one = judge_one(&lives->at[i], of);
		verdict = one > verdict ? one : verdict;
	}
	return verdict;
}

enum nc_lives_fate nc_lives_fate(enum nc_lives_verdict verdict, bool unsure, bool last)
{
	unsure |= verdict == NC_LIVES_YET;
	if ((unsure || verdict == NC_LIVES_WAIT) && !last)
		return NC_LIVES_AGAIN;
	if (verdict == NC_LIVES_WAIT || verdict == NC_LIVES_PERHAPS)
		return NC_LIVES_LEAVE;
	return unsure ? NC_LIVES_GIVE_UP : NC_LIVES_REFUSE;
}
