/* SPDX-License-Identifier: GPL-3.0-or-later */
/* core/engine/verify.h over a state that gives something else than what was put in; and the digests
 * that replicas compare. */
#include "core/engine/verify.h"

#include <stdio.h>

#include "core/engine/digest.h"
#include "tests/unit/engine/store.h"

enum { EVENTS = 40, BAD = 17 };

static struct store store, other;

/* How the state lies, about the event at BAD. */
static struct {
	const struct nc_state_ops *real;
	size_t flip;      /* a byte of its row, from 1 */
	bool gone;        /* its row */
	bool another;     /* its row is that of `other` */
	int lost_index;   /* enum nc_index, -1: none */
	int lost_space;   /* enum nc_space, -1: none */
	bool lost_id;     /* from the index of ids */
	bool broken_page; /* NC_CORRUPT from the table, there and behind */
} lie;

struct relay {
	nc_state_event_fn *fn;
	void *ctx;
	bool broken;
};

static bool on_row(void *ctx, uint64_t position, struct nc_slice row)
{
	struct relay *relay = ctx;
	struct nc_buf copy = { 0 };
	bool more = true;
	if (position == BAD && lie.broken_page) {
		relay->broken = true;
		return false;
	}
	if (position == BAD && lie.another) {
		cr_assert_eq(nc_state_reader_begin(other.reader), NC_OK);
		cr_assert_eq(nc_state_event_get(other.reader, position, &copy), NC_OK);
		nc_state_reader_end(other.reader);
	} else {
		nc_buf_put_slice(&copy, row);
	}
	if (position == BAD && lie.flip > 0)
		copy.data[lie.flip - 1] ^= 0x10;
	if (position != BAD || !lie.gone)
		more = relay->fn(relay->ctx, position, nc_buf_slice(&copy));
	nc_buf_release(&copy);
	return more;
}

static int lying_events(struct nc_state_reader *reader, uint64_t from, bool backward,
                        nc_state_event_fn *fn, void *ctx)
{
	struct relay relay = { fn, ctx, false };
	int err = lie.real->events(reader, from, backward, on_row, &relay);
	return relay.broken ? NC_CORRUPT : err;
}

static int lying_index(struct nc_state_reader *reader, struct nc_index_walk walk,
                       nc_state_index_fn *fn, void *ctx)
{
	bool lost = (int)walk.index == lie.lost_index && walk.from >= BAD;
	return lost ? NC_OK : lie.real->index(reader, walk, fn, ctx);
}

static int lying_get(struct nc_state_reader *reader, enum nc_space space, struct nc_slice key,
                     struct nc_buf *value)
{
	return (int)space == lie.lost_space ? NC_NOTFOUND
	                                    : lie.real->get(reader, space, key, value);
}

static int lying_ids(struct nc_state_reader *reader, struct nc_slice id, uint64_t stream_id,
                     nc_state_id_fn *fn, void *ctx)
{
	return lie.lost_id && nc_slice_is(id, "id17")
	               ? NC_OK
	               : lie.real->ids(reader, id, stream_id, fn, ctx);
}

static void fill(struct store *to, bool another)
{
	char id[16], tag[16];
	for (int i = 1; i <= EVENTS; i++) {
		(void)snprintf(id, sizeof id, "id%d", i);
		(void)snprintf(tag, sizeof tag, "tag%d", i % 7);
		to->time_ns += 1000;
		store_append(to, (struct ask){ .stream = "s",
		                               .type = i % 2 ? "A" : "B",
		                               .id = i == BAD || i % 3 == 0 ? id : NULL,
		                               .data = another && i == BAD ? "\"x\"" : "\"y\"",
		                               .tags = { tag } });
	}
}

static void setup(void)
{
	static struct nc_state_ops ops;
	store_open_newest(&store);
	store_open_newest(&other);
	fill(&store, false);
	fill(&other, true);
	memset(&lie, 0, sizeof lie);
	lie.real = store.state->ops;
	lie.lost_index = lie.lost_space = -1;
	ops = *lie.real;
	ops.events = lying_events;
	ops.index = lying_index;
	ops.get = lying_get;
	ops.ids = lying_ids;
	store.state->ops = &ops;
}

static void teardown(void)
{
	store.state->ops = lie.real;
	store_close(&store);
	store_close(&other);
}

TestSuite(verify, .init = setup, .fini = teardown);

/* The first bad position, 0: none; all in steps of 7. */
static uint64_t verify_all(char why[NC_VERIFY_WHY_SIZE])
{
	struct nc_verify *verify;
	bool done = false;
	int err = nc_verify_new(store.reader, &verify);
	cr_assert_eq(err, NC_OK);
	while (err == NC_OK && !done)
		err = nc_verify_step(verify, store.reader, 7, &done);
	const struct nc_verify_status *status = nc_verify_status(verify);
	uint64_t first = status->bad;
	cr_expect_eq(err == NC_OK, first == 0);
	if (first == 0) {
		cr_expect_eq(status->checked, nc_engine_head(store.engine).position);
	} else {
		cr_expect_eq(status->checked, first - 1);
	}
	(void)snprintf(why, NC_VERIFY_WHY_SIZE, "%s", status->why);
	nc_verify_free(verify);
	return first;
}

static void expect_bad(uint64_t position, const char *part)
{
	char why[NC_VERIFY_WHY_SIZE];
	uint64_t first = verify_all(why);
	cr_expect_eq(first, position, "at %llu: %s", (unsigned long long)first, why);
	cr_expect_not_null(strstr(why, part), "'%s'", why);
}

Test(verify, passes_what_is_whole)
{
	expect_bad(0, "");
}

