/* SPDX-License-Identifier: GPL-3.0-or-later */
/* nacre-plugin-check PLUGIN.so SELECTOR... -- whether a filter plugin keeps the rules of
 * nacre_filter.h. Exit: 0 it does; 1 it does not, and stderr says what; 2 wrong usage. */
#include <dlfcn.h>
#include <locale.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/base/std_fds.h"
#include "plugins/check/check_private.h"

static const char usage[] =
        "usage: nacre-plugin-check PLUGIN.so [--patience SECONDS] [--here] [--selector] "
        "SELECTOR...\n"
        "Checks a filter plugin against the rules of nacre/nacre_filter.h. Each SELECTOR is JSON "
        "that\n"
        "the plugin must accept; give several, different ones, so that sets are checked well.\n"
        "--patience: how long a stage of the check may take (60). --here: in this process, for a\n"
        "debugger; else in one of its own, so that a crash or an endless loop is told.\n"
        "Build it and the plugin with -fsanitize=address to find leaks and wild reads, with\n"
        "-fsanitize=thread to find races.\n"
        "Example: nacre-plugin-check ./by_tag.so '\"customer:7\"' '[\"a\",\"b\"]'\n";

void check_fail(const char *format, ...)
{
	va_list args;
	va_start(args, format);
	(void)fprintf(stderr, "nacre-plugin-check: ");
	(void)vfprintf(stderr, format, args);
	(void)fprintf(stderr, "\n");
	va_end(args);
	check_stage(CHECK_FAILED);
	exit(1);
}

static void log_line(void *host_ctx, const char *message)
{
	(void)host_ctx;
	(void)fprintf(stderr, "plugin: %s\n", message);
}

const nacre_filter_host check_host = {
	.struct_size = sizeof check_host,
	.abi_minor = NACRE_FILTER_ABI_MINOR,
	.log = log_line,
};

static void check_table(const nacre_filter_plugin *plugin)
{
	CHECK(plugin != NULL, "handshake: it refuses a host of ABI %u.%u", NACRE_FILTER_ABI_MAJOR,
	      NACRE_FILTER_ABI_MINOR);
	CHECK(NACRE_FILTER_HAS(nacre_filter_plugin, plugin, set_destroy),
	      "handshake: struct_size is %u, below that of 1.0", plugin->struct_size);
	size_t size = plugin->name == NULL ? 0 : strlen(plugin->name);
	CHECK(size >= 1 && size <= 64 &&
	              strspn(plugin->name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	                                   "0123456789_-") == size,
	      "handshake: the name is not 1 to 64 of A-Z a-z 0-9 _ -");
	CHECK(plugin->build != NULL, "handshake: no build");
	CHECK(plugin->compile != NULL && plugin->destroy != NULL && plugin->match != NULL,
	      "handshake: compile, destroy or match is missing");
	int sets = (plugin->set_build != NULL) + (plugin->set_match != NULL) +
	           (plugin->set_destroy != NULL);
	CHECK(sets == 0 || sets == 3, "handshake: set calls are all three or none");
	plugin->destroy(NULL);
	if (sets == 3)
		plugin->set_destroy(NULL);
}

static const nacre_filter_plugin *load(const char *path)
{
	char *real = realpath(path, NULL); /* else dlopen() would search its own places */
	CHECK(real != NULL, "%s: no such file", path);
	void *handle = dlopen(real, RTLD_NOW | RTLD_LOCAL);
	CHECK(handle != NULL, "%s", dlerror());
	free(real);
	nacre_filter_plugin_fn *hello;
	*(void **)&hello = dlsym(handle, NACRE_FILTER_SYMBOL);
	CHECK(hello != NULL, "%s: no symbol %s", path, NACRE_FILTER_SYMBOL);
	const nacre_filter_plugin *plugin = hello(&check_host);
	check_table(plugin);
	/* A later minor's host knows more at the end; the plugin must not mind. */
	struct {
		nacre_filter_host host;
		uint64_t more[4];
	} later = { .host = check_host };
	later.host.struct_size = sizeof later;
	later.host.abi_minor = NACRE_FILTER_ABI_MINOR + 1;
	CHECK(hello(&later.host) == plugin, "handshake: it refuses a host of a later minor");
	CHECK(hello(&check_host) == plugin, "handshake: another table the second time");
	return plugin;
}

