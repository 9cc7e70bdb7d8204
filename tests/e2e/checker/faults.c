/* SPDX-License-Identifier: GPL-3.0-or-later */
/* faults.c -- the checker's life, and what it found. */
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>

#include "tests/e2e/checker/checker_private.h"

#define WORDS_OF_A_KIND 5 /* faults told in words; the others are counted */

static const char *const names[NC_FAULT_COUNT] = {
	[NC_FAULT_MALFORMED] = "malformed line",
	[NC_FAULT_NO_FINAL] = "no final state",
	[NC_FAULT_GAP] = "gap",
	[NC_FAULT_LOST] = "lost",
	[NC_FAULT_MOVED] = "moved",
	[NC_FAULT_DOUBLED] = "doubled",
	[NC_FAULT_FOREIGN] = "appended by nobody",
	[NC_FAULT_REFUSED] = "refused and there",
	[NC_FAULT_TORN] = "torn batch",
	[NC_FAULT_ORDER] = "order in time",
	[NC_FAULT_CONFLICT] = "conflict not justified",
	[NC_FAULT_READ] = "wrong read",
	[NC_FAULT_STALE] = "stale direct read",
	[NC_FAULT_SUB_GAP] = "never delivered",
	[NC_FAULT_SUB_ORDER] = "delivered out of order",
	[NC_FAULT_SUB_ACKED] = "delivered after its ack",
	[NC_FAULT_SUB_EVENT] = "delivered wrongly",
	[NC_FAULT_DIFFER] = "nodes differ",
};

const char *nc_fault_name(enum nc_fault fault)
{
	return names[fault];
}

void nc_fault(struct nc_checker *checker, enum nc_fault fault, const char *format, ...)
{
	if (checker->faults[fault]++ >= WORDS_OF_A_KIND)
		return;
	char words[256];
	va_list args;
	va_start(args, format);
	(void)vsnprintf(words, sizeof words, format, args);
	va_end(args);
	nc_buf_printf(&checker->words, "%s: %s\n", names[fault], words);
}

bool nc_array_room(void *at_pointer, size_t *room, size_t count, size_t item_size)
{
	if (count < *room)
		return true;
	size_t more = *room == 0 ? 64 : *room * 2;
	void *at;
	memcpy(&at, at_pointer, sizeof at);
	at = realloc(at, more * item_size);
	if (at == NULL)
		return false;
	memcpy(at_pointer, &at, sizeof at);
	*room = more;
	return true;
}

uint32_t nc_names_put(struct nc_names *all, struct nc_slice name)
{
	struct nc_hashmap_probe probe;
	uint64_t hash = nc_hash_bytes(name);
	for (uint32_t number = nc_hashmap_first(&all->map, hash, &probe); number != NC_HASHMAP_NONE;
	     number = nc_hashmap_next(&all->map, &probe)) {
		if (nc_slice_eq(nc_names_get(all, number), name))
			return number;
	}
	uint32_t number = (uint32_t)all->names.count;
	struct nc_name *made = nc_array_add(&all->names);
	if (made == NULL)
		return NC_NONE;
	*made = (struct nc_name){ all->bytes.size, (uint32_t)name.size };
	nc_buf_put_slice(&all->bytes, name);
	if (nc_buf_status(&all->bytes) != NC_OK || nc_hashmap_put(&all->map, hash, number) != NC_OK)
		return NC_NONE;
	return number;
}

struct nc_slice nc_names_get(const struct nc_names *all, uint32_t number)
{
	const struct nc_name *name = &all->names.at[number];
	return nc_slice(all->bytes.data + name->offset, name->size);
}

struct nc_checker *nc_checker_new(void)
{
	return calloc(1, sizeof(struct nc_checker));
}

void nc_checker_free(struct nc_checker *checker)
{
	if (checker == NULL)
		return;
	for (size_t i = 0; i < checker->streams.count; i++)
		free(checker->streams.at[i].at.at);
	free(checker->streams.at);
	free(checker->events.at);
	free(checker->appends.at);
	free(checker->tries.at);
	free(checker->reads.at);
	free(checker->subs.at);
	free(checker->deliveries.at);
	free(checker->finals.at);
	free(checker->seen.at);
	free(checker->strings.names.at);
	nc_buf_release(&checker->strings.bytes);
	nc_hashmap_release(&checker->strings.map);
	nc_hashmap_release(&checker->by_id);
	nc_buf_release(&checker->words);
	free(checker);
}

int nc_checker_line(struct nc_checker *checker, struct nc_slice line)
{
	checker->lines++;
	while (line.size > 0 &&
	       (line.data[line.size - 1] == '\n' || line.data[line.size - 1] == '\r'))
		line.size--;
	return line.size == 0 ? NC_OK : nc_history_line(checker, line);
}

int nc_checker_judge(struct nc_checker *checker)
{
	int err = nc_truth_build(checker);
	if (err != NC_OK)
		return err;
	if (checker->finals.count == 0) {
		nc_fault(checker, NC_FAULT_NO_FINAL, "the history has no final line");
		return NC_OK;
	}
	nc_judge_appends(checker);
	nc_judge_reads(checker);
	err = nc_judge_subs(checker);
	nc_truth_timeline(checker);
	return err;
}

uint64_t nc_checker_faults(const struct nc_checker *checker, enum nc_fault fault)
{
	if (fault < NC_FAULT_COUNT)
		return checker->faults[fault];
	uint64_t sum = 0;
	for (int i = 0; i < NC_FAULT_COUNT; i++)
		sum += checker->faults[i];
	return sum;
}

void nc_checker_report(const struct nc_checker *checker, FILE *out)
{
	(void)fprintf(
	        out, "%zu appends, %zu reads, %zu deliveries, %zu events, %zu nodes' finals\n",
	        checker->appends.count, checker->reads.count, checker->deliveries.count,
	        checker->events.count == 0 ? 0 : checker->events.count - 1, checker->finals.count);
	(void)fwrite(checker->words.data, 1, checker->words.size, out);
	for (int i = 0; i < NC_FAULT_COUNT; i++) {
		if (checker->faults[i] > 0)
			(void)fprintf(out, "%" PRIu64 " x %s\n", checker->faults[i], names[i]);
	}
	(void)fprintf(out, "%s\n",
	              nc_checker_faults(checker, NC_FAULT_COUNT) == 0 ? "HOLDS" : "DOES NOT HOLD");
}
