/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Whether the payload of a log entry can be read. */
#include "core/engine/snap.h"
#include "core/engine/verify.h"

static int check_records(const struct nc_command *command)
{
	struct nc_event event;
	struct nc_snap snap;
	if (command->kind == NC_COMMAND_APPEND)
		return nc_event_record_get(command->record, &event);
	if (command->kind == NC_COMMAND_SNAP_PUT)
		return nc_snap_record_get(command->record, &snap);
	struct nc_slice list = command->batch.events;
	struct nc_batch_event member;
	int err = NC_OK;
	while (err == NC_OK && command->kind == NC_COMMAND_BATCH &&
	       nc_batch_event_next(&list, &member))
		err = nc_event_record_get(member.record, &event);
	return err;
}

int nc_verify_payload(struct nc_slice payload)
{
	struct nc_entry_reader entry;
	struct nc_command command;
	int err = nc_entry_read(payload, &entry);
	while (err == NC_OK) {
		err = nc_entry_next(&entry, &command);
		if (err == NC_OK)
			err = check_records(&command);
	}
	return err == NC_NOTFOUND ? NC_OK : err;
}
