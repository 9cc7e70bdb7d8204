/* SPDX-License-Identifier: GPL-3.0-or-later */
/* check_private.h -- between the files of the conformance program. It stops at the first failure:
 * after one, a plugin's other answers mean little. */
#ifndef NC_PLUGINS_CHECK_CHECK_PRIVATE_H
#define NC_PLUGINS_CHECK_CHECK_PRIVATE_H

#include "plugins/host/view.h"

#define FILTERS_MAX 64
#define EVENTS_MAX  1024
#define WORDS       ((EVENTS_MAX + 63) / 64)

/* One selector of the command line. */
struct check_filter {
	const char *source;
	uint8_t *lent; /* what the plugin was shown; no longer its to read */
	void *compiled;
	uint64_t matched[WORDS]; /* one event at a time: what all else is held against */
};

struct check {
	const char *path; /* of the plugin */
	const nacre_filter_plugin *plugin;
	struct check_filter filters[FILTERS_MAX];
	size_t filter_count;
	const nacre_filter_event *events[EVENTS_MAX];
	size_t event_count;
};

/* ---- guard.c -------------------------------------------------------------------------------- */

/* What the plugin is asked just now; and how it ended. */
enum check_stage {
	CHECK_LOADS,
	CHECK_COMPILES,
	CHECK_MATCHES,
	CHECK_BATCHES,
	CHECK_THREADS,
	CHECK_HINTS,
	CHECK_SETS,
	CHECK_LEAKS,
	CHECK_PASSED,
	CHECK_FAILED
};
void check_stage(enum check_stage stage);

/* Run the checks in a process of their own, and give what to exit with. `patience_s`: for each
 * stage. */
int check_guarded(void (*checks)(struct check *), struct check *check, int patience_s);

/* ---- strays.c ------------------------------------------------------------------------------- */

/* To be the parent of whoever is left without one from now on. */
bool check_strays_adopt(void);

enum check_strays {
	CHECK_STRAYS_NONE,   /* all have ended by themselves */
	CHECK_STRAYS_KILLED, /* some did not, and are ended now */
	CHECK_STRAYS_LIVE    /* they cannot be ended */
};
/* Of this process' children none may be left. Those that end within `patience_ms` are none. */
enum check_strays check_strays_end(int patience_ms);

/* ---- check.c -------------------------------------------------------------------------------- */

/* Says what was expected and exits with 1. */
__attribute__((format(printf, 1, 2))) _Noreturn void check_fail(const char *format, ...);

#define CHECK(claim, ...) ((claim) ? (void)0 : check_fail(__VA_ARGS__))

/* What plugins see of us; as of 1.0, and as of a later minor that has grown. */
extern const nacre_filter_host check_host;

/* ---- compile.c ------------------------------------------------------------------------------ */

/* Compile from memory that is overwritten and freed afterwards. The plugin's answer. */
int check_compile_once(const struct check *check, struct nc_slice source, void **filter_out,
                       nacre_filter_error *error_out);
void check_compile(struct check *check); /* fills `compiled` of all filters */
void check_leaks(struct check *check);

/* Other bytes where the selectors were: a filter that kept them gives other answers now. */
void check_lent_change(struct check *check);

/* ---- events.c ------------------------------------------------------------------------------- */

void check_events_make(struct check *check);
void check_events_free(struct check *check);

/* The same events as a host of a later minor would give them: larger structs, larger leaves. */
void check_events_grow(struct check *check);

/* ---- answers.c, sets.c ---------------------------------------------------------------------- */

static inline bool check_bit(const uint64_t *words, size_t i)
{
	return (words[i / 64] >> i % 64 & 1) != 0;
}
void check_singles(struct check *check); /* fills `matched` */
void check_batches(struct check *check);
void check_threads(struct check *check);
void check_hints(struct check *check);
void check_sets(struct check *check);

#endif
