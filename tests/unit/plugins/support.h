/* SPDX-License-Identifier: GPL-3.0-or-later */
/* support.h -- what the tests of plugins share. */
#ifndef NC_TESTS_UNIT_PLUGINS_SUPPORT_H
#define NC_TESTS_UNIT_PLUGINS_SUPPORT_H

#include "plugins/host/plugin_host.h"

extern char home[256]; /* a fresh directory, gone after the test */
/* Of plugins that are not bundled; NULL: they run in the test. */
extern const char *cell_program;
extern char said[8192]; /* what the host logged, line after line */

void home_make(void);
void home_remove(void);

/* A host over these directories, its private one in home. */
struct nc_plugin_host *host_open(const char *bundled_dir, const char *extra_dirs);

/* An event whose data is `data`; tags and meta empty. */
struct nc_event event_of(const char *stream, const char *type, const char *data);

/* The compiled filter; fails the test if it is refused. */
struct nc_filter *compiled(struct nc_plugin_host *host, const char *name, const char *selector);

/* That the selector is refused, at `offset` and with `message` in what is said. */
void expect_refused(struct nc_plugin_host *host, const char *name, const char *selector,
                    size_t offset, const char *message);

/* Whether the filter matches this one event; fails the test if there is no answer. */
bool matches(const struct nc_filter *filter, const struct nc_event *event);

/* That a plugin of a later minor of the ABI, future.c, is slower and never wrong. */
void expect_a_later_minor_serves(struct nc_plugin_host *host);

#endif
