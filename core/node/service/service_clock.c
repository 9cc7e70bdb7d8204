/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A clock that was ahead leaves its mark: times of events never go back, so that what is appended
 * bears the time of the store's last event until the leader's clock comes there. It cannot be taken
 * back, and people are told how far that is. */
#include <inttypes.h>
#include <stdio.h>

#include "core/node/common/clock.h"
#include "core/node/common/say.h"
#include "core/node/service/service_private.h"

#define LOOK_TICKS   50u  /* of the service, from one look to the next */
#define AHEAD_MAX_MS 500u /* as much as clocks of nodes may differ, too */
#define SAY_MS       60000u

uint64_t nc_service_time_ahead_ms(const struct nc_service *service)
{
	uint64_t now_ns = nc_clock_wall_ns(), last_ns = service->clock.last_ns;
	return last_ns > now_ns ? (last_ns - now_ns) / 1000000 : 0;
}

static void tell(struct nc_service *service, uint64_t ahead_ms)
{
	char members[64];
	nc_say_warning("the time of the store's last event is %" PRIu64
	               " ms ahead of this node's clock: events bear it until the clock comes there",
	               ahead_ms);
	(void)snprintf(members, sizeof members, "\"ahead_ms\":%" PRIu64, ahead_ms);
	nc_service_advise(service, "node", "time_ahead", members);
}

void nc_service_clock_tick(struct nc_service *service)
{
	struct nc_service_clock *clock = &service->clock;
	if (service->ticks % LOOK_TICKS != 0 || !service->serving)
		return;
	uint64_t now_ms = nc_clock_ms(), ahead_ms = nc_service_time_ahead_ms(service);
	if (ahead_ms <= AHEAD_MAX_MS) {
		if (clock->told_ms != 0)
			nc_say_info("the clock has come to the time of the store's last event");
		clock->told_ms = 0;
	} else if (clock->told_ms == 0 || now_ms - clock->told_ms >= SAY_MS) {
		clock->told_ms = now_ms;
		tell(service, ahead_ms);
	}
}
