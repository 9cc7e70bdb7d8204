/* SPDX-License-Identifier: GPL-3.0-or-later */
/* members.h -- what several answers in JSON say of an event. */
#ifndef NC_CORE_NODE_SUBS_MEMBERS_H
#define NC_CORE_NODE_SUBS_MEMBERS_H

#include "core/engine/event.h"

/* "pos", "seq", "stream", "type". */
void nc_members_event_put(struct nc_buf *out, const struct nc_event *event);

/* "key"; null if it is empty: the event has none. */
void nc_members_key_put(struct nc_buf *out, struct nc_slice key);

#endif
