/* SPDX-License-Identifier: Apache-2.0 */
/* Decimal text to the nearest number: a fast path for what fits in 53 bits, else whole numbers of
 * many digits and one long division, after W. Clinger, "How to read floating point numbers
 * accurately" (1990), sections 3 and 4. */
#include "core/base/decimal.h"

#include <math.h>

#include "core/base/assert.h"

#define DIGITS_MAX 800 /* more cannot change the rounding, but for being there: 767 + 1 do */
#define LIMBS_MAX  160 /* 32 bits each: 10^1130, shifted by twice 64 bits and some */

/* What the text says: digits (no zeros before or behind them) times 10^exponent. */
struct digits {
	uint64_t value; /* of the digits, when exact */
	bool exact;     /* all of them are in `value` */
	bool negative;
	bool sticky; /* there were more than DIGITS_MAX */
	int count;   /* in `digit` */
	long exponent;
	uint8_t digit[DIGITS_MAX];
};

/* A whole number, low limb first, without zero limbs at its top. */
struct big {
	int size;
	uint32_t limb[LIMBS_MAX];
};

static void digit_add(struct digits *digits, uint8_t digit)
{
	if (digits->count == DIGITS_MAX) {
		digits->sticky = digits->sticky || digit != 0;
		digits->exponent++;
		return;
	}
	digits->digit[digits->count++] = digit;
	if (digits->exact && digits->value <= (UINT64_MAX - digit) / 10) {
		digits->value = digits->value * 10 + digit;
	} else {
		digits->exact = false;
	}
}

static long exponent_read(struct nc_slice text, size_t at)
{
	bool negative = at < text.size && text.data[at] == '-';
	if (at < text.size && (text.data[at] == '-' || text.data[at] == '+'))
		at++;
	long value = 0;
	for (; at < text.size; at++) {
		if (value < 100000000)
			value = value * 10 + (text.data[at] - '0');
	}
	return negative ? -value : value;
}

static void digits_read(struct digits *digits, struct nc_slice text)
{
	digits->value = 0;
	digits->exact = true;
	digits->sticky = false;
	digits->count = 0;
	digits->exponent = 0;
	digits->negative = text.size > 0 && text.data[0] == '-';
	bool fraction = false;
	long zeros = 0; /* not yet known to stand before another digit */
	size_t at = digits->negative ? 1 : 0;
	for (; at < text.size && text.data[at] != 'e' && text.data[at] != 'E'; at++) {
		if (text.data[at] == '.') {
			fraction = true;
			continue;
		}
		uint8_t digit = (uint8_t)(text.data[at] - '0');
		digits->exponent -= fraction;
		if (digit == 0) {
			zeros += digits->count > 0;
			continue;
		}
		for (; zeros > 0; zeros--)
			digit_add(digits, 0);
		digit_add(digits, digit);
	}
	digits->exponent += zeros;
	if (at < text.size)
		digits->exponent += exponent_read(text, at + 1);
}

/* Whether the number is a whole one of 64 bits; its absolute value. */
static bool whole(const struct digits *digits, uint64_t *value_out)
{
	uint64_t value = digits->value;
	if (digits->count > 0 && (!digits->exact || digits->exponent < 0 || digits->exponent > 19))
		return false;
	for (long i = 0; value != 0 && i < digits->exponent; i++) {
		if (value > UINT64_MAX / 10)
			return false;
		value *= 10;
	}
	*value_out = value;
	return true;
}

static void big_muladd(struct big *big, uint32_t factor, uint32_t term)
{
	uint64_t carry = term;
	for (int i = 0; i < big->size; i++) {
		carry += (uint64_t)big->limb[i] * factor;
		big->limb[i] = (uint32_t)carry;
		carry >>= 32;
	}
	if (carry != 0) {
		nc_assert(big->size < LIMBS_MAX);
		big->limb[big->size++] = (uint32_t)carry;
	}
}

static void big_scale10(struct big *big, long exponent)
{
	for (; exponent >= 9; exponent -= 9)
		big_muladd(big, 1000000000u, 0);
	for (; exponent > 0; exponent--)
		big_muladd(big, 10, 0);
}

static int big_bits(const struct big *big)
{
	return big->size == 0 ? 0 : big->size * 32 - __builtin_clz(big->limb[big->size - 1]);
}

static void big_shift(struct big *big, int bits)
{
	int limbs = bits / 32;
	nc_assert(big->size + limbs < LIMBS_MAX);
	big_muladd(big, 1u << (bits % 32), 0);
	if (limbs == 0 || big->size == 0)
		return;
	memmove(big->limb + limbs, big->limb, (size_t)big->size * sizeof *big->limb);
	memset(big->limb, 0, (size_t)limbs * sizeof *big->limb);
	big->size += limbs;
}

static int big_cmp(const struct big *a, const struct big *b)
{
	if (a->size != b->size)
		return a->size < b->size ? -1 : 1;
	for (int i = a->size - 1; i >= 0; i--) {
		if (a->limb[i] != b->limb[i])
			return a->limb[i] < b->limb[i] ? -1 : 1;
	}
	return 0;
}

/* a -= b; a >= b. */
static void big_sub(struct big *a, const struct big *b)
{
	uint64_t borrow = 0;
	for (int i = 0; i < a->size; i++) {
		uint64_t take = borrow + (i < b->size ? b->limb[i] : 0);
		borrow = a->limb[i] < take;
		a->limb[i] = (uint32_t)(a->limb[i] - take);
	}
	while (a->size > 0 && a->limb[a->size - 1] == 0)
		a->size--;
}

