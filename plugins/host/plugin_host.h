/* SPDX-License-Identifier: GPL-3.0-or-later */
/* plugin_host.h -- filter plugins: finding, checking and loading them, compiling selectors, and
 * matching events.
 *
 * A plugin's file is read once, copied to a private file that is named by its SHA-256, and opened
 * from there: so overwriting the original cannot crash the process. A file that breaks a rule is
 * refused, with a reason that the list shows and the log has; the others are not affected. A plugin
 * is never unloaded. Plugins that are not bundled run in processes of their own, where they can
 * harm nobody.
 *
 * Ownership: release all filters and sets before the host. A batch may be freed before or after.
 * Threads:   a host, a filter and a set may be used by many threads at once; a batch belongs to one
 *            thread. Several threads may compile for one plugin at the same time.
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

/* Takes one line of text for the operator; `trouble` says that something is wrong. It is called
 * from any thread. */
typedef void nc_plugin_log_fn(void *log_ctx, bool trouble, const char *message);

struct nc_plugin_host_config {
	const char *bundled_dir; /* NULL: none */
	const char *extra_dirs;  /* NACRE_PLUGIN_DIR: directories, ':' between them; NULL: none */
	const char *private_dir; /* made with mode 0700 if missing */
	/* The program that plugins run in which are not bundled, as `PROGRAM --plugin-host NODE`
	 * (cell.h). NULL: they run in this process. */
	const char *cell_program;
	nc_plugin_log_fn *log; /* may be NULL */
	void *log_ctx;
};

enum nc_plugin_state {
	NC_PLUGIN_LOADED,
	NC_PLUGIN_REPLACED, /* serves the filters that it has; new ones go to its successor */
	NC_PLUGIN_REMOVED,  /* serves the filters that it has; its file is gone */
	NC_PLUGIN_REFUSED   /* `reason` says why; so is a directory that cannot be used */
};

struct nc_plugin_info {
	enum nc_plugin_state state;
	bool bundled;       /* from bundled_dir */
	uint32_t abi_minor; /* the plugin's; 0 when refused */
	/* These four are "" if it was refused before they were known. */
	const char *name;
	const char *build;
	const char *summary;
	const char *sha256; /* 64 hex digits */
	const char *path;   /* where it was found */
	const char *reason; /* why it was refused; "" if it is loaded */
	bool isolated;      /* it is in a process of its own, and what follows is set */
	uint64_t pid;       /* 0 if it is not running just now */
	uint64_t starts;    /* 1 if it never failed */
	uint64_t pause_ms;  /* how long until it is started anew */
	char trouble[240];  /* why it last ended unasked; "": it never did */
};

/* Open a host, and load the plugins in its directories. A file that is refused is no error. Errors:
 * NC_NOMEM; NC_IO, the private directory cannot be made; NC_INVALID, it belongs to somebody else,
 * or others may write to it. */
int nc_plugin_host_open(const struct nc_plugin_host_config *config,
                        struct nc_plugin_host **host_out);

/* Close the host; no filter may be left. Loaded code stays mapped. NULL is a no-op. */
void nc_plugin_host_close(struct nc_plugin_host *host);

/* Look again, and try files that are new or have other bytes. A file that has replaced another
 * under its path and name serves the filters that are compiled from now on. Errors: NC_NOMEM. */
int nc_plugin_host_scan(struct nc_plugin_host *host);

/* Watch the directories, but not the bundled one, with a thread of the host's, and scan when a file
 * there was closed after writing, moved or removed. `changed` is called on that thread when a
 * plugin has come or gone. It ends with the host. Errors: NC_NOMEM; NC_IO, no watch or thread. */
int nc_plugin_host_watch(struct nc_plugin_host *host, void (*changed)(void *ctx), void *ctx);

/* Give `fn` all files and directories that were tried, in the order in which they were found. The
 * info is borrowed until `fn` returns, and `fn` must not call the host. */
typedef void nc_plugin_info_fn(void *ctx, const struct nc_plugin_info *info);
void nc_plugin_host_list(struct nc_plugin_host *host, nc_plugin_info_fn *fn, void *ctx);

/* A loaded plugin. What `info_out` points to lives as long as the host. Errors: NC_NOTFOUND. */
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

/* The same, without waiting for a process: a filter of an isolated plugin is compiled when it is
 * first asked, and if that fails there is no answer. For selectors that were compiled before. */
int nc_filter_compile_later(struct nc_plugin_host *host, struct nc_slice name,
                            struct nc_slice selector, struct nc_filter **filter_out,
                            struct nc_filter_error *error_out);

