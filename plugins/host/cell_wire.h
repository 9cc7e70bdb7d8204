/* SPDX-License-Identifier: GPL-3.0-or-later */
/* cell_wire.h -- what a node and a cell say to each other.
 *
 * A call and its answer are a message each on a socket that keeps messages whole; what goes with
 * them lies in shared memory: the first part is the node's to write, the second the cell's. One
 * call is under way at a time. Little-endian, packed; both sides are the same program.
 *
 * The cell believes what it is told. The node believes nothing: it takes lengths from the message,
 * checks them, copies, and reads the copy.
 */
#ifndef NC_PLUGINS_HOST_CELL_WIRE_H
#define NC_PLUGINS_HOST_CELL_WIRE_H

#include "core/base/buf.h"
#include "plugins/host/arena.h"
#include "plugins/nacre_filter.h"

/* What the process finds open. */
#define NC_CELL_SOCKET_FD 3
#define NC_CELL_MEMORY_FD 4
#define NC_CELL_FILE_FD   5

#define NC_CELL_IN_SIZE  (96u << 20) /* bytes of the node's part; what is not used costs nothing */
#define NC_CELL_OUT_SIZE (2u << 20)  /* bytes of the cell's part */
#define NC_CELL_LOG_SIZE 4096u       /* of these, at its end, what the plugin logged */

/* A filter that is compiled under the number of another takes its place; none is freed otherwise.
 */
enum nc_cell_op { NC_CELL_HELLO, NC_CELL_COMPILE, NC_CELL_MATCH };

struct nc_cell_call {
	uint64_t number; /* 1, 2, 3 …; the answer bears it too */
	uint32_t op;
	uint32_t filter;  /* of all but HELLO: the node's number for it */
	uint64_t in_size; /* bytes */
	uint64_t count;   /* of MATCH: events */
};

/* `answer` is the plugin's, or for HELLO 0 or negative. With it goes, of HELLO: abi minor, then
 * name, build and summary, or why it is refused; of COMPILE: what it needs, whether its hints are
 * full, the hints; or offset and message; of MATCH: the bits. */
struct nc_cell_answer {
	uint64_t number;
	int32_t answer;
	uint32_t out_size; /* bytes */
	uint32_t log_size; /* bytes, lines that end with '\n' */
	uint32_t unused;
};

void nc_cell_put_text(struct nc_buf *buf, nacre_filter_slice text);
nacre_filter_slice nc_cell_get_text(struct nc_reader *reader);

/* Events, one after the other; but for the view, which the cell makes. */
void nc_cell_put_event(struct nc_buf *buf, const nacre_filter_event *event);
/* About how many bytes that puts. */
uint64_t nc_cell_event_size(const nacre_filter_event *event);
/* One of them, its slices pointing to where they are read from, its lists in the arena. NULL: it is
 * not whole, or no memory. */
nacre_filter_event *nc_cell_get_event(struct nc_reader *reader, struct nc_arena *arena);

/* A hint, as the plugin said it. False: it is not whole. */
void nc_cell_put_hint(struct nc_buf *buf, const nacre_filter_hint *hint);
bool nc_cell_get_hint(struct nc_reader *reader, nacre_filter_hint *hint_out);

#endif
