/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Members of objects in answers. */
#include "core/node/subs/members.h"

#include <inttypes.h>

#include "core/base/json.h"

void nc_members_event_put(struct nc_buf *out, const struct nc_event *event)
{
	nc_buf_printf(out, "\"pos\":%" PRIu64 ",\"seq\":%" PRIu64 ",\"stream\":", event->position,
	              event->version);
	nc_json_put_string(out, event->stream);
	nc_buf_put_str(out, ",\"type\":");
	nc_json_put_string(out, event->type);
}

void nc_members_key_put(struct nc_buf *out, struct nc_slice key)
{
	nc_buf_put_str(out, "\"key\":");
	if (key.size == 0) {
		nc_buf_put_str(out, "null");
	} else {
		nc_json_put_string(out, key);
	}
}
