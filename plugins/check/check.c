/* SPDX-License-Identifier: GPL-3.0-or-later */
/* nacre-plugin-check PLUGIN.so SELECTOR... -- whether a filter plugin keeps the rules of
 * nacre_filter.h. Exit: 0 it does; 1 it does not, and stderr says what; 2 wrong usage. */
#include <dlfcn.h>
#include <locale.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "plugins/check/check_private.h"

static const char usage[] =
        "usage: nacre-plugin-check PLUGIN.so [--selector] SELECTOR...\n"
        "Checks a filter plugin against the rules of nacre/nacre_filter.h. Each SELECTOR is JSON "
        "that\n"
        "the plugin must accept; give several, different ones, so that sets are checked well.\n"
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
	check_batches(check);
	check_threads(check);
	check_hints(check);
	check_sets(check);
}

/* The selectors of the command line, each with or without --selector before it. False: too many, or
 * one is missing. */
static bool selectors_take(struct check *check, int argc, char **argv)
{
	for (int i = 2; i < argc; i++) {
		if (strcmp(argv[i], "--selector") == 0 && ++i == argc)
			return false;
		if (check->filter_count == FILTERS_MAX)
			return false;
		check->filters[check->filter_count++].source = argv[i];
	}
	return check->filter_count > 0;
}

int main(int argc, char **argv)
{
	static struct check check;
	bool help = argc == 2 && strcmp(argv[1], "--help") == 0;
	if (argc < 3 || argv[1][0] == '-' || !selectors_take(&check, argc, argv)) {
		(void)fputs(usage, help ? stdout : stderr);
		return help ? 0 : 2;
	}
	check.plugin = load(argv[1]);
	check_compile(&check);
	check_events_make(&check);
	check_singles(&check);
	check_lent_change(&check);
	check_answers(&check);
	check_events_grow(&check);
	check_answers(&check);
	(void)setlocale(LC_ALL, "");
	check_batches(&check);
	check_leaks(&check);
	size_t matches = 0;
	for (size_t i = 0; i < check.filter_count; i++) {
		for (size_t k = 0; k < check.event_count; k++)
			matches += check_bit(check.filters[i].matched, k);
		check.plugin->destroy(check.filters[i].compiled);
		free(check.filters[i].lent);
	}
	(void)printf("ok: %s %s, ABI 1.%u: %zu selectors, %zu events, %zu matches%s\n",
	             check.plugin->name, check.plugin->build, check.plugin->abi_minor,
	             check.filter_count, check.event_count, matches,
	             matches == 0 ? " (none: the answers say little)" : "");
	check_events_free(&check);
	return 0;
}
