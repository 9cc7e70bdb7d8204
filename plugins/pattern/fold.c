/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Case folding, a character at a time. */
#include "plugins/pattern/fold.h"

#include "plugins/pattern/fold_private.h"

static uint32_t fold_char(uint32_t code)
{
	size_t low = 0;
	size_t high = nc_fold_run_count;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (nc_fold_runs[middle].last < code) {
			low = middle + 1;
		} else {
			high = middle;
		}
	}
	if (low == nc_fold_run_count)
		return code;
	const struct nc_fold_run *run = &nc_fold_runs[low];
	bool in_run = code >= run->first && (code - run->first) % run->step == 0;
	return in_run ? code + (uint32_t)run->delta : code;
}

/* Read the character at `at`, and how many bytes it has; 0 if it is none. Overlong forms are not
 * looked for here. */
static size_t decode(const uint8_t *at, size_t left, uint32_t *code_out)
{
	size_t size = at[0] >= 0xf0 ? 4 : at[0] >= 0xe0 ? 3 : at[0] >= 0xc2 ? 2 : 0;
	if (size == 0 || size > left)
		return 0;
	uint32_t code = at[0] & (0x7fu >> size);
	for (size_t i = 1; i < size; i++) {
		if ((at[i] & 0xc0) != 0x80)
			return 0;
		code = code << 6 | (at[i] & 0x3f);
	}
	*code_out = code;
	return size;
}

static size_t encode(uint32_t code, uint8_t *out)
{
	static const uint8_t lead[] = { 0, 0, 0xc0, 0xe0, 0xf0 };
	if (code < 0x80) {
		out[0] = (uint8_t)code;
		return 1;
	}
	size_t size = code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
	for (size_t i = size - 1; i > 0; i--, code >>= 6)
		out[i] = (uint8_t)(0x80 | (code & 0x3f));
	out[0] = (uint8_t)(lead[size] | code);
	return size;
}

size_t nc_fold(struct nc_slice text, uint8_t *out)
{
	size_t size = 0;
	for (size_t at = 0; at < text.size;) {
		uint8_t byte = text.data[at];
		uint32_t code;
		size_t step = byte < 0x80 ? 0 : decode(text.data + at, text.size - at, &code);
		if (step > 0) {
			size += encode(fold_char(code), out + size);
			at += step;
		} else {
			out[size++] = byte >= 'A' && byte <= 'Z' ? (uint8_t)(byte + 32) : byte;
			at++;
		}
	}
	return size;
}
