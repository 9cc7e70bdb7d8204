/* SPDX-License-Identifier: Apache-2.0 */
/* nacre_filter.h -- the public C ABI of Nacre's subscription filters, version 1.
 *
 * C99, C11 and C++ may include it; it needs nothing but the C standard library's headers.
 *
 * A plugin is a shared object that exports one symbol, nacre_filter_plugin_v1(). The number is the
 * major version of this ABI: another major is another symbol, and a plugin may export both. Within
 * a major what is here stays: members keep their place, type and meaning, numbers keep theirs.
 *
 * Growth:    structs that begin with struct_size may grow at the end; struct_size says how much of
 *            one its filler knows. Read a member that is newer than 1.0 only through
 *            NACRE_FILTER_HAS(). Structs without struct_size never change. Who fills a struct
 *            sets struct_size to sizeof it, and what is unused to zero.
 *            A set of flags or kinds may grow: each says below how an unknown one is read.
 * Purity:    a filter is a pure function of (selector, event): no clock, randomness, locale,
 *            environment, I/O, threads or changing globals. Every node must give the same answer,
 *            today and when history is searched again in ten years.
 * Threads:   compile(), destroy(), set_build() and set_destroy() from any thread, one call at a
 *            time per filter or set; needs(), hints(), match() and set_match() on one filter or
 *            set from many threads at once: what is compiled never changes.
 * Ownership: each side frees what it allocated. Slices and structs given to a call, a callback's
 *            too, are borrowed until it returns. Slices are not NUL-terminated, and an empty
 *            one may have a NULL pointer.
 * Failure:   a plugin never calls exit() or abort(), and lets no exception out.
 *
 * Ledger:
 *   1.0  first
 */
#ifndef NACRE_FILTER_H
#define NACRE_FILTER_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define NACRE_FILTER_ABI_MAJOR 1u
#define NACRE_FILTER_ABI_MINOR 0u

/* True when the one who filled *s knows `member`. */
#define NACRE_FILTER_HAS(type, s, member) \
	((s)->struct_size >= offsetof(type, member) + sizeof((s)->member))

/* ---- Answers: 0 or positive is one, negative is none ---------------------------------------- */

#define NACRE_FILTER_OK        0
#define NACRE_FILTER_REFUSED   (-1) /* compile(): the selector is at fault, and always will be */
#define NACRE_FILTER_NO_MEMORY (-2) /* an allocation failed */
#define NACRE_FILTER_FAILED    (-3) /* anything else; so is every other negative number */

/* Borrowed bytes. Never changes. */
typedef struct nacre_filter_slice {
	const uint8_t *data;
	uint64_t size; /* bytes */
} nacre_filter_slice;

/* ---- The flattened view of JSON or MessagePack ---------------------------------------------- */

/* Kinds of values. An unknown one is a value that nothing is known of. */
#define NACRE_FILTER_NULL   1u
#define NACRE_FILTER_FALSE  2u
#define NACRE_FILTER_TRUE   3u
#define NACRE_FILTER_NUMBER 4u
#define NACRE_FILTER_STRING 5u
#define NACRE_FILTER_BYTES  6u /* MessagePack bin and ext */
#define NACRE_FILTER_ARRAY  7u /* of a leaf: an empty one */
#define NACRE_FILTER_OBJECT 8u /* of a leaf: an empty one */

/* How a number is cached. Each number has one form, so that equal numbers have equal bits: an
 * integer that fits is an integer, however it was written (5, 5.0, 50e-1; -0 is 0). */
#define NACRE_FILTER_I64 1u /* -2^63 to 2^63 - 1 */
#define NACRE_FILTER_U64 2u /* 2^63 to 2^64 - 1 */
#define NACRE_FILTER_F64 3u /* any other: the nearest double, ties to even; may be infinite */

typedef union nacre_filter_number {
	int64_t i64;
	uint64_t u64;
	double f64;
} nacre_filter_number;

/* "Element `index` of the array `array`." Arrays are numbered from 0 within a view, each occurrence
 * by itself. Two leaves lie in the same elements when no array is in both their trails with two
 * different indexes. Never changes. */
typedef struct nacre_filter_step {
	uint32_t array;
	uint32_t index;
} nacre_filter_step;

