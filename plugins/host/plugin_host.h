/* SPDX-License-Identifier: GPL-3.0-or-later */
/* plugin_host.h -- filter plugins: found, checked, loaded; selectors compiled; events matched.
 *
 * A plugin file is read once, copied to a private file that is named by its SHA-256, and opened
 * from there: overwriting the original cannot crash the process. A file that is not as it must be
 * is refused with a reason, which the list shows and the log hears, and the others go on. A plugin
 * is never unloaded. Those of strangers run in processes of their own, where they can harm nobody.
 *
 * Life:    host > filters and sets > (no order) batches. Release all filters before the host.
 * Threads: a host, a filter and a set may be used by many threads at once; a batch belongs to one.
 *          Compiling is serialized per plugin by nothing: plugins are made for it.
 */
#ifndef NC_PLUGINS_HOST_PLUGIN_HOST_H
#define NC_PLUGINS_HOST_PLUGIN_HOST_H

#include "core/base/err.h"
#include "core/engine/event.h"

#define NC_PLUGIN_NAME_SIZE_MAX 64          /* bytes */
#define NC_PLUGIN_FILE_SIZE_MAX (64u << 20) /* bytes; larger files are refused */
#define NC_SELECTOR_SIZE_MAX    (1u << 20)  /* bytes of a selector's JSON text */

struct nc_plugin_host;  /* opaque */
struct nc_filter;       /* opaque, counted */
struct nc_filter_set;   /* opaque */
struct nc_filter_batch; /* opaque */

/* ---- The host ------------------------------------------------------------------------------- */

/* One line of text for the operator; `trouble`: something is wrong. Any thread. */
typedef void nc_plugin_log_fn(void *log_ctx, bool trouble, const char *message);

struct nc_plugin_host_config {
	const char *bundled_dir; /* NULL: none */
	const char *extra_dirs;  /* NACRE_PLUGIN_DIR: directories, ':' between them; NULL: none */
	const char *private_dir; /* made with mode 0700 if missing */
	/* Run plugins that are not bundled in processes of this program, `PROGRAM --plugin-host
	 * NODE` (cell.h). NULL: in this process. */
	const char *cell_program;
	/* May be NULL. */
	nc_plugin_log_fn *log;
	void *log_ctx;
};

enum nc_plugin_state {
	NC_PLUGIN_LOADED,
	NC_PLUGIN_REPLACED, /* serves the filters that it compiled; new ones are its successor's */
	NC_PLUGIN_REMOVED,  /* its file is gone: likewise, and there is no successor */
	NC_PLUGIN_REFUSED   /* `reason` says why; also for a directory that cannot be used */
};

struct nc_plugin_info {
	enum nc_plugin_state state;
	bool bundled;       /* from bundled_dir */
	uint32_t abi_minor; /* the plugin's; 0 when refused */
	const char *name;   /* "" when refused before it could say so; so are the next three */
	const char *build;
	const char *summary;
	const char *sha256; /* 64 hex digits */
	const char *path;   /* where it was found */
	const char *reason; /* "" when loaded */
	/* Of one in a process of its own. */
	bool isolated;
	uint64_t pid;      /* 0: it is not running just now */
	uint64_t starts;   /* 1 if it never failed */
	uint64_t pause_ms; /* until it is started anew */
	char trouble[240]; /* how it last ended; "": it never did */
};

/* Loads what the directories hold; refused files are no error.
 * Errors: NC_NOMEM; NC_IO, the private directory cannot be made; NC_INVALID, it belongs to somebody
 * else or others may write to it. */
int nc_plugin_host_open(const struct nc_plugin_host_config *config,
                        struct nc_plugin_host **host_out);

/* NULL is a no-op. No filter may be left. Loaded code stays mapped. */
void nc_plugin_host_close(struct nc_plugin_host *host);

/* Look again: files that are new, or whose bytes are, are tried. A file that was replaced, under
 * its path and name, takes the place of the old one for filters that are compiled from now on.
 * Errors: NC_NOMEM. */
int nc_plugin_host_scan(struct nc_plugin_host *host);

/* Watch the directories beside the bundled one from now on, with a thread of its own, and look
 * again when a file there is closed by who wrote it, moved, or gone. `changed` is called, on that
 * thread, when there is something new or gone. Ends with the host. Errors: NC_NOMEM; NC_IO, no
 * watch or thread.
 */
int nc_plugin_host_watch(struct nc_plugin_host *host, void (*changed)(void *ctx), void *ctx);

/* All files and directories that were tried, in the order of finding. Borrowed until `fn` returns;
 * `fn` must not call the host. */
typedef void nc_plugin_info_fn(void *ctx, const struct nc_plugin_info *info);
void nc_plugin_host_list(struct nc_plugin_host *host, nc_plugin_info_fn *fn, void *ctx);

/* One loaded plugin; what `info_out` points to lives as long as the host. Errors: NC_NOTFOUND. */
int nc_plugin_host_find(struct nc_plugin_host *host, struct nc_slice name,
                        struct nc_plugin_info *info_out);

/* ---- Filters -------------------------------------------------------------------------------- */

#define NC_FILTER_NO_OFFSET SIZE_MAX

struct nc_filter_error {
	size_t offset;     /* byte of the selector's text at fault, or NC_FILTER_NO_OFFSET */
	char message[256]; /* what was expected; NUL-terminated UTF-8 */
};

