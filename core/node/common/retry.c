/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Pauses between tries. */
#include "core/node/common/retry.h"

void nc_retry_later(struct nc_retry *retry, uint64_t now_ms)
{
	uint64_t pause_ms = retry->pause_ms * 2;
	if (pause_ms < NC_RETRY_PAUSE_MS)
		pause_ms = NC_RETRY_PAUSE_MS;
	if (pause_ms > NC_RETRY_PAUSE_MAX_MS)
		pause_ms = NC_RETRY_PAUSE_MAX_MS;
	retry->pause_ms = pause_ms;
	retry->at_ms = now_ms + pause_ms;
}
