/* SPDX-License-Identifier: Apache-2.0 */
/* decimal.h -- numbers as JSON writes them, read exactly: integers to 64 bits, else the nearest
 * double (ties to even). No locale, no errno. Any thread.
 *
 * Each number has one form: an integer from -2^63 to 2^64 - 1 is an integer however it was written
 * (5, 5.0, 50e-1; -0 is 0), and so is a double that happens to be one.
 */
#ifndef NC_CORE_BASE_DECIMAL_H
#define NC_CORE_BASE_DECIMAL_H

#include "core/base/slice.h"

enum nc_decimal_kind {
	NC_DECIMAL_I64 = 1, /* -2^63 to 2^63 - 1 */
	NC_DECIMAL_U64 = 2, /* 2^63 to 2^64 - 1 */
	NC_DECIMAL_F64 = 3  /* any other; may be infinite */
};

struct nc_decimal {
	enum nc_decimal_kind kind;
	union {
		int64_t i64;
		uint64_t u64;
		double f64;
	};
};

/* The number that `text` writes in JSON's grammar, which the caller has checked. */
struct nc_decimal nc_decimal_read(struct nc_slice text);

/* The forms of numbers that are in hand. A NaN stays one, which equals nothing. */
struct nc_decimal nc_decimal_from_u64(uint64_t value);
struct nc_decimal nc_decimal_from_i64(int64_t value);
struct nc_decimal nc_decimal_from_f64(double value);

/* Exact, whatever the kinds: negative, 0 or positive. A NaN is above all others. */
int nc_decimal_cmp(struct nc_decimal a, struct nc_decimal b);

#endif
