/* SPDX-License-Identifier: Apache-2.0 */
/* Base64 read. */
#include "core/base/base64.h"

static int value_of(uint8_t c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	return c == '+' ? 62 : c == '/' ? 63 : -1;
}

/* Four characters, of which the last may be padding in the last four. */
static int four_get(const uint8_t *text, bool last, uint8_t **at)
{
	size_t pad = !last ? 0 : text[2] == '=' ? 2 : text[3] == '=';
	if (pad == 2 && text[3] != '=')
		return NC_INVALID;
	uint32_t bits = 0;
	for (size_t i = 0; i < 4; i++) {
		int value = i >= 4 - pad ? 0 : value_of(text[i]);
		if (value < 0)
			return NC_INVALID;
		bits = bits << 6 | (uint32_t)value;
	}
	if ((bits & ((1u << pad * 8) - 1)) != 0)
		return NC_INVALID;
	for (size_t i = 0; i < 3 - pad; i++)
		*(*at)++ = (uint8_t)(bits >> (16 - i * 8));
	return NC_OK;
}

int nc_base64_get(struct nc_slice text, struct nc_buf *bytes)
{
	if (text.size % 4 != 0)
		return NC_INVALID;
	size_t before = bytes->size;
	uint8_t *at = nc_buf_extend(bytes, text.size / 4 * 3);
	if (text.size == 0)
		return NC_OK;
	if (at == NULL)
		return NC_NOMEM;
	for (size_t i = 0; i < text.size; i += 4) {
		int err = four_get(text.data + i, i + 4 == text.size, &at);
		if (err != NC_OK) {
			bytes->size = before;
			return err;
		}
	}
	bytes->size = (size_t)(at - bytes->data);
	return NC_OK;
}
