/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/unit/plugins/support.h"

#include <criterion/criterion.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

char home[256];
char said[8192];
const char *cell_program;

void home_make(void)
{
	strcpy(home, "/tmp/nc_plugins_XXXXXX");
	cr_assert_not_null(mkdtemp(home));
	said[0] = '\0';
}

static int entry_remove(const char *path, const struct stat *stat, int flag, struct FTW *ftw)
{
	(void)stat;
	(void)flag;
	(void)ftw;
	return remove(path);
}

void home_remove(void)
{
	(void)nftw(home, entry_remove, 8, FTW_DEPTH | FTW_PHYS);
}

static void log_line(void *ctx, bool trouble, const char *message)
{
	(void)ctx, (void)trouble;
	size_t size = strlen(said);
	(void)snprintf(said + size, sizeof said - size, "%s\n", message);
}

struct nc_plugin_host *host_open(const char *bundled_dir, const char *extra_dirs)
{
	char private_dir[300];
	(void)snprintf(private_dir, sizeof private_dir, "%s/private", home);
	const struct nc_plugin_host_config config = {
		.bundled_dir = bundled_dir,
		.extra_dirs = extra_dirs,
		.private_dir = private_dir,
		.cell_program = cell_program,
		.log = log_line,
	};
	struct nc_plugin_host *host;
	cr_assert_eq(nc_plugin_host_open(&config, &host), NC_OK);
	return host;
}

struct nc_event event_of(const char *stream, const char *type, const char *data)
{
	return (struct nc_event){ .position = 7,
		                  .version = 1,
		                  .time_ns = 1700000000000000000,
		                  .stream = nc_slice_str(stream),
		                  .type = nc_slice_str(type),
		                  .id = NC_SLICE("id-1"),
		                  .data = nc_slice_str(data) };
}

struct nc_filter *compiled(struct nc_plugin_host *host, const char *name, const char *selector)
{
	struct nc_filter *filter;
	struct nc_filter_error error;
	int err = nc_filter_compile(host, nc_slice_str(name), nc_slice_str(selector), &filter,
	                            &error);
	cr_assert_eq(err, NC_OK, "%s %s: %s at %zu", name, selector, error.message, error.offset);
	return filter;
}

void expect_refused(struct nc_plugin_host *host, const char *name, const char *selector,
                    size_t offset, const char *message)
{
	struct nc_filter *filter = NULL;
	struct nc_filter_error error;
	int err = nc_filter_compile(host, nc_slice_str(name), nc_slice_str(selector), &filter,
	                            &error);
	cr_assert_eq(err, NC_INVALID, "%s %s: %d", name, selector, err);
	cr_expect_null(filter);
	cr_expect_eq(error.offset, offset, "%s %s: at %zu, not %zu (%s)", name, selector,
	             error.offset, offset, error.message);
	cr_expect(strstr(error.message, message) != NULL, "%s %s: %s", name, selector,
	          error.message);
}

bool matches(const struct nc_filter *filter, const struct nc_event *event)
{
	struct nc_filter_batch *batch;
	cr_assert_eq(nc_filter_batch_new(&batch), NC_OK);
	cr_assert_eq(nc_filter_batch_add(batch, event), NC_OK);
	uint64_t matched = 0;
	cr_assert_eq(nc_filter_match(filter, batch, &matched), NC_OK);
	nc_filter_batch_free(batch);
	return matched == 1;
}

void expect_a_later_minor_serves(struct nc_plugin_host *host)
{
	struct nc_filter *filter = compiled(host, "future", "1");
	cr_expect_eq(nc_filter_plugin(filter).abi_minor, 1u);
	struct nc_filter_hints hints = nc_filter_hints(filter);
	cr_assert_eq(hints.count, 1u);
	cr_expect_not(hints.full, "the hint says more than this host can read");
	cr_expect_eq(hints.hints[0].stream_kind, NC_FILTER_PREFIX);
	struct nc_event event = event_of("s", "T", "{}");
	event.position = 3;
	cr_expect_not(matches(filter, &event));
	event.position = 4;
	cr_expect(matches(filter, &event));
	nc_filter_unref(filter);
}
