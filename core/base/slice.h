/* SPDX-License-Identifier: Apache-2.0 */
/* slice.h -- borrowed bytes. A slice owns nothing and is passed by value; an empty one may have a
 * NULL pointer. Not NUL-terminated.
 */
#ifndef NC_CORE_BASE_SLICE_H
#define NC_CORE_BASE_SLICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct nc_slice {
	const uint8_t *data;
	size_t size; /* bytes */
};

/* The bytes of a string literal. */
#define NC_SLICE(literal) ((struct nc_slice){ (const uint8_t *)("" literal), sizeof(literal) - 1 })

static inline struct nc_slice nc_slice(const void *data, size_t size)
{
	return (struct nc_slice){ (const uint8_t *)data, size };
}

/* The bytes of a NUL-terminated string; NULL gives the empty slice. */
static inline struct nc_slice nc_slice_str(const char *string)
{
	return string == NULL ? nc_slice(NULL, 0) : nc_slice(string, strlen(string));
}

static inline bool nc_slice_eq(struct nc_slice a, struct nc_slice b)
{
	return a.size == b.size &&
	       (a.data == NULL || b.data == NULL || memcmp(a.data, b.data, a.size) == 0);
}

static inline bool nc_slice_is(struct nc_slice a, const char *string)
{
	return nc_slice_eq(a, nc_slice_str(string));
}

static inline bool nc_slice_starts(struct nc_slice a, struct nc_slice prefix)
{
	return a.size >= prefix.size && (a.data == NULL || prefix.data == NULL ||
	                                 memcmp(a.data, prefix.data, prefix.size) == 0);
}

/* Bytewise order, a prefix before what it begins: negative, 0 or positive. */
static inline int nc_slice_cmp(struct nc_slice a, struct nc_slice b)
{
	size_t shared = a.size < b.size ? a.size : b.size;
	int order = a.data == NULL || b.data == NULL ? 0 : memcmp(a.data, b.data, shared);
	return order != 0 ? order : (a.size > b.size) - (a.size < b.size);
}

/* The part from byte `from` on; beyond the end: empty. */
static inline struct nc_slice nc_slice_from(struct nc_slice a, size_t from)
{
	return from >= a.size ? nc_slice(NULL, 0) : nc_slice(a.data + from, a.size - from);
}

#endif
