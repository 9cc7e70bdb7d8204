/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Which names are allowed. */
#include "core/engine/names.h"

#include "core/base/buf.h"
#include "core/base/json.h"
#include "core/engine/event.h"

#define EACH(byte) (UINT64_C(0x0101010101010101) * (byte))

/* Whether any of eight bytes is something else than visible ASCII or a space: a control character,
 * or a byte of 0x80 or above. All eight are looked at together: if `b` is subtracted from each,
 * those below `b` borrow, which sets their highest bit. */
static bool holds_odd(uint64_t eight)
{
	uint64_t deletes = eight ^ EACH(0x7f);
	return ((eight | ((eight - EACH(0x20)) & ~eight) | ((deletes - EACH(1)) & ~deletes)) &
	        EACH(0x80)) != 0;
}

/* Whether text is visible ASCII and spaces alone. Most text is, and then nothing else need be
 * checked. */
static bool is_plain(struct nc_slice text)
{
	size_t at = 0;
	for (; text.size - at >= 8; at += 8) {
		if (holds_odd(nc_get_u64(text.data + at)))
			return false;
	}
	for (; at < text.size; at++) {
		if (text.data[at] < 0x20 || text.data[at] >= 0x7f)
			return false;
	}
	return true;
}

/* Control characters are those of ASCII, and U+0080 to U+009F, in UTF-8 C2 80 to C2 9F. */
static bool holds_control(struct nc_slice text)
{
	for (size_t i = 0; i < text.size; i++) {
		uint8_t c = text.data[i];
		uint8_t next = i + 1 < text.size ? text.data[i + 1] : 0;
		if (c < 0x20 || c == 0x7f || (c == 0xc2 && next >= 0x80 && next < 0xa0))
			return true;
	}
	return false;
}

const char *nc_name_value_fault(struct nc_slice text)
{
	if (is_plain(text))
		return NULL;
	if (holds_control(text))
		return "holds a control character";
	return nc_utf8_valid(text) ? NULL : "is not UTF-8";
}

static const char *text_fault(struct nc_slice name, size_t size_max)
{
	if (name.size == 0)
		return "is empty";
	if (name.size > size_max)
		return size_max == 128 ? "is longer than 128 bytes" : "is longer than 255 bytes";
	return nc_name_value_fault(name);
}

static const char *dotted_fault(struct nc_slice name)
{
	const char *why = text_fault(name, NC_NAME_SIZE_MAX);
	if (why != NULL)
		return why;
	if (name.data[0] == ' ' || name.data[name.size - 1] == ' ')
		return "begins or ends with a space";
	uint8_t before = '.';
	for (size_t i = 0; i < name.size; i++) {
		uint8_t c = name.data[i];
		if (c == '*' || c == '>')
			return "holds '*' or '>'";
		if (c == '.' && before == '.')
			return "holds an empty token";
		before = c;
	}
	return before == '.' ? "holds an empty token" : NULL;
}

const char *nc_name_stream_fault(struct nc_slice name)
{
	return dotted_fault(name);
}

const char *nc_name_type_fault(struct nc_slice name)
{
	return dotted_fault(name);
}

const char *nc_name_tag_fault(struct nc_slice name)
{
	const char *why = text_fault(name, NC_EVENT_TAG_SIZE_MAX);
	if (why != NULL)
		return why;
	for (size_t i = 0; i < name.size; i++) {
		if (name.data[i] == ',' || name.data[i] == ' ')
			return "holds a comma or a space";
	}
	return NULL;
}

const char *nc_name_id_fault(struct nc_slice name)
{
	return text_fault(name, NC_EVENT_ID_SIZE_MAX);
}

static bool is_word_byte(uint8_t c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       c == '_' || c == '-';
}

const char *nc_name_word_fault(struct nc_slice name)
{
	if (name.size == 0)
		return "is empty";
	if (name.size > NC_WORD_SIZE_MAX)
		return "is longer than 64 bytes";
	for (size_t i = 0; i < name.size; i++) {
		if (!is_word_byte(name.data[i]))
			return "holds a byte outside A-Z a-z 0-9 _ -";
	}
	return NULL;
}

const char *nc_name_store_fault(struct nc_slice name)
{
	const char *why = nc_name_word_fault(name);
	return why == NULL && name.data[0] == '_' ? "begins with '_'" : why;
}

bool nc_name_is_system(struct nc_slice name)
{
	return name.size > 0 && name.data[0] == '$';
}

struct nc_slice nc_name_category(struct nc_slice stream)
{
	size_t size = 0;
	while (size < stream.size && stream.data[size] != '.')
		size++;
	return nc_slice(stream.data, size);
}
