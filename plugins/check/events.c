/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Events made from the words of the selectors, so that some match, and hostile ones. Every slice is
 * a piece of memory of its own, so that a read behind its end is seen by the sanitizers. */
#include <stdlib.h>

#include "plugins/check/check_private.h"

#define WORDS_MAX  1024
#define ARRAYS_MAX 8  /* in one another */
#define FIELDS_MAX 16 /* of a data object */
#define GROWTH     24 /* bytes that a later minor adds to each struct */
#define HUGE_SIZE  (1u << 20)

/* A word of a selector, and the field of data that it seems to speak of. */
struct word {
	struct nc_slice text; /* of a string its characters, else as it is written */
	struct nc_slice path;
	bool quoted;
};

/* Everything here lives until check_events_free(). */
static struct {
	void **pieces;
	size_t count;
	struct word words[WORDS_MAX];
	size_t word_count;
	struct nc_view_builder builder;
	struct nc_arena arena;
	uint64_t random;
} made;

static void *own(size_t size)
{
	made.pieces = realloc(made.pieces, (made.count + 1) * sizeof *made.pieces);
	void *piece = malloc(size == 0 ? 1 : size);
	CHECK(made.pieces != NULL && piece != NULL, "out of memory");
	made.pieces[made.count++] = piece;
	return piece;
}

static nacre_filter_slice own_bytes(struct nc_slice bytes)
{
	uint8_t *piece = own(bytes.size);
	if (bytes.data != NULL)
		memcpy(piece, bytes.data, bytes.size);
	return (nacre_filter_slice){ piece, bytes.size };
}

/* The same numbers in every run (splitmix64). */
static size_t roll(size_t below)
{
	uint64_t z = made.random += 0x9e3779b97f4a7c15;
	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
	z = (z ^ z >> 27) * 0x94d049bb133111eb;
	return (size_t)((z ^ z >> 31) % below);
}

/* ---- Words ---------------------------------------------------------------------------------- */

/* The path without an operator behind it; the same if there is none. */
static struct nc_slice operator_cut(struct nc_slice path)
{
	static const char *const operators[] = { "prefix",       "suffix",  "wildcard",
		                                 "anything-but", "numeric", "cidr",
		                                 "exists",       "exactly", "equals-ignore-case" };
	for (size_t i = 0; i < sizeof operators / sizeof *operators; i++) {
		size_t size = strlen(operators[i]);
		if (path.size > size && path.data[path.size - size - 1] == '.' &&
		    memcmp(path.data + path.size - size, operators[i], size) == 0)
			return nc_slice(path.data, path.size - size - 1);
	}
	return path;
}

/* A field's path without the operators that patterns write behind it. */
static struct nc_slice field_of(struct nc_slice path)
{
	size_t size;
	do {
		size = path.size;
		path = operator_cut(path);
	} while (path.size < size);
	return path;
}

static void word_add(struct nc_slice text, struct nc_slice path, bool quoted)
{
	if (made.word_count < WORDS_MAX)
		made.words[made.word_count++] = (struct word){ text, path, quoted };
}

static void words_take(const char *source)
{
	const nacre_filter_view *view =
	        nc_view_json(&made.builder, &made.arena, nc_slice_str(source), NULL);
	CHECK(view != NULL, "out of memory");
	for (uint64_t i = 0; i < view->leaf_count; i++) {
		const nacre_filter_leaf *leaf = nacre_filter_leaf_at(view, i);
		bool string = leaf->kind == NACRE_FILTER_STRING;
		nacre_filter_slice text = string ? leaf->text : leaf->raw;
		word_add(nc_slice(text.data, text.size),
		         field_of(nc_slice(leaf->path.data, leaf->path.size)), string);
	}
}

/* A word, or something near it. */
static void word_put(struct nc_buf *buf, const struct word *word)
{
	static const char *const fillers[] = { "z", "1.a", "", "A" };
	size_t kind = roll(8);
	struct nc_slice text = word->text;
	if (kind == 0 && text.size > 1)
		text.size--;
	if (kind == 1)
		nc_buf_put_str(buf, "x.");
	for (size_t i = 0; i < text.size; i++) {
		bool star = text.data[i] == '*' || text.data[i] == '>';
		if (star && kind != 2) { /* mostly what a pattern would match */
			nc_buf_put_str(buf, fillers[roll(4)]);
		} else {
			nc_buf_put_u8(buf, text.data[i]);
		}
	}
	if (kind == 3)
		nc_buf_put_str(buf, ".9");
}

