/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Text for people. */
#include "transport/cli/text.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/json.h"

enum { HEX_SHOWN_MAX = 32 };

/* Control characters of ASCII, DEL, and U+0080 to U+009F, which are two bytes of UTF-8. */
static size_t control_size(struct nc_slice bytes, size_t at)
{
	uint8_t byte = bytes.data[at];
	if (byte < 0x20 || byte == 0x7f)
		return 1;
	return byte == 0xc2 && at + 1 < bytes.size && bytes.data[at + 1] < 0xa0 ? 2 : 0;
}

bool nc_cli_is_clean(struct nc_slice bytes)
{
	for (size_t i = 0; i < bytes.size; i++) {
		if (control_size(bytes, i) > 0)
			return false;
	}
	return nc_utf8_valid(bytes);
}

static void put_control(FILE *to, struct nc_slice bytes, size_t at, size_t size)
{
	if (bytes.data[at] == '\n') {
		(void)fputs("\\n", to);
	} else if (bytes.data[at] == '\t') {
		(void)fputs("\\t", to);
	} else {
		for (size_t i = 0; i < size; i++)
			(void)fprintf(to, "\\x%02x", bytes.data[at + i]);
	}
}

static void put_hex(FILE *to, struct nc_slice bytes)
{
	(void)fprintf(to, "<%zu bytes: ", bytes.size);
	for (size_t i = 0; i < bytes.size && i < HEX_SHOWN_MAX; i++)
		(void)fprintf(to, "%02x", bytes.data[i]);
	(void)fputs(bytes.size > HEX_SHOWN_MAX ? "…>" : ">", to);
}

void nc_cli_put_clean(FILE *to, struct nc_slice bytes)
{
	if (!nc_utf8_valid(bytes)) {
		put_hex(to, bytes);
		return;
	}
	size_t from = 0;
	for (size_t at = 0; at < bytes.size;) {
		size_t size = control_size(bytes, at);
		if (size == 0) {
			at++;
			continue;
		}
		(void)fwrite(bytes.data + from, 1, at - from, to);
		put_control(to, bytes, at, size);
		at += size;
		from = at;
	}
	if (from < bytes.size)
		(void)fwrite(bytes.data + from, 1, bytes.size - from, to);
}

size_t nc_cli_columns(struct nc_slice text)
{
	size_t columns = 0;
	for (size_t i = 0; i < text.size; i++)
		columns += (text.data[i] & 0xc0) != 0x80;
	return columns;
}

bool nc_cli_paragraph(const char **at, struct nc_slice *paragraph_out, bool *verbatim_out)
{
	while (**at == '\n')
		++*at;
	if (**at == '\0')
		return false;
	const char *end = strstr(*at, "\n\n");
	size_t size = end == NULL ? strlen(*at) : (size_t)(end - *at);
	*paragraph_out = nc_slice(*at, size);
	*verbatim_out = strncmp(*at, "  ", 2) == 0;
	*at += size;
	return true;
}

/* The next word from *at on; empty at the end. */
static struct nc_slice word_next(struct nc_slice text, size_t *at)
{
	while (*at < text.size && (text.data[*at] == ' ' || text.data[*at] == '\n'))
		++*at;
	size_t from = *at;
	while (*at < text.size && text.data[*at] != ' ' && text.data[*at] != '\n')
		++*at;
	return nc_slice(text.data + from, *at - from);
}

void nc_cli_put_filled(FILE *to, struct nc_slice paragraph, unsigned indent, unsigned taken,
                       unsigned width)
{
	struct nc_slice word;
	size_t column = taken, at = 0;
	bool begins = true;
	while ((word = word_next(paragraph, &at)).size > 0) {
		size_t columns = nc_cli_columns(word);
		if (!begins && column + 1 + columns > width) {
			(void)fputc('\n', to);
			column = 0;
			begins = true;
		}
		size_t pad = !begins ? 1 : indent > column ? indent - column : 0;
		(void)fprintf(to, "%*s%.*s", (int)pad, "", (int)word.size, (const char *)word.data);
		column += pad + columns;
		begins = false;
	}
	(void)fputc('\n', to);
}

bool nc_cli_number_behind(const char *text, const char *mark, uint64_t *number_out)
{
	const char *at = strstr(text, mark);
	if (at == NULL)
		return false;
	at += strlen(mark);
	char *end;
	errno = 0;
	uint64_t number = strtoull(at, &end, 10);
	if (*at < '0' || *at > '9' || errno != 0)
		return false;
	*number_out = number;
	return true;
}
