/* SPDX-License-Identifier: Apache-2.0 */
/* Text that others wrote, for people. */
#include "core/base/shown.h"

#define SHOWN_MAX 64u /* bytes */

const char *nc_shown(struct nc_slice text, char room[NC_SHOWN_SIZE])
{
	bool cut = text.size > SHOWN_MAX;
	size_t size = cut ? SHOWN_MAX : text.size;
	for (size_t i = 0; i < size; i++) {
		uint8_t c = text.data[i];
		room[i] = (char)(c < 0x20 || c > 0x7e ? '?' : c);
	}
	(void)memcpy(room + size, cut ? "..." : "", cut ? sizeof "..." : sizeof "");
	return room;
}