static const struct word *word_any(void)
{
	return &made.words[roll(made.word_count)];
}

/* A name of at most 255 bytes, not empty. */
static nacre_filter_slice name_make(void)
{
	struct nc_buf buf = { 0 };
	word_put(&buf, word_any());
	if (buf.size == 0)
		nc_buf_put_str(&buf, "x");
	struct nc_slice name = nc_buf_slice(&buf);
	name.size = name.size > 255 ? 255 : name.size;
	nacre_filter_slice kept = own_bytes(name);
	nc_buf_release(&buf);
	return kept;
}

/* ---- Data ----------------------------------------------------------------------------------- */

static void json_string(struct nc_buf *buf, struct nc_slice text)
{
	static const char hex[] = "0123456789abcdef";
	nc_buf_put_u8(buf, '"');
	for (size_t i = 0; i < text.size; i++) {
		uint8_t byte = text.data[i];
		if (byte < 0x20 || byte == '"' || byte == '\\') {
			nc_buf_put_str(buf, "\\u00");
			nc_buf_put_u8(buf, (uint8_t)hex[byte >> 4]);
			nc_buf_put_u8(buf, (uint8_t)hex[byte & 15]);
		} else {
			nc_buf_put_u8(buf, byte);
		}
	}
	nc_buf_put_u8(buf, '"');
}

static void scalar_put(struct nc_buf *buf, const struct word *word)
{
	struct nc_buf text = { 0 };
	if (word->quoted) {
		word_put(&text, word);
		json_string(buf, nc_buf_slice(&text));
	} else if (word->text.size > 0 && word->text.data[0] != '[' && word->text.data[0] != '{') {
		nc_buf_put_slice(buf, word->text);
	} else {
		nc_buf_put_str(buf, "{}");
	}
	nc_buf_release(&text);
}

/* NOLINTNEXTLINE(misc-no-recursion): `arrays_left` counts down */
static void value_put(struct nc_buf *buf, const struct word *word, unsigned arrays_left)
{
	size_t kind = roll(12);
	if (kind == 0) {
		nc_buf_put_str(buf, "null");
	} else if (kind == 1) {
		nc_buf_put_decimal(buf, roll(300));
	} else if (kind == 2 && arrays_left > 0) {
		nc_buf_put_str(buf, "[");
		value_put(buf, word, arrays_left - 1);
		nc_buf_put_str(buf, ",");
		value_put(buf, word_any(), arrays_left - 1);
		nc_buf_put_str(buf, "]");
	} else {
		scalar_put(buf, word);
	}
}

/* An object whose dotted keys have the paths that the selectors speak of. */
static void object_put(struct nc_buf *buf)
{
	size_t fields = 1 + roll(FIELDS_MAX);
	nc_buf_put_str(buf, "{\"n\":1");
	for (size_t i = 0; i < fields; i++) {
		const struct word *word = word_any();
		nc_buf_put_str(buf, ",");
		json_string(buf, word->path);
		nc_buf_put_str(buf, ":");
		value_put(buf, word, ARRAYS_MAX);
	}
	nc_buf_put_str(buf, "}");
}

static void repeat(struct nc_buf *buf, const char *open, const char *middle, size_t size,
                   const char *close)
{
	nc_buf_put_str(buf, open);
	while (buf->size < size)
		nc_buf_put_str(buf, middle);
	nc_buf_put_str(buf, close);
}

/* Data of kind 0 to 15: what clients send that means no harm, and that does. */
static void hostile_put(struct nc_buf *buf, size_t kind)
{
	static const char *const texts[] = { "{}",     "[]",         "null",       "{\"a\":",
		                             "{\"a\"", "plain \x00", "[1,2]",      "\"text\"",
		                             "-0.0",   "\xff\xfe",   "{\"a\":1}{", " " };
	if (kind < sizeof texts / sizeof *texts) {
		nc_buf_put_str(buf, texts[kind]);
	} else if (kind == 12) {
		repeat(buf, "{\"a\":\"", "0123456789", HUGE_SIZE, "\"}");
	} else if (kind == 13) {
		repeat(buf, "{\"a\":[1", ",[1,\"x\"]", HUGE_SIZE / 4, "]}");
	} else if (kind == 14) {
		repeat(buf, "", "[", 200, "");
	} else {
		nc_buf_put(buf,
		           "\x82\xa1"
		           "a\x01\xa1"
		           "b\x93\xc0\xc3\xcb?\xf0\0\0\0\0\0\0",
		           18);
	}
	if (kind == 5)
		nc_buf_put_u8(buf, 0);
}

