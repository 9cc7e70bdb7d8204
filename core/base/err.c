/* SPDX-License-Identifier: Apache-2.0 */
/* Names of the errors, for logs. */
#include "core/base/err.h"

const char *nc_err_name(int err)
{
	static const char *const names[] = {
		"ok",       "out of memory", "invalid",   "not found",           "exists already",
		"conflict", "too big",       "full",      "I/O error",           "corrupt",
		"busy",     "closed",        "timed out", "unsupported version",
	};
	unsigned index = (unsigned)-err;
	return index < sizeof names / sizeof names[0] ? names[index] : "unknown error";
}
