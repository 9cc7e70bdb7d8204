/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One NATS pattern. */
#include "plugins/pattern/nats_private.h"

#define PATTERN_SIZE_MAX 255 /* bytes, as of a stream's name */

struct nc_slice nc_nats_token(struct nc_slice name, struct nc_slice *rest_out)
{
	const uint8_t *dot = name.size == 0 ? NULL : memchr(name.data, '.', name.size);
	size_t size = dot == NULL ? name.size : (size_t)(dot - name.data);
	*rest_out = dot == NULL ? nc_slice(NULL, 0) : nc_slice(dot + 1, name.size - size - 1);
	return nc_slice(name.data, size);
}

const char *nc_nats_check(struct nc_slice pattern, size_t *at_out)
{
	*at_out = 0;
	if (pattern.size == 0)
		return "a pattern, not an empty one";
	if (pattern.size > PATTERN_SIZE_MAX)
		return "a pattern of at most 255 bytes";
	for (size_t i = 0; i < pattern.size; i++) {
		uint8_t byte = pattern.data[i];
		bool first = i == 0 || pattern.data[i - 1] == '.';
		bool last = i + 1 == pattern.size;
		*at_out = i;
		if (byte == '.' && (first || last))
			return "a token; there are no empty ones";
		if (byte == '>' && !(first && last))
			return "'>' as the last token only";
		if (byte == '*' && !first && pattern.data[i - 1] == '*')
			return "one '*', not two in a row";
	}
	return NULL;
}

struct nc_slice nc_nats_literal(struct nc_slice pattern)
{
	size_t size = 0;
	while (size < pattern.size && pattern.data[size] != '*' && pattern.data[size] != '>')
		size++;
	return nc_slice(pattern.data, size);
}

bool nc_nats_token_match(struct nc_slice pattern, struct nc_slice token)
{
	size_t at = 0;
	size_t star = SIZE_MAX; /* the last one met, and where the text stood then */
	size_t held = 0;
	for (size_t i = 0; i < token.size;) {
		if (at < pattern.size && pattern.data[at] == '*') {
			star = at++;
			held = i;
		} else if (at < pattern.size && pattern.data[at] == token.data[i]) {
			at++;
			i++;
		} else if (star != SIZE_MAX) {
			at = star + 1;
			i = ++held;
		} else {
			return false;
		}
	}
	while (at < pattern.size && pattern.data[at] == '*')
		at++;
	return at == pattern.size;
}

bool nc_nats_match(struct nc_slice pattern, struct nc_slice name)
{
	for (;;) {
		struct nc_slice pattern_rest, name_rest;
		struct nc_slice want = nc_nats_token(pattern, &pattern_rest);
		struct nc_slice have = nc_nats_token(name, &name_rest);
		if (want.size == 1 && want.data[0] == '>')
			return have.size > 0 || name_rest.data != NULL;
		if (!nc_nats_token_match(want, have))
			return false;
		if (pattern_rest.data == NULL || name_rest.data == NULL)
			return pattern_rest.data == NULL && name_rest.data == NULL;
		pattern = pattern_rest;
		name = name_rest;
	}
}