/* `quotient`, its top bit set, times 2^exponent, `sticky` for what lies below: rounded once, to as
 * many bits as a double has there. */
static double round_double(uint64_t quotient, int exponent, bool sticky)
{
	int drop = 11;
	if (exponent + drop < -1074)
		drop = -1074 - exponent; /* subnormal */
	if (drop > 64)
		return 0.0;
	uint64_t kept = drop == 64 ? 0 : quotient >> drop;
	uint64_t half = 1ull << (drop - 1);
	uint64_t rest = drop == 64 ? quotient : quotient & ((1ull << drop) - 1);
	if (rest > half || (rest == half && (sticky || (kept & 1) != 0)))
		kept++;
	return ldexp((double)kept, exponent + drop);
}

static double divide(const struct digits *digits)
{
	struct big top = { 0 };
	struct big bottom = { .size = 1, .limb = { 1 } };
	for (int i = 0; i < digits->count; i++)
		big_muladd(&top, 10, digits->digit[i]);
	big_scale10(&top, digits->exponent);
	big_scale10(&bottom, -digits->exponent);
	/* top < 2^64 * bottom, and at least half of that: a quotient of 64 bits, maybe 65. */
	int shift = 64 - (big_bits(&top) - big_bits(&bottom));
	if (shift > 0) {
		big_shift(&top, shift);
	} else {
		big_shift(&bottom, -shift);
	}
	int exponent = -shift;
	big_shift(&bottom, 64);
	if (big_cmp(&top, &bottom) >= 0) {
		big_muladd(&bottom, 2, 0);
		exponent++;
	}
	uint64_t quotient = 0;
	for (int i = 0; i < 64; i++) {
		big_muladd(&top, 2, 0);
		quotient <<= 1;
		if (big_cmp(&top, &bottom) >= 0) {
			big_sub(&top, &bottom);
			quotient |= 1;
		}
	}
	return round_double(quotient, exponent, top.size > 0 || digits->sticky);
}

static double nearest(const struct digits *digits)
{
	static const double power[] = { 1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
		                        1e8,  1e9,  1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
		                        1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22 };
	long exponent = digits->exponent;
	if (digits->exact && digits->value <= 1ull << 53 && exponent >= -22 && exponent <= 22) {
		/* Both sides are exact doubles: one operation rounds once. */
		return exponent < 0 ? (double)digits->value / power[-exponent]
		                    : (double)digits->value * power[exponent];
	}
	if (digits->count + exponent > 310)
		return (double)INFINITY;
	if (digits->count + exponent < -330)
		return 0.0;
	return divide(digits);
}

struct nc_decimal nc_decimal_from_u64(uint64_t value)
{
	if (value <= INT64_MAX)
		return nc_decimal_from_i64((int64_t)value);
	return (struct nc_decimal){ .kind = NC_DECIMAL_U64, .u64 = value };
}

struct nc_decimal nc_decimal_from_i64(int64_t value)
{
	return (struct nc_decimal){ .kind = NC_DECIMAL_I64, .i64 = value };
}

/* Doubles from 2^52 on are whole; the others fit an int64_t. */
static bool is_whole(double value)
{
	return value >= 0x1p52 || value <= -0x1p52 || value == (double)(int64_t)value;
}

struct nc_decimal nc_decimal_from_f64(double value)
{
	if (value >= -0x1p63 && value < 0x1p64 && is_whole(value)) {
		return value < 0x1p63 ? nc_decimal_from_i64((int64_t)value)
		                      : nc_decimal_from_u64((uint64_t)value);
	}
	return (struct nc_decimal){ .kind = NC_DECIMAL_F64, .f64 = value };
}

struct nc_decimal nc_decimal_read(struct nc_slice text)
{
	struct digits digits;
	digits_read(&digits, text);
	uint64_t value;
	if (whole(&digits, &value)) {
		if (!digits.negative)
			return nc_decimal_from_u64(value);
		if (value <= 1ull << 63)
			return nc_decimal_from_i64((int64_t)(0 - value));
	}
	double result = nearest(&digits);
	return nc_decimal_from_f64(digits.negative ? -result : result);
}

static int cmp_whole(struct nc_decimal a, struct nc_decimal b)
{
	if (a.kind != b.kind)
		return a.kind == NC_DECIMAL_U64 ? 1 : -1;
	if (a.kind == NC_DECIMAL_U64)
		return (a.u64 > b.u64) - (a.u64 < b.u64);
	return (a.i64 > b.i64) - (a.i64 < b.i64);
}

static int cmp_doubles(double a, double b)
{
	if (isnan(a) || isnan(b))
		return (isnan(a) ? 1 : 0) - (isnan(b) ? 1 : 0);
	return (a > b) - (a < b);
}

/* A double that is no whole number of 64 bits, against one that is. */
static int cmp_f64(double f64, struct nc_decimal whole_number)
{
	if (isnan(f64) || f64 >= 0x1p64)
		return 1;
	if (f64 < -0x1p63)
		return -1;
	int64_t below = (int64_t)f64;
	below -= (double)below > f64;
	return cmp_whole(nc_decimal_from_i64(below), whole_number) >= 0 ? 1 : -1;
}

int nc_decimal_cmp(struct nc_decimal a, struct nc_decimal b)
{
	if (a.kind == NC_DECIMAL_F64 && b.kind == NC_DECIMAL_F64)
		return cmp_doubles(a.f64, b.f64);
	if (a.kind == NC_DECIMAL_F64)
		return cmp_f64(a.f64, b);
	if (b.kind == NC_DECIMAL_F64)
		return -cmp_f64(b.f64, a);
	return cmp_whole(a, b);
}
