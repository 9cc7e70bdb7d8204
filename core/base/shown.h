/* SPDX-License-Identifier: Apache-2.0 */
/* shown.h -- somebody else's text within a description, which travels in a header and stands in
 * logs: ASCII that can be seen, any other byte as '?', at most 64 of them.
 */
#ifndef NC_CORE_BASE_SHOWN_H
#define NC_CORE_BASE_SHOWN_H

#include "core/base/slice.h"

#define NC_SHOWN_SIZE 72 /* bytes, with the NUL */

/* Gives `room`. */
const char *nc_shown(struct nc_slice text, char room[NC_SHOWN_SIZE]);

#endif
