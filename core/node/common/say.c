/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Lines on stderr, each written at once so that threads do not mix theirs. */
#include "core/node/common/say.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

#include "core/engine/event.h"
#include "core/node/common/clock.h"

static void say(const char *level, const char *format, va_list args)
{
	int as_it_was = errno; /* the caller may still need it */
	char when[NC_TIME_TEXT_SIZE];
	nc_time_format(nc_clock_wall_ns(), when);
	char text[2048];
	(void)vsnprintf(text, sizeof text, format, args);
	(void)fprintf(stderr, "%.23sZ %s %s\n", when, level, text);
	errno = as_it_was;
}

#define SAY(level)                        \
	do {                              \
		va_list args;             \
		va_start(args, format);   \
		say(level, format, args); \
		va_end(args);             \
	} while (0)

void nc_say_info(const char *format, ...)
{
	SAY("info");
}

void nc_say_warning(const char *format, ...)
{
	SAY("warning");
}

void nc_say_error(const char *format, ...)
{
	SAY("error");
}