Test(verify, names_the_event_of_which_any_byte_is_another)
{
	struct nc_buf row = { 0 };
	cr_assert_eq(nc_state_reader_begin(store.reader), NC_OK);
	cr_assert_eq(nc_state_event_get(store.reader, BAD, &row), NC_OK);
	nc_state_reader_end(store.reader);
	cr_assert_gt(row.size, 60u);
	for (lie.flip = 1; lie.flip <= row.size; lie.flip++)
		expect_bad(BAD, "the event");
	nc_buf_release(&row);
}

Test(verify, names_a_missing_event_and_a_broken_page)
{
	lie.gone = true;
	expect_bad(BAD, "no event");
	lie.gone = false;
	lie.broken_page = true;
	expect_bad(BAD, "table of events");
}

Test(verify, names_what_does_not_lead_to_an_event)
{
	static const char *const words[] = { "streams", "types", "categories", "tags" };
	for (lie.lost_index = 0; lie.lost_index < NC_INDEX_COUNT; lie.lost_index++)
		expect_bad(BAD, words[lie.lost_index]);
	lie.lost_index = -1;
	lie.lost_id = true;
	expect_bad(BAD, "index of ids");
	lie.lost_id = false;
	lie.lost_space = NC_SPACE_STREAMS;
	expect_bad(1, "table of streams");
	lie.lost_space = NC_SPACE_NAMES;
	expect_bad(1, "table of names");
}

/* Whole in itself, but not what was appended. */
Test(verify, finds_a_forged_event_by_its_id)
{
	lie.another = true;
	expect_bad(BAD, "index of ids"); /* the row of its id has the digest */
}

Test(verify, finds_a_forged_event_without_an_id_at_the_next_mark_or_at_the_head)
{
	store.state->ops = lie.real;
	for (int i = EVENTS; i < 3000; i++)
		APPEND(&store, .stream = "s");
	static struct nc_state_ops ops;
	ops = *lie.real;
	ops.events = lying_events;
	store.state->ops = &ops;
	/* `other` has another history from its 17th on: row 17 of a store without ids. */
	store_close(&other);
	store_open_newest(&other);
	for (int i = 1; i <= EVENTS; i++) {
		char tag[16];
		(void)snprintf(tag, sizeof tag, "tag%d", i % 7);
		other.time_ns += 1000;
		store_append(&other, (struct ask){ .stream = "s",
		                                   .type = i % 2 ? "A" : "B",
		                                   .data = "\"forged\"",
		                                   .tags = { tag } });
	}
	lie.another = true;
	expect_bad(NC_DIGEST_EVERY, "chain");
}

Test(verify, reads_the_payloads_of_the_log)
{
	struct nc_buf record = store_record("T");
	struct nc_buf payload = store_entry(&record);
	nc_command_put_engine_version(&payload, 3);
	cr_expect_eq(nc_verify_payload(nc_buf_slice(&payload)), NC_OK);
	for (size_t cut = 1; cut < payload.size - NC_ENTRY_HEADER_SIZE; cut++) {
		if (cut != 9) { /* the whole second command */
			cr_expect_eq(nc_verify_payload(nc_slice(payload.data, payload.size - cut)),
			             NC_CORRUPT, "cut by %zu", cut);
		}
	}
	payload.data[NC_ENTRY_HEADER_SIZE + 20] ^= 1; /* in the record */
	cr_expect_eq(nc_verify_payload(nc_buf_slice(&payload)), NC_CORRUPT);
	nc_buf_release(&record);
	nc_buf_release(&payload);
}

/* ---- Digests compared ----------------------------------------------------------------------- */

static struct nc_outcome compare(const struct store *with, uint64_t position)
{
	uint8_t digest[NC_SHA256_SIZE];
	struct nc_buf payload = { 0 };
	cr_assert_eq(nc_state_reader_begin(with->reader), NC_OK);
	cr_assert_eq(nc_digest_mark_get(with->reader, position, digest), NC_OK);
	nc_state_reader_end(with->reader);
	nc_entry_begin(&payload, store.time_ns);
	nc_command_put_digest(&payload, position, digest);
	struct nc_outcome outcome = store_apply(&store, nc_buf_slice(&payload));
	nc_buf_release(&payload);
	return outcome;
}

Test(verify, a_replica_with_another_history_finds_that_it_differs)
{
	struct store *stores[] = { &store, &other };
	for (size_t i = 0; i < 2; i++) {
		for (unsigned n = EVENTS; n < 2 * NC_DIGEST_EVERY + 10; n++)
			APPEND(stores[i], .stream = "s");
	}
	cr_expect_eq(compare(&store, NC_DIGEST_EVERY).differs_at, 0u, "with itself");
	cr_expect_eq(compare(&store, 2 * NC_DIGEST_EVERY).differs_at, 0u);
	cr_expect_eq(compare(&other, NC_DIGEST_EVERY).differs_at, NC_DIGEST_EVERY);
	cr_expect_eq(compare(&other, 2 * NC_DIGEST_EVERY).differs_at, 2 * NC_DIGEST_EVERY);
}

Test(verify, there_are_no_marks_before_the_version_that_brought_them)
{
	uint8_t digest[NC_SHA256_SIZE];
	store_close(&other);
	store_open(&other);
	store_raise(&other, NC_ENGINE_VERSION_BATCH);
	for (unsigned n = 0; n < NC_DIGEST_EVERY; n++)
		APPEND(&other, .stream = "s");
	cr_assert_eq(nc_state_reader_begin(other.reader), NC_OK);
	cr_expect_eq(nc_digest_mark_get(other.reader, NC_DIGEST_EVERY, digest), NC_NOTFOUND);
	nc_state_reader_end(other.reader);
}
