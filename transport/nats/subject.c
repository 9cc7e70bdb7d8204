/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Names to subjects and back. */
#include "transport/nats/subject.h"

/* Letters, digits, '_', '/', '-': a bit for each byte. */
static bool plain(uint8_t c)
{
	static const uint32_t bits[8] = { 0, 0x03ffa000, 0x87fffffe, 0x07fffffe };
	return (bits[c >> 5] >> (c & 31) & 1) != 0;
}

static void put(struct nc_buf *buf, struct nc_slice name, bool dots_stay)
{
	static const char hex[] = "0123456789ABCDEF";
	size_t from = 0;
	for (size_t i = 0; i < name.size; i++) {
		uint8_t c = name.data[i];
		if (plain(c) || (c == '.' && dots_stay))
			continue;
		const char escape[] = { '=', hex[c >> 4], hex[c & 15] };
		nc_buf_put(buf, name.data + from, i - from);
		nc_buf_put(buf, escape, sizeof escape);
		from = i + 1;
	}
	nc_buf_put_slice(buf, nc_slice_from(name, from));
}

void nc_subject_put_stream(struct nc_buf *buf, struct nc_slice name)
{
	put(buf, name, true);
}

void nc_subject_put_token(struct nc_buf *buf, struct nc_slice name)
{
	put(buf, name, false);
}

size_t nc_subject_size_most(struct nc_slice name)
{
	size_t size = name.size;
	for (size_t i = 0; i < name.size; i++)
		size += plain(name.data[i]) ? 0 : 2;
	return size;
}

static int hex_value(uint8_t c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* The byte that an escape at the beginning of `text` stands for; -1: it is none. */
static int escaped(struct nc_slice text)
{
	if (text.size < 3)
		return -1;
	int high = hex_value(text.data[1]);
	int low = hex_value(text.data[2]);
	return high < 0 || low < 0 ? -1 : high << 4 | low;
}

static const char *get(struct nc_slice text, struct nc_buf *name, bool dots_stay)
{
	if (text.size == 0)
		return "is empty";
	for (size_t i = 0; i < text.size; i++) {
		uint8_t c = text.data[i];
		if (plain(c) || (c == '.' && dots_stay)) {
			nc_buf_put_u8(name, c);
			continue;
		}
		if (c != '=')
			return "holds a byte that must be written =HH";
		int byte = escaped(nc_slice_from(text, i));
		if (byte < 0)
			return "holds '=' without two upper-case hex digits";
		if (plain((uint8_t)byte))
			return "holds a needless escape";
		if (byte == '.' && dots_stay)
			return "holds an escaped dot";
		nc_buf_put_u8(name, (uint8_t)byte);
		i += 2;
	}
	return NULL;
}

const char *nc_subject_get_stream(struct nc_slice tail, struct nc_buf *name)
{
	return get(tail, name, true);
}

const char *nc_subject_get_token(struct nc_slice token, struct nc_buf *name)
{
	return get(token, name, false);
}

/* Whether `subject` is `first` or begins with `first` and a dot. */
static bool under(struct nc_slice subject, struct nc_slice first)
{
	return nc_slice_starts(subject, first) &&
	       (subject.size == first.size || subject.data[first.size] == '.');
}

bool nc_subject_reserved(struct nc_slice subject, const char *prefix)
{
	if (subject.size == 0 || subject.data[0] == '$' || under(subject, nc_slice_str(prefix)) ||
	    under(subject, NC_SLICE("_es")))
		return true;
	for (size_t i = 0; i < subject.size; i++) {
		uint8_t c = subject.data[i];
		if (plain(c))
			continue;
		bool starts = i == 0 || subject.data[i - 1] == '.';
		bool last = i + 1 == subject.size, ends = last || subject.data[i + 1] == '.';
		if (c <= ' ' || c == 0x7f || (c == '.' && (starts || last)) ||
		    ((c == '*' || c == '>') && starts && ends))
			return true;
	}
	return false;
}

/* The end of the token that begins at `at`. */
static size_t token_end(struct nc_slice subject, size_t at)
{
	while (at < subject.size && subject.data[at] != '.')
		at++;
	return at;
}

bool nc_subject_within(struct nc_slice subject, struct nc_slice pattern)
{
	size_t at = 0;
	for (size_t i = 0; i < pattern.size; i++) {
		bool token = i == 0 || pattern.data[i - 1] == '.';
		bool ends = i + 1 == pattern.size;
		if (token && ends && pattern.data[i] == '>')
			return at < subject.size;
		if (token && pattern.data[i] == '*' && (ends || pattern.data[i + 1] == '.')) {
			size_t from = at;
			at = token_end(subject, from);
			if (at == from)
				return false;
		} else if (at == subject.size || subject.data[at++] != pattern.data[i]) {
			return false;
		}
	}
	return at == subject.size;
}

size_t nc_subject_literal(struct nc_slice pattern)
{
	size_t at = 0;
	while (at < pattern.size) {
		size_t end = token_end(pattern, at);
		struct nc_slice token = nc_slice(pattern.data + at, end - at);
		if (nc_slice_is(token, "*") || nc_slice_is(token, ">"))
			return at;
		at = end + 1;
	}
	return pattern.size;
}

/* The first token of `rest`, taken away with its dot. */
static struct nc_slice token_take(struct nc_slice *rest)
{
	const uint8_t *dot = rest->size == 0 ? NULL : memchr(rest->data, '.', rest->size);
	size_t size = dot == NULL ? rest->size : (size_t)(dot - rest->data);
	struct nc_slice token = nc_slice(rest->data, size);
	*rest = nc_slice_from(*rest, size + 1);
	return token;
}

bool nc_subject_overlap(struct nc_slice pattern, struct nc_slice other)
{
	while (pattern.size > 0 && other.size > 0) {
		struct nc_slice one = token_take(&pattern), two = token_take(&other);
		if (nc_slice_is(one, ">") || nc_slice_is(two, ">"))
			return true;
		if (!nc_slice_is(one, "*") && !nc_slice_is(two, "*") && !nc_slice_eq(one, two))
			return false;
	}
	return pattern.size == 0 && other.size == 0;
}
