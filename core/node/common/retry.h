/* SPDX-License-Identifier: GPL-3.0-or-later */
/* retry.h -- when something that could not be done is tried again: after a pause, each time twice
 * as long, up to a longest; or at once, when there is a reason to hope. Milliseconds of a clock
 * that does not go back. */
#ifndef NC_CORE_NODE_COMMON_RETRY_H
#define NC_CORE_NODE_COMMON_RETRY_H

#include <stdbool.h>
#include <stdint.h>

#define NC_RETRY_PAUSE_MS     20u
#define NC_RETRY_PAUSE_MAX_MS 320u

/* `= {0}` is due, and has not been tried. */
struct nc_retry {
	uint64_t at_ms;    /* not before */
	uint64_t pause_ms; /* the last one; 0: none yet */
};

static inline bool nc_retry_is_due(const struct nc_retry *retry, uint64_t now_ms)
{
	return now_ms >= retry->at_ms;
}

/* It was tried, in vain. */
static inline void nc_retry_later(struct nc_retry *retry, uint64_t now_ms)
{
	uint64_t pause_ms = retry->pause_ms * 2;
	if (pause_ms < NC_RETRY_PAUSE_MS)
		pause_ms = NC_RETRY_PAUSE_MS;
	if (pause_ms > NC_RETRY_PAUSE_MAX_MS)
		pause_ms = NC_RETRY_PAUSE_MAX_MS;
	retry->pause_ms = pause_ms;
	retry->at_ms = now_ms + pause_ms;
}

/* Something has happened that it waits for. */
static inline void nc_retry_now(struct nc_retry *retry)
{
	*retry = (struct nc_retry){ 0 };
}

#endif