/* A value that holds no other: a scalar, or an empty array or object. */
typedef struct nacre_filter_leaf {
	/* The keys on the way to it, unescaped, joined by '.'; arrays add nothing. A dot inside a
	 * key is as it is: {"a.b":1} and {"a":{"b":1}} have one path; `depth` tells them apart.
	 * Empty when there is no object on the way. */
	nacre_filter_slice path;
	nacre_filter_slice text; /* string: its characters, unescaped, UTF-8; bytes: themselves */
	nacre_filter_slice raw;  /* as it is encoded in the source, a string's quotes included */
	nacre_filter_number number;
	uint64_t path_hash;             /* FNV-1a, 64 bits, of the path's bytes */
	const nacre_filter_step *trail; /* [trail_count], the outermost first */
	uint32_t trail_count;
	uint32_t depth;       /* keys in the path */
	uint32_t kind;        /* NACRE_FILTER_NULL ... */
	uint32_t number_kind; /* NACRE_FILTER_I64 ..., 0 if the kind is not NUMBER */
} nacre_filter_leaf;

/* States of a view: a format, or negative: why there is none. */
#define NACRE_FILTER_VIEW_JSON      1
#define NACRE_FILTER_VIEW_MSGPACK   2
#define NACRE_FILTER_VIEW_OPAQUE    (-1) /* neither JSON nor, by its content type, MessagePack */
#define NACRE_FILTER_VIEW_MALFORMED (-2) /* begins like it, or says so, and is not */
#define NACRE_FILTER_VIEW_TOO_LARGE (-3) /* deeper or more than the host takes apart */

/* JSON is strict (RFC 8259, UTF-8 checked). MessagePack is one value, its strings UTF-8, its keys
 * strings. Of a key that stands twice in one object both values are here. In the data's order. */
typedef struct nacre_filter_view {
	uint32_t struct_size;
	int32_t state;
	uint32_t root_kind; /* of the whole value; 0 when the state is negative */
	uint32_t leaf_size; /* bytes from one leaf to the next; use nacre_filter_leaf_at() */
	const nacre_filter_leaf *leaves;
	uint64_t leaf_count;  /* 0 when the state is negative */
	uint64_t array_count; /* every trail's arrays are below it */
} nacre_filter_view;

/* ---- Events --------------------------------------------------------------------------------- */

/* A name and its value. Never changes. */
typedef struct nacre_filter_pair {
	nacre_filter_slice name, value;
} nacre_filter_pair;

/* One event, with everything of its envelope. */
typedef struct nacre_filter_event {
	uint32_t struct_size;
	uint32_t flags;            /* 0; unknown ones mean nothing to a filter */
	nacre_filter_slice stream; /* "orders.42"; a name that begins with '$' is the system's */
	nacre_filter_slice type;   /* "OrderPlaced" */
	nacre_filter_slice id;     /* unique in its stream */
	nacre_filter_slice content_type; /* as it was given; empty: unspecified */
	nacre_filter_slice data;         /* as it was appended, never empty */
	uint64_t position;               /* in the store, from 1 */
	uint64_t version;                /* in the stream, from 1 */
	uint64_t time_ns;                /* since 1970 UTC */
	const nacre_filter_slice *tags;  /* [tag_count], in the order given */
	uint64_t tag_count;
	const nacre_filter_pair *meta; /* [meta_count], in the order given; names may repeat */
	uint64_t meta_count;
	/* The data, flattened once for all filters. NULL unless needs() asks for it. */
	const nacre_filter_view *view;
} nacre_filter_event;

/* ---- Selectors ------------------------------------------------------------------------------ */

/* What the user wrote as a filter's "selector": any JSON value. The host has checked that it is
 * JSON, so that a plugin needs no parser of its own for simple ones: see `view`, whose `raw`
 * slices lie in `source`, so that raw.data - source.data is an offset for an error. */
typedef struct nacre_filter_selector {
	uint32_t struct_size;
	uint32_t flags;                /* 0; unknown ones mean nothing to a filter */
	nacre_filter_slice source;     /* the JSON text, byte for byte */
	const nacre_filter_view *view; /* never NULL, its state JSON */
} nacre_filter_selector;

#define NACRE_FILTER_NO_OFFSET UINT32_MAX

typedef struct nacre_filter_error {
	uint32_t struct_size;
	uint32_t source_offset; /* byte of the source at fault, or NACRE_FILTER_NO_OFFSET */
	char message[240];      /* NUL-terminated UTF-8, for a person: what was expected */
} nacre_filter_error;

/* ---- Hints ---------------------------------------------------------------------------------- */

/* Kinds. A host reads one that it does not know as ANY and FULL as LOOSE, and so it does when a
 * hint is larger than the host knows: slower, never wrong. */
#define NACRE_FILTER_ANY    0u
#define NACRE_FILTER_EXACT  1u
#define NACRE_FILTER_PREFIX 2u

/* Events whose stream, type and one of whose tags are such. */
typedef struct nacre_filter_hint {
	uint32_t struct_size;
	uint16_t stream_kind, type_kind, tag_kind;
	uint16_t flags;                       /* 0 */
	nacre_filter_slice stream, type, tag; /* each read when its kind is not ANY */
} nacre_filter_hint;