/* ---- Events --------------------------------------------------------------------------------- */

static void lists_make(nacre_filter_event *event)
{
	event->tag_count = roll(5);
	nacre_filter_slice *tags = own(event->tag_count * sizeof *tags);
	for (uint64_t i = 0; i < event->tag_count; i++)
		tags[i] = name_make();
	event->tags = tags;
	event->meta_count = roll(4);
	nacre_filter_pair *meta = own(event->meta_count * sizeof *meta);
	for (uint64_t i = 0; i < event->meta_count; i++)
		meta[i] = (nacre_filter_pair){ name_make(), name_make() };
	event->meta = meta;
}

static void event_make(struct check *check, size_t i)
{
	nacre_filter_event *event = own(sizeof *event);
	struct nc_buf data = { 0 };
	bool hostile = i % 16 == 15;
	if (hostile) {
		hostile_put(&data, i / 16 % 16);
	} else {
		object_put(&data);
	}
	*event = (nacre_filter_event){
		.struct_size = sizeof *event,
		.stream = name_make(),
		.type = name_make(),
		.id = name_make(),
		.data = own_bytes(nc_buf_slice(&data)),
		.position = i + 1,
		.version = 1 + i / 7,
		.time_ns = 1700000000000000000u + i,
	};
	if (hostile && i / 16 % 16 == 15) {
		event->content_type = own_bytes(NC_SLICE("application/msgpack"));
	} else if (roll(2) == 0) {
		event->content_type = own_bytes(NC_SLICE("application/json"));
	}
	lists_make(event);
	event->view = nc_view_data(&made.builder, &made.arena,
	                           nc_slice(event->content_type.data, event->content_type.size),
	                           nc_slice(event->data.data, event->data.size));
	CHECK(event->view != NULL && nc_buf_status(&data) == NC_OK, "out of memory");
	check->events[i] = event;
	nc_buf_release(&data);
}

void check_events_make(struct check *check)
{
	made.random = 42;
	for (size_t i = 0; i < check->filter_count; i++)
		words_take(check->filters[i].source);
	word_add(NC_SLICE("orders.42"), NC_SLICE("total"), true);
	word_add(NC_SLICE("$sys.a"), NC_SLICE("a.b"), true);
	word_add(NC_SLICE("7"), NC_SLICE("n"), false);
	check->event_count = 600;
	for (size_t i = 0; i < check->event_count; i++)
		event_make(check, i);
}

static const nacre_filter_view *view_grow(const nacre_filter_view *from)
{
	uint8_t *piece = own(sizeof *from + GROWTH);
	memset(piece, 0xaa, sizeof *from + GROWTH);
	nacre_filter_view view = *from;
	view.struct_size = sizeof view + GROWTH;
	view.leaf_size = sizeof(nacre_filter_leaf) + GROWTH;
	uint8_t *leaves = own(view.leaf_count * view.leaf_size);
	memset(leaves, 0xaa, view.leaf_count * view.leaf_size);
	for (uint64_t i = 0; i < view.leaf_count; i++) {
		memcpy(leaves + i * view.leaf_size, nacre_filter_leaf_at(from, i),
		       sizeof(nacre_filter_leaf));
	}
	view.leaves = (const nacre_filter_leaf *)(const void *)leaves;
	memcpy(piece, &view, sizeof view);
	return (const nacre_filter_view *)(const void *)piece;
}

void check_events_grow(struct check *check)
{
	for (size_t i = 0; i < check->event_count; i++) {
		uint8_t *piece = own(sizeof *check->events[i] + GROWTH);
		memset(piece, 0xaa, sizeof *check->events[i] + GROWTH);
		nacre_filter_event event = *check->events[i];
		event.struct_size = sizeof event + GROWTH;
		event.view = view_grow(event.view);
		memcpy(piece, &event, sizeof event);
		check->events[i] = (const nacre_filter_event *)(const void *)piece;
	}
}

void check_events_free(struct check *check)
{
	for (size_t i = 0; i < made.count; i++)
		free(made.pieces[i]);
	free(made.pieces);
	nc_arena_release(&made.arena);
	nc_view_builder_release(&made.builder);
	check->event_count = 0;
}
