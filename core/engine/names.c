/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What may be called what. */
#include "core/engine/names.h"

#include "core/base/json.h"
#include "core/engine/event.h"

static const char *text_fault(struct nc_slice name, size_t size_max)
{
	if (name.size == 0)
		return "is empty";
	if (name.size > size_max)
		return size_max == 128 ? "is longer than 128 bytes" : "is longer than 255 bytes";
	for (size_t i = 0; i < name.size; i++) {
		if (name.data[i] < 0x20 || name.data[i] == 0x7f)
			return "holds a control character";
	}
	return nc_utf8_valid(name) ? NULL : "is not UTF-8";
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
	if (name.size == 0)
		return "is empty";
	if (name.size > NC_EVENT_ID_SIZE_MAX)
		return "is longer than 255 bytes";
	for (size_t i = 0; i < name.size; i++) {
		if (name.data[i] < 0x20 || name.data[i] == 0x7f)
			return "holds a control character";
	}
	return nc_utf8_valid(name) ? NULL : "is not UTF-8";
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

bool nc_name_is_system(struct nc_slice stream)
{
	return stream.size > 0 && stream.data[0] == '$';
}

struct nc_slice nc_name_category(struct nc_slice stream)
{
	size_t size = 0;
	while (size < stream.size && stream.data[size] != '.')
		size++;
	return nc_slice(stream.data, size);
}
