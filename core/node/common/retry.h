/* SPDX-License-Identifier: GPL-3.0-or-later */
/* retry.h -- when something that could not be done is tried again: after a pause, which is twice as
 * long each time, up to a longest one; or at once, when there is a reason to hope.
 *
 * Times are milliseconds of a clock that does not go back. Threads: one at a time.
 */
#ifndef NC_CORE_NODE_COMMON_RETRY_H
#define NC_CORE_NODE_COMMON_RETRY_H

#include <stdbool.h>
#include <stdint.h>

#define NC_RETRY_PAUSE_MS     20u  /* the first pause */
#define NC_RETRY_PAUSE_MAX_MS 320u /* the longest one */

/* Begins as zeros: it is due, and has not been tried. */
struct nc_retry {
	uint64_t at_ms;    /* when it is due */
	uint64_t pause_ms; /* the last pause; 0: there was none yet */
};

static inline bool nc_retry_is_due(const struct nc_retry *retry, uint64_t now_ms)
{
	return now_ms >= retry->at_ms;
}

/* It was tried in vain: pause. */
void nc_retry_later(struct nc_retry *retry, uint64_t now_ms);

/* Something has happened that it was waiting for: it is due, and the next pause is a short one. */
static inline void nc_retry_now(struct nc_retry *retry)
{
	*retry = (struct nc_retry){ 0 };
}

#endif
