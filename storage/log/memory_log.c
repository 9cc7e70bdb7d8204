/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The Raft log's port in memory. */
#include "storage/log/memory_log.h"

#include <pthread.h>
#include <stdlib.h>

#include "core/base/assert.h"

struct kept {
	uint64_t term;
	uint8_t kind;
	size_t size; /* bytes */
	uint8_t *payload;
};

struct memory_log {
	struct nc_log log; /* first */
	pthread_mutex_t lock;
	struct nc_log_hard hard;
	uint64_t first, base_term;
	struct kept *kept; /* [count], entry `first` in front */
	size_t count, room;
	uint64_t size; /* bytes of payload */
};

static struct memory_log *self(struct nc_log *log)
{
	return (struct memory_log *)log;
}

static void kept_drop(struct memory_log *log, size_t from, size_t to)
{
	for (size_t i = from; i < to; i++) {
		log->size -= log->kept[i].size;
		free(log->kept[i].payload);
	}
}

static int room_make(struct memory_log *log, size_t count)
{
	if (count <= log->room)
		return NC_OK;
	size_t room = count + count / 2 + 16;
	struct kept *kept = realloc(log->kept, room * sizeof *kept);
	if (kept == NULL)
		return NC_NOMEM;
	log->kept = kept;
	log->room = room;
	return NC_OK;
}

/* Copies of the payloads, all or none. */
static int payloads_copy(const struct nc_log_entry *entries, size_t entry_count, uint8_t **copies)
{
	for (size_t i = 0; i < entry_count; i++) {
		struct nc_slice payload = entries[i].payload;
		copies[i] = malloc(payload.size + 1);
		if (copies[i] == NULL) {
			while (i > 0)
				free(copies[--i]);
			return NC_NOMEM;
		}
		if (payload.size > 0)
			memcpy(copies[i], payload.data, payload.size);
	}
	return NC_OK;
}

static int entries_put(struct memory_log *log, const struct nc_log_entry *entries,
                       size_t entry_count)
{
	size_t at = (size_t)(entries[0].index - log->first);
	uint8_t **copies = calloc(entry_count, sizeof *copies);
	int err = copies == NULL ? NC_NOMEM : room_make(log, at + entry_count);
	if (err == NC_OK)
		err = payloads_copy(entries, entry_count, copies);
	if (err == NC_OK) {
		kept_drop(log, at, log->count);
		log->count = at + entry_count;
		for (size_t i = 0; i < entry_count; i++) {
			log->kept[at + i] = (struct kept){ entries[i].term, entries[i].kind,
				                           entries[i].payload.size, copies[i] };
			log->size += entries[i].payload.size;
		}
	}
	free(copies);
	return err;
}

static int log_append(struct nc_log *port, const struct nc_log_hard *hard,
                      const struct nc_log_entry *entries, size_t entry_count,
                      const struct nc_log_meanwhile *meanwhile)
{
	struct memory_log *log = self(port);
	nc_assert(hard != NULL || entry_count > 0);
	for (size_t i = 0; i < entry_count; i++) {
		if (entries[i].payload.size > NC_LOG_PAYLOAD_SIZE_MAX)
			return NC_TOOBIG;
	}
	int err = NC_OK;
	pthread_mutex_lock(&log->lock);
	nc_assert(entry_count == 0 ||
	          (entries[0].index >= log->first && entries[0].index <= log->first + log->count));
	if (entry_count > 0)
		err = entries_put(log, entries, entry_count);
	if (err == NC_OK && hard != NULL)
		log->hard = *hard;
	pthread_mutex_unlock(&log->lock);
	if (err == NC_OK && meanwhile != NULL)
		meanwhile->fn(meanwhile->ctx);
	return err;
}

static int log_read(struct nc_log *port, struct nc_log_range range, struct nc_buf *buf,
                    struct nc_log_entry *entries_out, size_t *count_out)
{
	struct memory_log *log = self(port);
	nc_assert(range.entry_max > 0);
	size_t start = buf->size, count = 0, size = 0;
	int err = NC_OK;
	pthread_mutex_lock(&log->lock);
	uint64_t end = log->first + log->count;
	if (range.from < log->first || range.from >= end)
		err = NC_NOTFOUND;
	for (uint64_t index = range.from;
	     err == NC_OK && index <= range.to && count < range.entry_max && index < end; index++) {
		const struct kept *kept = &log->kept[index - log->first];
		if (count > 0 && size + kept->size > range.size_max)
			break;
		size += kept->size;
		entries_out[count++] = (struct nc_log_entry){
			.index = index,
			.term = kept->term,
			.kind = kept->kind,
			.payload = { NULL, kept->size },
		};
		nc_buf_put(buf, kept->payload, kept->size);
	}
	pthread_mutex_unlock(&log->lock);
	if (err == NC_OK)
		err = nc_buf_status(buf);
	if (err != NC_OK) {
		buf->size = start;
		return err;
	}
	for (size_t i = 0; i < count; start += entries_out[i++].payload.size) {
		entries_out[i].payload.data =
		        entries_out[i].payload.size == 0 ? NULL : buf->data + start;
	}
	*count_out = count;
	return NC_OK;
}

