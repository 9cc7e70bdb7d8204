/* SPDX-License-Identifier: Apache-2.0 */
/* base64.h -- RFC 4648 section 4, strict: padded, no white space, no bits to spare. */
#ifndef NC_CORE_BASE_BASE64_H
#define NC_CORE_BASE_BASE64_H

#include "core/base/buf.h"

/* Append what `text` spells. Errors: NC_INVALID; NC_NOMEM. */
int nc_base64_get(struct nc_slice text, struct nc_buf *bytes);

#endif
