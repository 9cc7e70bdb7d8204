/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What is logged of errors that come again and again. */
#include "core/node/common/complaints.h"

#include <stdio.h>
#include <string.h>

#include "core/node/common/clock.h"
#include "core/node/common/say.h"

#define EACH_MS  10000u
#define SAID_MAX 10u /* in that time */

/* Not what is the same as last time, nor more than people read. */
static bool is_worth_it(struct nc_complaints *complaints, const char *detail)
{
	uint64_t now_ms = nc_clock_ms();
	if (now_ms - complaints->since_ms >= EACH_MS) {
		complaints->since_ms = now_ms;
		complaints->said = 0;
		complaints->last[0] = '\0';
	}
	if (complaints->said >= SAID_MAX || strcmp(complaints->last, detail) == 0)
		return false;
	complaints->said++;
	(void)snprintf(complaints->last, sizeof complaints->last, "%s", detail);
	return true;
}

void nc_complaints_hear(struct nc_complaints *complaints, const char *who,
                        const struct nc_config *config, const char *detail)
{
	if (!is_worth_it(complaints, detail)) {
		complaints->unsaid++;
		return;
	}
	nc_say_warning("%s: %s", who, detail);
	if (complaints->permissions_told || strstr(detail, "Permissions Violation") == NULL)
		return;
	complaints->permissions_told = true;
	nc_say_warning(
	        "%s: a node has to subscribe to %s.%s.>, _es.%s.> and $SRV.>, and to publish "
	        "there and wherever answers and deliveries are asked for; "
	        "docs/clustering.md has a configuration",
	        who, config->prefix, config->store_id, config->store_id);
}

void nc_complaints_tick(struct nc_complaints *complaints, const char *who)
{
	if (complaints->unsaid == 0 || nc_clock_ms() - complaints->since_ms < EACH_MS)
		return;
	nc_say_warning("%s: %llu more such errors in %u s", who,
	               (unsigned long long)complaints->unsaid, EACH_MS / 1000);
	complaints->unsaid = 0;
}