typedef void nacre_filter_emit_fn(void *emit_ctx, const nacre_filter_hint *hint);
typedef void nacre_filter_emit_id_fn(void *emit_ctx, uint32_t id);

#define NACRE_FILTER_HINTS_LOOSE 0 /* necessary: candidates still go through match() */
#define NACRE_FILTER_HINTS_FULL  1 /* sufficient too: match() need not be called */

/* What needs() answers, or-ed. A host that is asked for something unknown refuses the filter. */
#define NACRE_FILTER_NEEDS_VIEW 1u

/* ---- The two sides -------------------------------------------------------------------------- */

typedef struct nacre_filter_host {
	uint32_t struct_size;
	uint32_t abi_minor; /* the host's NACRE_FILTER_ABI_MINOR */
	void *host_ctx;
	void (*log)(void *host_ctx, const char *message); /* any thread; NUL-terminated UTF-8 */
} nacre_filter_host;

typedef struct nacre_filter_plugin {
	uint32_t struct_size;
	uint32_t abi_minor;  /* the plugin's NACRE_FILTER_ABI_MINOR */
	const char *name;    /* 1 to 64 of [A-Za-z0-9_-]; what a filter calls it by */
	const char *build;   /* a version, for people */
	const char *summary; /* one line on what it matches, for people; may be NULL */

	/* 0 and *filter_out, never NULL; or negative, *error filled, and *filter_out NULL. The host
	 * gives an *error that is zeroed but for struct_size. */
	int (*compile)(const nacre_filter_host *host, const nacre_filter_selector *selector,
	               void **filter_out, nacre_filter_error *error);
	void (*destroy)(void *filter); /* NULL is a no-op */

	/* Optional, may be NULL: nothing beyond the event. NACRE_FILTER_NEEDS_..., the same at
	 * every call. */
	uint32_t (*needs)(const void *filter);

	/* Optional, may be NULL. Emit hints whose union covers every event that can match, and
	 * answer NACRE_FILTER_HINTS_FULL when the union is exactly those, else ..._LOOSE; none at
	 * all, and LOOSE: ask me always. Negative is read as that. */
	int (*hints)(const void *filter, nacre_filter_emit_fn *emit, void *emit_ctx);

	/* Set bit i of `matched` (bit i % 64 of word i / 64, zeroed by the host) when events[i]
	 * matches. An answer does not depend on the events beside it. Negative: no answer for
	 * this batch, whatever the bits; the host halts the subscription, it never skips. */
	int (*match)(const void *filter, const nacre_filter_event *const *events,
	             uint64_t event_count, uint64_t *matched);

	/* Optional, all three or none: many filters in one index. Each filter has an id of the
	 * host's choice; ids may be in any order, and differ. The filters outlive the set.
	 * set_match() emits, once each and in any order, the ids of exactly those filters for which
	 * match() would set the bit; its answers are as match()'s, and after a negative one what
	 * was emitted does not count. */
	int (*set_build)(const void *const *filters, const uint32_t *ids, uint64_t filter_count,
	                 void **set_out);
	int (*set_match)(const void *set, const nacre_filter_event *event,
	                 nacre_filter_emit_id_fn *emit, void *emit_ctx);
	void (*set_destroy)(void *set); /* NULL is a no-op */
} nacre_filter_plugin;

/* The handshake, once, before anything else. NULL refuses the host. Both structs outlive every
 * filter; a plugin is never unloaded. */
typedef const nacre_filter_plugin *nacre_filter_plugin_fn(const nacre_filter_host *host);
#define NACRE_FILTER_SYMBOL "nacre_filter_plugin_v1"

#if defined(__GNUC__)
#define NACRE_FILTER_EXPORT __attribute__((visibility("default")))
#else
#define NACRE_FILTER_EXPORT
#endif
NACRE_FILTER_EXPORT const nacre_filter_plugin *
nacre_filter_plugin_v1(const nacre_filter_host *host);

/* Leaf i of a view, i < leaf_count, whatever the host's leaf has grown to. */
static inline const nacre_filter_leaf *nacre_filter_leaf_at(const nacre_filter_view *view,
                                                            uint64_t i)
{
#ifdef __cplusplus
	return reinterpret_cast<const nacre_filter_leaf *>(
	        reinterpret_cast<const char *>(view->leaves) + i * view->leaf_size);
#else
	return (const nacre_filter_leaf *)(const void *)((const char *)view->leaves +
	                                                 i * view->leaf_size);
#endif
}

#ifdef __cplusplus
}
#endif
#endif
