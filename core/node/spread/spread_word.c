/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What an owner says of a delivery that a batch acknowledges, to the leader who asks
 * (spread_flight.c). */
#include <stdio.h>
#include <stdlib.h>

#include "core/node/spread/spread_private.h"

#define WORD_NS UINT64_C(1000000000) /* how long it may take; then the leader asks again */

/* A question of the leader's. What the server said of deliveries before, that nobody heard them,
 * comes over another connection than the question: so this node sends itself a message over that
 * one, and answers when it is back. */
struct nc_spread_word {
	struct nc_spread_word *next;
	uint64_t from, call, epoch, position, until_ns;
	uint64_t echo; /* the message's number */
	bool heard;    /* it is back */
	char name[NC_WORD_SIZE_MAX + 1];
};

#define ECHO_SIZE 9u /* bytes: another size than that of what is sent for the pace */

void nc_spread_take_flight(struct nc_spread *spread, uint64_t from, uint64_t call,
                           const struct nc_spread_call *asked)
{
	struct nc_service *service = spread->service;
	bool good = asked->name.size <= NC_WORD_SIZE_MAX;
	struct nc_spread_word *word = good ? calloc(1, sizeof *word) : NULL;
	if (word == NULL) {
		(void)nc_peer_reply(spread->peer, from, call, good ? NC_NOMEM : NC_INVALID,
		                    nc_slice(NULL, 0));
		return;
	}
	*word = (struct nc_spread_word){ .from = from,
		                         .call = call,
		                         .epoch = asked->epoch,
		                         .position = asked->position,
		                         .until_ns = nc_clock_ns() + WORD_NS,
		                         .echo = ++spread->echoes };
	(void)snprintf(word->name, sizeof word->name, "%.*s", (int)asked->name.size,
	               (const char *)asked->name.data);
	struct nc_spread_word **at = &spread->words;
	while (*at != NULL)
		at = &(*at)->next;
	*at = word;
	uint8_t body[ECHO_SIZE] = { 0 };
	nc_set_u64(body, word->echo);
	nc_service_post(service, nc_slice_str(service->pace_subject), nc_slice(body, sizeof body),
	                0);
}

/* False: not yet. */
static bool word_answer(struct nc_spread *spread, const struct nc_spread_word *word)
{
	enum nc_sub_word says = NC_SUB_WORD_LATER;
	int err = word->heard ? nc_subs_own_word(spread->service->subs, nc_slice_str(word->name),
	                                         word->epoch, word->position, &says)
	                      : NC_OK;
	if (err == NC_OK && says == NC_SUB_WORD_LATER) {
		if (nc_clock_ns() < word->until_ns)
			return false;
		err = NC_BUSY;
	}
	nc_buf_clear(&spread->body);
	if (err == NC_OK)
		nc_spread_word_put(&spread->body, says);
	if (err == NC_OK)
		err = nc_buf_status(&spread->body);
	struct nc_slice body = err == NC_OK ? nc_buf_slice(&spread->body) : nc_slice(NULL, 0);
	(void)nc_peer_reply(spread->peer, word->from, word->call, err, body);
	return true;
}

void nc_spread_words_step(struct nc_spread *spread)
{
	struct nc_spread_word **at = &spread->words;
	while (*at != NULL) {
		struct nc_spread_word *word = *at;
		if (!word_answer(spread, word)) {
			at = &word->next;
			continue;
		}
		*at = word->next;
		free(word);
	}
}

void nc_spread_echo_heard(struct nc_spread *spread, struct nc_slice body)
{
	if (spread == NULL || body.size != ECHO_SIZE)
		return;
	uint64_t echo = nc_get_u64(body.data);
	for (struct nc_spread_word *word = spread->words; word != NULL; word = word->next)
		word->heard |= word->echo <= echo;
	nc_spread_words_step(spread);
}

void nc_spread_words_drop(struct nc_spread *spread)
{
	while (spread->words != NULL) {
		struct nc_spread_word *word = spread->words;
		spread->words = word->next;
		free(word);
	}
}
