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

#endif
