/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What is logged of connections that come and go. */
#include "core/node/common/link_log.h"

#include <inttypes.h>
#include <stdio.h>

#include "core/node/common/say.h"

/* Of each kind in one while: a server that is started again is lost, is not there, and is back. */
#define SAID_MAX 3u

/* `more`: what follows the line. */
static void say(const struct nc_link_log *log, const char *who, const char *more)
{
	if (log->connected) {
		nc_say_info("%s: %s%s", who, log->last, more);
	} else {
		nc_say_warning("%s: not connected: %s; trying again%s", who, log->last, more);
	}
}

void nc_link_log_hear(struct nc_link_log *log, const char *who, bool connected, const char *detail)
{
	unsigned *said = connected ? &log->ups : &log->downs;
	/* After a while in which lines were left out it is told once that it is there, and how it
	 * is not, when the while is over. */
	unsigned max = !log->busy ? SAID_MAX : connected ? 1 : 0;
	log->connected = connected;
	(void)snprintf(log->last, sizeof log->last, "%s", detail);
	log->last_said = *said < max;
	if (!log->last_said) {
		log->unsaid++;
		return;
	}
	(*said)++;
	say(log, who, "");
}

/* Tell of what was left out in this while. */
static void say_unsaid(const struct nc_link_log *log, const char *who)
{
	char more[96] = "";
	if (log->last_said) { /* a line as if it had come again would be wrong */
		nc_say_info("%s: %" PRIu64 " more such messages in %u s were left out", who,
		            log->unsaid, NC_LINK_LOG_MS / 1000);
		return;
	}
	if (log->unsaid > 1) {
		(void)snprintf(more, sizeof more,
		               " (the last of %" PRIu64 " such messages in %u s)", log->unsaid,
		               NC_LINK_LOG_MS / 1000);
	}
	say(log, who, more);
}

void nc_link_log_tick(struct nc_link_log *log, const char *who, uint64_t now_ms)
{
	if (now_ms - log->since_ms < NC_LINK_LOG_MS)
		return;
	if (log->unsaid > 0) {
		say_unsaid(log, who);
	} else if (log->busy && log->connected && log->ups == 0) {
		say(log, who, ", and it holds");
	}
	log->busy = log->unsaid > 0;
	log->since_ms = now_ms;
	log->unsaid = 0;
	log->ups = log->downs = 0;
}