/* Lock held. */
static int term_find(const struct memory_log *log, uint64_t index, uint64_t *term_out)
{
	if (index + 1 == log->first) {
		*term_out = log->base_term;
		return NC_OK;
	}
	if (index < log->first || index >= log->first + log->count)
		return NC_NOTFOUND;
	*term_out = log->kept[index - log->first].term;
	return NC_OK;
}

static int log_term_at(struct nc_log *port, uint64_t index, uint64_t *term_out)
{
	struct memory_log *log = self(port);
	pthread_mutex_lock(&log->lock);
	int err = term_find(log, index, term_out);
	pthread_mutex_unlock(&log->lock);
	return err;
}

static void log_bounds(struct nc_log *port, struct nc_log_bounds *bounds_out)
{
	struct memory_log *log = self(port);
	pthread_mutex_lock(&log->lock);
	*bounds_out = (struct nc_log_bounds){
		.first = log->first,
		.last = log->first + log->count - 1,
		.base_term = log->base_term,
		.last_term = log->count > 0 ? log->kept[log->count - 1].term : log->base_term,
	};
	pthread_mutex_unlock(&log->lock);
}

static int log_compact(struct nc_log *port, uint64_t through)
{
	struct memory_log *log = self(port);
	pthread_mutex_lock(&log->lock);
	uint64_t last = log->first + log->count - 1;
	if (through > last)
		through = last;
	if (through >= log->first) {
		size_t gone = (size_t)(through + 1 - log->first);
		log->base_term = log->kept[gone - 1].term;
		kept_drop(log, 0, gone);
		log->count -= gone;
		memmove(log->kept, log->kept + gone, log->count * sizeof *log->kept);
		log->first = through + 1;
	}
	pthread_mutex_unlock(&log->lock);
	return NC_OK;
}

static int log_reset(struct nc_log *port, uint64_t index, uint64_t term)
{
	struct memory_log *log = self(port);
	pthread_mutex_lock(&log->lock);
	kept_drop(log, 0, log->count);
	log->count = 0;
	log->first = index + 1;
	log->base_term = term;
	pthread_mutex_unlock(&log->lock);
	return NC_OK;
}

static int log_mark(struct nc_log *port)
{
	(void)port;
	return NC_OK;
}

static int log_trust(struct nc_log *port)
{
	(void)port;
	return NC_OK;
}

static uint64_t log_size(struct nc_log *port)
{
	struct memory_log *log = self(port);
	pthread_mutex_lock(&log->lock);
	uint64_t size = log->size;
	pthread_mutex_unlock(&log->lock);
	return size;
}

static void log_close(struct nc_log *port)
{
	struct memory_log *log = self(port);
	kept_drop(log, 0, log->count);
	free(log->kept);
	(void)pthread_mutex_destroy(&log->lock);
	free(log);
}

static const struct nc_log_ops ops = {
	.append = log_append,
	.read = log_read,
	.term_at = log_term_at,
	.bounds = log_bounds,
	.compact = log_compact,
	.reset = log_reset,
	.mark = log_mark,
	.trust = log_trust,
	.size = log_size,
	.close = log_close,
};

int nc_memory_log_open(struct nc_log **log_out)
{
	struct memory_log *log = calloc(1, sizeof *log);
	if (log == NULL)
		return NC_NOMEM;
	log->log.ops = &ops;
	log->first = 1;
	(void)pthread_mutex_init(&log->lock, NULL);
	*log_out = &log->log;
	return NC_OK;
}

struct nc_log_hard nc_memory_log_hard(struct nc_log *port)
{
	struct memory_log *log = self(port);
	nc_assert(port->ops == &ops);
	pthread_mutex_lock(&log->lock);
	struct nc_log_hard hard = log->hard;
	pthread_mutex_unlock(&log->lock);
	return hard;
}
