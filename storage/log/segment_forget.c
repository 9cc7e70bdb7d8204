/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Giving up entries that are not needed any more, with the segments that hold nothing else. */
#include "core/base/assert.h"
#include "storage/log/segment_private.h"

/* Whether the log may begin with segment `at`: all entries that count from there on are beyond its
 * base. A truncation that went back to before the segment has put its base and earlier entries into
 * a later one. Its head, which would be all that is known of what came before, is then out of date.
 */
static bool begins_anew(const struct nc_segment_log *log, size_t at)
{
	uint64_t base = log->segments[at]->base_index;
	for (size_t i = at; i < log->segment_count; i++) {
		if (log->segments[i]->count > 0 && log->segments[i]->first <= base &&
		    !NC_LOG_MUTANT(BASE_AS_IT_WAS))
			return false;
	}
	return true;
}

/* How many of the oldest segments hold nothing beyond `through`, so that the log can begin with the
 * next. */
static size_t compactable(const struct nc_segment_log *log, uint64_t through)
{
	size_t count = 0;
	for (size_t i = 0; i + 1 < log->segment_count; i++) {
		const struct nc_segment *segment = log->segments[i];
		if (segment->count > 0 && segment->first + segment->count - 1 > through &&
		    !NC_LOG_MUTANT(COMPACTS_TOO_FAR))
			break;
		bool asked = log->segments[i + 1]->base_index <= through ||
		             NC_LOG_MUTANT(COMPACTS_TOO_FAR);
		if (asked && begins_anew(log, i + 1))
			count = i + 1;
	}
	return count;
}

/* Sync the directory, since a removed segment must not come back under its old name when its file
 * is another segment by then. If that fails, only a restart can tell, as with an fsync that failed.
 */
static int names_sync(struct nc_segment_log *log)
{
	int err = nc_files_sync_directory(log->directory);
	if (err != NC_OK)
		log->broken = true;
	return err;
}

int nc_segment_log_compact(struct nc_log *port, uint64_t through)
{
	struct nc_segment_log *log = (struct nc_segment_log *)port;
	if (log->broken)
		return NC_IO;
	if (through > log->bounds.last)
		through = log->bounds.last;
	size_t count = compactable(log, through);
	if (count == 0)
		return NC_OK;
	uint64_t base = log->segments[count]->base_index, base_term = 0;
	int err = nc_log_trail_term(log, base, &base_term);
	nc_assert(err == NC_OK);
	pthread_rwlock_wrlock(&log->lock);
	nc_log_trail_advance(log, base + 1, base_term);
	pthread_rwlock_unlock(&log->lock);
	nc_segments_shift(log, count);
	return names_sync(log);
}

int nc_segment_log_reset(struct nc_log *port, uint64_t index, uint64_t term)
{
	struct nc_segment_log *log = (struct nc_segment_log *)port;
	if (log->broken)
		return NC_IO;
	const struct nc_term_start base = { index, term };
	int err = nc_segment_begin(log, 0, &base);
	if (err != NC_OK)
		return err;
	pthread_rwlock_wrlock(&log->lock);
	nc_log_trail_restart(log, index, term);
	pthread_rwlock_unlock(&log->lock);
	nc_segments_shift(log, log->segment_count - 1);
	return names_sync(log);
}