/* Compile `selector`, JSON text, for the plugin called `name`. On any error *error_out is filled.
 * Errors: NC_NOTFOUND, no such plugin is loaded (404/40402); NC_INVALID, the selector is refused
 * (400/40004); NC_TOOBIG, it is over NC_SELECTOR_SIZE_MAX; NC_NOMEM; NC_UNSUPPORTED, the filter
 * needs what this host cannot give; NC_IO, the plugin failed. */
int nc_filter_compile(struct nc_plugin_host *host, struct nc_slice name, struct nc_slice selector,
                      struct nc_filter **filter_out, struct nc_filter_error *error_out);

/* The same without waiting for anybody: a filter of an isolated plugin is compiled when it is first
 * asked, and an error then is one of the answer. For who must not wait, or has compiled it before.
 */
int nc_filter_compile_later(struct nc_plugin_host *host, struct nc_slice name,
                            struct nc_slice selector, struct nc_filter **filter_out,
                            struct nc_filter_error *error_out);

/* A filter that was compiled later has no hints until it has been asked. True, once, when they have
 * come: nc_filter_hints() gives them from then on. On one thread, the one that asks for hints. */
bool nc_filter_hints_come(struct nc_filter *filter);

/* Whether the plugin called `name` is in a process of its own: compiling for it and asking it may
 * take seconds. */
bool nc_plugin_host_isolates(struct nc_plugin_host *host, struct nc_slice name);

struct nc_filter *nc_filter_ref(struct nc_filter *filter); /* gives its argument */
void nc_filter_unref(struct nc_filter *filter);            /* NULL is a no-op */

/* Likewise of a filter. */
bool nc_filter_isolated(const struct nc_filter *filter);

/* Why it gave no answer, as far as is known; "": nothing is. */
void nc_filter_trouble(const struct nc_filter *filter, char *text, size_t size);

/* Of the plugin that compiled it; lives as long as the filter. */
struct nc_plugin_info nc_filter_plugin(const struct nc_filter *filter);

/* Whether its plugin can put it into a set with others: then it is asked with all of them at once,
 * at the cost of what matches. */
bool nc_filter_has_sets(const struct nc_filter *filter);

enum nc_filter_hint_kind { NC_FILTER_ANY, NC_FILTER_EXACT, NC_FILTER_PREFIX };

/* Events whose stream, type and one of whose tags are such. The slices live as long as the filter.
 */
struct nc_filter_hint {
	enum nc_filter_hint_kind stream_kind, type_kind, tag_kind;
	struct nc_slice stream, type, tag;
};

struct nc_filter_hints {
	const struct nc_filter_hint *hints; /* [count]; every match is in their union */
	size_t count;                       /* 0: any event may match */
	bool full; /* and every event of the union matches: no need to ask */
};
struct nc_filter_hints nc_filter_hints(const struct nc_filter *filter);

/* ---- Events as plugins see them ------------------------------------------------------------- */

/* Errors: NC_NOMEM. */
int nc_filter_batch_new(struct nc_filter_batch **batch_out);
void nc_filter_batch_free(struct nc_filter_batch *batch); /* NULL is a no-op */

/* Forget the events, keep the memory. */
void nc_filter_batch_clear(struct nc_filter_batch *batch);

/* Add an event; its bytes are borrowed until the batch is cleared or freed, the struct is not.
 * Errors: NC_NOMEM; the batch is as before. */
int nc_filter_batch_add(struct nc_filter_batch *batch, const struct nc_event *event);
size_t nc_filter_batch_count(const struct nc_filter_batch *batch);

/* What stood in the data of the events whose view a filter has asked for, since the batch was made:
 * for the counters of PROTOCOL.md section 9. */
struct nc_filter_views {
	uint64_t flattened, opaque, malformed, too_large;
};
struct nc_filter_views nc_filter_batch_views(const struct nc_filter_batch *batch);

/* Bit i of matched_out[i / 64] tells whether event i matches; all (count + 63) / 64 words are
 * written. Several filters may be asked of one batch: data is flattened once.
 * Errors: NC_NOMEM; NC_IO, the plugin gave no answer: halt, never skip. */
int nc_filter_match(const struct nc_filter *filter, struct nc_filter_batch *batch,
                    uint64_t *matched_out);

/* ---- Sets ----------------------------------------------------------------------------------- */

/* Many filters of one plugin in one index; a plugin without sets is asked filter by filter. The
 * set holds references to the filters. `ids` are the caller's, and differ.
 * Errors: NC_NOMEM; NC_IO, the plugin failed. */
int nc_filter_set_new(struct nc_filter *const *filters, const uint32_t *ids, size_t filter_count,
                      struct nc_filter_set **set_out);
void nc_filter_set_free(struct nc_filter_set *set); /* NULL is a no-op */

/* `fn` hears the id of each filter that event `index` of the batch matches, once each, in any
 * order; on an error what it heard does not count. Errors: as nc_filter_match(). */
typedef void nc_filter_id_fn(void *ctx, uint32_t id);
int nc_filter_set_match(const struct nc_filter_set *set, struct nc_filter_batch *batch,
                        size_t index, nc_filter_id_fn *fn, void *ctx);

#endif
