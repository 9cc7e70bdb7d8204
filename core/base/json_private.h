/* SPDX-License-Identifier: Apache-2.0 */
/* json_private.h -- what the cursor and the string half of json.h share. */
#ifndef NC_CORE_BASE_JSON_PRIVATE_H
#define NC_CORE_BASE_JSON_PRIVATE_H

#include "core/base/slice.h"

/* Bytes of the UTF-8 sequence that begins at `at`, 1 to 4; 0 if it is none (RFC 3629). left > 0. */
size_t nc_utf8_sequence(const uint8_t *at, size_t left);

/* The four hexadecimal digits at `at`, or -1. */
int nc_json_hex4(const uint8_t *at);

#endif
