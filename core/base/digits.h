/* SPDX-License-Identifier: Apache-2.0 */
/* digits.h -- numbers as text, two digits at a time: a division for each pair, not for each digit.
 */
#ifndef NC_CORE_BASE_DIGITS_H
#define NC_CORE_BASE_DIGITS_H

#include <stdint.h>
#include <string.h>

/* The two decimal digits of `value`, below 100. */
static inline void nc_digits_pair(char *at, unsigned value)
{
	static const char pairs[] = "00010203040506070809101112131415161718192021222324"
	                            "25262728293031323334353637383940414243444546474849"
	                            "50515253545556575859606162636465666768697071727374"
	                            "75767778798081828384858687888990919293949596979899";
	memcpy(at, pairs + (size_t)value * 2, 2);
}

/* The two hexadecimal digits of a byte, in lower case. */
static inline void nc_digits_hex(char *at, uint8_t byte)
{
	static const char digits[] = "0123456789abcdef";
	at[0] = digits[byte >> 4];
	at[1] = digits[byte & 15];
}

/* Those of `size` bytes, one after the other: twice as many, and no NUL. */
static inline void nc_digits_hex_bytes(char *at, const uint8_t *bytes, size_t size)
{
	for (size_t i = 0; i < size; i++)
		nc_digits_hex(at + 2 * i, bytes[i]);
}

/* The same, and a NUL. */
static inline void nc_digits_hex_text(char *text_out, const uint8_t *bytes, size_t size)
{
	nc_digits_hex_bytes(text_out, bytes, size);
	text_out[2 * size] = '\0';
}

#define NC_DIGITS_MAX 20u /* of a number of 64 bits */

/* The decimal digits of `value`; how many there are. There is room for NC_DIGITS_MAX. */
static inline size_t nc_digits_decimal(char *at, uint64_t value)
{
	size_t size = 1;
	for (uint64_t limit = 10; size < NC_DIGITS_MAX && value >= limit; limit *= 10)
		size++;
	size_t left = size;
	for (; left > 2; value /= 100)
		nc_digits_pair(at + (left -= 2), (unsigned)(value % 100));
	if (left == 2) {
		nc_digits_pair(at, (unsigned)value);
	} else {
		at[0] = (char)('0' + value);
	}
	return size;
}

#endif
