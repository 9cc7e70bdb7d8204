/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Room on the disk: appends leave what the state needs to be written down.
 *
 * What is appended takes room in the log now, and in the state's files at the next checkpoint,
 * which must not fail (decision 0005), and without which the log gives nothing back. So what that
 * one takes is set aside, beside the reserve. */
#include "core/node/replica/replica_private.h"

/* Bytes of the state for one of the log: 1 of large events, 4 of small ones with many new names. */
#define STATE_OF_LOG       4u
/* For less than this a checkpoint would not give back any room. */
#define WORTH_A_CHECKPOINT (1u << 20)

static uint64_t less(uint64_t from, uint64_t what)
{
	return from > what ? from - what : 0;
}

/* Room in log and state for what is appended. */
static uint64_t room_for(uint64_t size)
{
	return (1 + STATE_OF_LOG) * size;
}

/* With less left the disk is full: on one that is not there is room for an event of 1 MiB. */
#define ROOM_MIN room_for(1u << 20)

void nc_replica_room_start(struct nc_replica *replica)
{
	replica->room = (struct nc_replica_room){ .checkpoint_fits = true, .left = UINT64_MAX };
}

void nc_replica_set_room(struct nc_replica *replica, uint64_t disk_free, uint64_t reserve)
{
	struct nc_replica_room *room = &replica->room;
	uint64_t fresh = STATE_OF_LOG * (room->behind + replica->pending_bytes);
	uint64_t state = nc_state_checkpoint_size(replica->options.state, fresh);
	room->left = less(disk_free, reserve + state + replica->pending_bytes);
	room->checkpoint_fits = disk_free >= state; /* the reserve is for it */
	replica->orders.full = disk_free < reserve || room->left < ROOM_MIN;
	room->given = room->given && replica->orders.full;
}

bool nc_replica_room_has(struct nc_replica *replica, size_t size)
{
	if (!replica->orders.full && replica->room.left < ROOM_MIN + room_for(size) &&
	    replica->options.on_room_used != NULL)
		replica->options.on_room_used(replica->options.ctx);
	return !replica->orders.full && replica->room.left >= room_for(size);
}

void nc_replica_room_use(struct nc_replica *replica, size_t size)
{
	replica->room.left = less(replica->room.left, room_for(size));
}

/* ---- Checkpoints ---------------------------------------------------------------------------- */

bool nc_replica_room_is_needed(const struct nc_replica *replica)
{
	const struct nc_replica_room *room = &replica->room;
	return replica->orders.full && (!room->given || room->behind >= WORTH_A_CHECKPOINT);
}

void nc_replica_room_checkpoint_begins(struct nc_replica *replica)
{
	replica->room.asked = replica->room.behind;
}

void nc_replica_room_checkpoint_ends(struct nc_replica *replica, bool done)
{
	struct nc_replica_room *room = &replica->room;
	if (!done)
		return;
	room->behind -= room->asked;
	room->asked = 0;
	room->given = replica->orders.full;
}