/* All checks of answers, with the events as they are. */
static void check_answers(struct check *check)
{
	check_stage(CHECK_BATCHES);
	check_batches(check);
	check_stage(CHECK_THREADS);
	check_threads(check);
	check_stage(CHECK_HINTS);
	check_hints(check);
	check_stage(CHECK_SETS);
	check_sets(check);
}

static void tell(const struct check *check)
{
	size_t matches = 0;
	for (size_t i = 0; i < check->filter_count; i++) {
		for (size_t k = 0; k < check->event_count; k++)
			matches += check_bit(check->filters[i].matched, k);
	}
	(void)printf("ok: %s %s, ABI 1.%u: %zu selectors, %zu events, %zu matches%s\n",
	             check->plugin->name, check->plugin->build, check->plugin->abi_minor,
	             check->filter_count, check->event_count, matches,
	             matches == 0 ? " (none: the answers say little)" : "");
}

static void check_all(struct check *check)
{
	check_stage(CHECK_LOADS);
	check->plugin = load(check->path);
	check_stage(CHECK_COMPILES);
	check_compile(check);
	check_events_make(check);
	check_stage(CHECK_MATCHES);
	check_singles(check);
	check_lent_change(check);
	check_answers(check);
	check_events_grow(check);
	check_answers(check);
	(void)setlocale(LC_ALL, "");
	check_stage(CHECK_BATCHES);
	check_batches(check);
	check_stage(CHECK_LEAKS);
	check_leaks(check);
	for (size_t i = 0; i < check->filter_count; i++) {
		check->plugin->destroy(check->filters[i].compiled);
		free(check->filters[i].lent);
	}
	tell(check);
	check_events_free(check);
	check_stage(CHECK_PASSED);
}

/* ---- The command line ----------------------------------------------------------------------- */

struct line {
	int patience_s;
	bool here;
};

/* A whole number of seconds; 0: it is none. */
static int seconds(const char *text)
{
	char *end;
	long given = text == NULL ? 0 : strtol(text, &end, 10);
	return given >= 1 && given <= 86400 && *end == '\0' ? (int)given : 0;
}

/* The plugin's path has been taken. False: too many selectors, none, or an option that is none. A
 * selector that begins with "--" cannot be: it is JSON. */
static bool line_take(int argc, char **argv, struct line *line, struct check *check)
{
	for (int i = 2; i < argc; i++) {
		if (strcmp(argv[i], "--here") == 0) {
			line->here = true;
			continue;
		}
		if (strcmp(argv[i], "--patience") == 0) {
			line->patience_s = seconds(argv[++i]); /* argv ends with NULL */
			if (line->patience_s == 0)
				return false;
			continue;
		}
		if (strcmp(argv[i], "--selector") == 0 && ++i == argc)
			return false;
		if (strncmp(argv[i], "--", 2) == 0 || check->filter_count == FILTERS_MAX)
			return false;
		check->filters[check->filter_count++].source = argv[i];
	}
	return check->filter_count > 0;
}

int main(int argc, char **argv)
{
	static struct check check;
	struct line line = { .patience_s = 60 };
	bool help = argc == 2 && strcmp(argv[1], "--help") == 0;
	if (!nc_std_fds_hold())
		return 2;
	if (argc < 3 || argv[1][0] == '-' || !line_take(argc, argv, &line, &check)) {
		(void)fputs(usage, help ? stdout : stderr);
		return help ? 0 : 2;
	}
	check.path = argv[1];
	if (!line.here)
		return check_guarded(check_all, &check, line.patience_s);
	check_all(&check);
	return 0;
}