/* A filter that is compiled later has no hints until it has been asked. This returns true once,
 * when they have come; from then on nc_filter_hints() gives them. For the one thread that asks for
 * hints. */
bool nc_filter_hints_come(struct nc_filter *filter);

/* Whether the plugin called `name` is in a process of its own: compiling for it and asking it may
 * take seconds. */
bool nc_plugin_host_isolates(struct nc_plugin_host *host, struct nc_slice name);

struct nc_filter *nc_filter_ref(struct nc_filter *filter); /* returns its argument */
void nc_filter_unref(struct nc_filter *filter);            /* NULL is a no-op */

/* Whether the filter's plugin is in a process of its own. */
bool nc_filter_isolated(const struct nc_filter *filter);

/* Why the filter gave no answer; "" if nothing is known of that. */
void nc_filter_trouble(const struct nc_filter *filter, char *text, size_t size);

/* The plugin that compiled the filter; valid as long as the filter. */
struct nc_plugin_info nc_filter_plugin(const struct nc_filter *filter);

/* Whether its plugin can put it into a set with others: then it is asked with all of them at once,
 * at the cost of what matches. */
bool nc_filter_has_sets(const struct nc_filter *filter);

enum nc_filter_hint_kind { NC_FILTER_ANY, NC_FILTER_EXACT, NC_FILTER_PREFIX };

/* A hint means the events whose stream and type, and one of whose tags, are as it says. The slices
 * live as long as the filter. */
struct nc_filter_hint {
	enum nc_filter_hint_kind stream_kind, type_kind, tag_kind;
	struct nc_slice stream, type, tag;
};

struct nc_filter_hints {
	const struct nc_filter_hint
	        *hints; /* [count]; every event that matches is in their union */
	size_t count;   /* 0: any event may match */
	bool full;      /* every event of the union matches, so the filter need not be asked */
};
struct nc_filter_hints nc_filter_hints(const struct nc_filter *filter);

/* ---- Events as plugins see them ------------------------------------------------------------- */

/* Errors: NC_NOMEM. */
int nc_filter_batch_new(struct nc_filter_batch **batch_out);
void nc_filter_batch_free(struct nc_filter_batch *batch); /* NULL is a no-op */

/* Forget the events; their memory is kept for the next. */
void nc_filter_batch_clear(struct nc_filter_batch *batch);

/* Add an event. Its bytes are borrowed until the batch is cleared or freed; the struct is copied.
 * Errors: NC_NOMEM, the batch is as it was. */
int nc_filter_batch_add(struct nc_filter_batch *batch, const struct nc_event *event);
size_t nc_filter_batch_count(const struct nc_filter_batch *batch);

/* Counts the events whose data a filter has asked to see, since the batch was made, by what their
 * data were: for the counters of PROTOCOL.md section 9. */
struct nc_filter_views {
	uint64_t flattened, opaque, malformed, too_large;
};
struct nc_filter_views nc_filter_batch_views(const struct nc_filter_batch *batch);

/* Ask a filter of all events of the batch. Bit i % 64 of matched_out[i / 64] says whether event i
 * matches; all (count + 63) / 64 words are written. Data are flattened once, however many filters
 * are asked of a batch. Errors: NC_NOMEM; NC_IO, the plugin gave no answer: halt, and never skip
 * the events. */
int nc_filter_match(const struct nc_filter *filter, struct nc_filter_batch *batch,
                    uint64_t *matched_out);

/* ---- Sets ----------------------------------------------------------------------------------- */

/* Make one index of many filters of one plugin. If the plugin offers no sets, its filters are asked
 * one by one. `ids` are the caller's, and must differ. The set holds a reference to each filter.
 * Errors: NC_NOMEM; NC_IO, the plugin failed. */
int nc_filter_set_new(struct nc_filter *const *filters, const uint32_t *ids, size_t filter_count,
                      struct nc_filter_set **set_out);
void nc_filter_set_free(struct nc_filter_set *set); /* NULL is a no-op */

/* Give `fn` the id of each filter that event `index` of the batch matches, once each, in any order.
 * If there is an error, what it was given does not count. Errors: those of nc_filter_match(). */
typedef void nc_filter_id_fn(void *ctx, uint32_t id);
int nc_filter_set_match(const struct nc_filter_set *set, struct nc_filter_batch *batch,
                        size_t index, nc_filter_id_fn *fn, void *ctx);

#endif
