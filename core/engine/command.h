/* SPDX-License-Identifier: GPL-3.0-or-later */
/* command.h -- what an entry of the log asks the engine to do, in bytes.
 *
 * An entry's payload is a header (format, the leader's time) and commands one after the other, each
 * with its size: the loop batches what has come in meanwhile. Laid out in docs/formats.md.
 */
#ifndef NC_CORE_ENGINE_COMMAND_H
#define NC_CORE_ENGINE_COMMAND_H

#include "core/engine/event.h"

#define NC_ENTRY_HEADER_SIZE 16 /* bytes */

enum nc_command_kind {
	NC_COMMAND_APPEND = 1 /* one event */
};

enum nc_expect_kind {
	NC_EXPECT_ANY = 0,
	NC_EXPECT_NONE = 1,   /* the stream must not exist */
	NC_EXPECT_EXISTS = 2, /* it must */
	NC_EXPECT_VERSION = 3 /* it must be at `version` */
};

struct nc_expect {
	enum nc_expect_kind kind;
	uint64_t version; /* of NC_EXPECT_VERSION; 0 is the same as NONE */
};

/* Begin an entry: append its header to `buf`, which is empty. */
void nc_entry_begin(struct nc_buf *buf, uint64_t leader_time_ns);

/* Append a command that appends one event. `record` is an event record (event.h). */
void nc_command_put_append(struct nc_buf *buf, struct nc_expect expect, struct nc_slice record);

/* Reading back, at apply. */
struct nc_entry_reader {
	uint64_t leader_time_ns;
	struct nc_reader reader;
};

struct nc_command {
	enum nc_command_kind kind;
	struct nc_expect expect;
	struct nc_slice record;
};

/* Errors: NC_CORRUPT; NC_UNSUPPORTED, a newer format. */
int nc_entry_read(struct nc_slice payload, struct nc_entry_reader *reader_out);

/* The next command. Errors: NC_NOTFOUND, there is none left; NC_CORRUPT; NC_UNSUPPORTED, a kind
 * that this build does not know: the node must stop, it cannot follow. */
int nc_entry_next(struct nc_entry_reader *reader, struct nc_command *command_out);

#endif
