/* SPDX-License-Identifier: GPL-3.0-or-later */
/* refused.c -- plugins that the host must refuse; a macro says which. */
#include "plugins/nacre_filter.h"

#ifdef NO_SYMBOL
NACRE_FILTER_EXPORT int something_else(void);
int something_else(void)
{
	return 0;
}
#else
#ifdef OTHER_ABI
#define nacre_filter_plugin_v1 nacre_filter_plugin_v2
NACRE_FILTER_EXPORT const nacre_filter_plugin *
nacre_filter_plugin_v1(const nacre_filter_host *host);
#endif

static int refused_compile(const nacre_filter_host *host, const nacre_filter_selector *selector,
                           void **filter_out, nacre_filter_error *error)
{
	(void)host;
	(void)selector;
	(void)error;
	*filter_out = NULL;
	return NACRE_FILTER_REFUSED;
}

static void refused_destroy(void *filter)
{
	(void)filter;
}

#ifndef NO_MATCH
static int refused_match(const void *filter, const nacre_filter_event *const *events,
                         uint64_t event_count, uint64_t *matched)
{
	(void)filter;
	(void)events;
	(void)event_count;
	(void)matched;
	return 0;
}
#endif

const nacre_filter_plugin *nacre_filter_plugin_v1(const nacre_filter_host *host)
{
	static const nacre_filter_plugin plugin = {
#ifdef SMALL_TABLE
		.struct_size = 64,
#else
		.struct_size = sizeof plugin,
#endif
#ifdef BAD_NAME
		.name = "bad name",
#elif defined CLASHES
		.name = "by_stream",
#else
		.name = "refused",
#endif
		.build = "1",
		.compile = refused_compile,
		.destroy = refused_destroy,
#ifndef NO_MATCH
		.match = refused_match,
#endif
	};
	(void)host;
#ifdef REFUSES_HOST
	return NULL;
#else
	return &plugin;
#endif
}
#endif
