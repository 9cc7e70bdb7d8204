/* SPDX-License-Identifier: Apache-2.0 */
/* err.h -- the one enum of errors. Calls return NC_OK or a negative member; the first error wins,
 * out-parameters are untouched on failure. Errors of the protocol (what a client sees) are
 * another thing: core/engine/outcome.h.
 */
#ifndef NC_CORE_BASE_ERR_H
#define NC_CORE_BASE_ERR_H

enum nc_err {
	NC_OK = 0,
	NC_NOMEM = -1,       /* an allocation failed */
	NC_INVALID = -2,     /* malformed, or out of range */
	NC_NOTFOUND = -3,    /* no such thing */
	NC_EXISTS = -4,      /* there already */
	NC_CONFLICT = -5,    /* an expectation does not hold; nothing changed */
	NC_TOOBIG = -6,      /* over a limit */
	NC_FULL = -7,        /* no room: disk full, queue full */
	NC_IO = -8,          /* the operating system or a library failed; see the log */
	NC_CORRUPT = -9,     /* a checksum or an invariant of stored bytes does not hold */
	NC_BUSY = -10,       /* held by somebody else */
	NC_CLOSED = -11,     /* shut down */
	NC_TIMEOUT = -12,    /* not in time; the outcome may be unknown */
	NC_UNSUPPORTED = -13 /* a format or version newer than this build knows */
};

/* A short English name of `err`, static: "corrupt", "disk or queue full". */
const char *nc_err_name(int err);

#endif
