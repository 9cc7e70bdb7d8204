/* SPDX-License-Identifier: GPL-3.0-or-later */
/* cell_wire.h -- what a node and a cell say to each other.
 *
 * A call and its answer are a message each, on a socket that keeps messages whole. What goes with
 * them lies in shared memory, of which the node writes the first part and the cell the second. One
 * call is under way at a time. Numbers are little-endian, without padding; both sides are the same
 * program.
 *
 * The cell believes what it is told. The node believes nothing: it takes lengths from the message,
 * checks them, copies, and reads the copy.
 *
 * Threads: none; no state.
 */
#ifndef NC_PLUGINS_HOST_CELL_WIRE_H
#define NC_PLUGINS_HOST_CELL_WIRE_H

#include "core/base/buf.h"
#include "plugins/host/arena.h"
#include "plugins/nacre_filter.h"

/* Descriptors that the process finds open. */
#define NC_CELL_SOCKET_FD 3
#define NC_CELL_MEMORY_FD 4
#define NC_CELL_FILE_FD   5

#define NC_CELL_IN_SIZE  (96u << 20) /* bytes of the node's part; what is not used costs nothing */
#define NC_CELL_OUT_SIZE (2u << 20)  /* bytes of the cell's part */
#define NC_CELL_LOG_SIZE 4096u       /* of these, at its end, what the plugin logged */

/* A filter is freed only when another is compiled under its number, and takes its place. */
enum nc_cell_op { NC_CELL_HELLO, NC_CELL_COMPILE, NC_CELL_MATCH };

struct nc_cell_call {
	uint64_t number;  /* counts up from 1; the answer has the same */
	uint32_t op;      /* enum nc_cell_op */
	uint32_t filter;  /* which filter, by the number that the node gave it; not of HELLO */
	uint64_t in_size; /* bytes that go with the call */
	uint64_t count;   /* of MATCH: how many events those are */
};

/* What goes with an answer:
 *   HELLO     the abi minor, name, build and summary; or why the plugin is refused
 *   COMPILE   what the filter needs, whether its hints are full, the hints; or offset and message
 *   MATCH     the bits */
struct nc_cell_answer {
	uint64_t number;
	int32_t answer;    /* the plugin's; of HELLO 0, or negative if the plugin is refused */
	uint32_t out_size; /* bytes that go with it */
	uint32_t log_size; /* bytes that the plugin has logged, in lines that end with '\n' */
	uint32_t unused;
};

void nc_cell_put_text(struct nc_buf *buf, nacre_filter_slice text);
nacre_filter_slice nc_cell_get_text(struct nc_reader *reader);

/* Put an event, without the view of its data, which the cell makes itself. */
void nc_cell_put_event(struct nc_buf *buf, const nacre_filter_event *event);
/* About how many bytes that puts. */
uint64_t nc_cell_event_size(const nacre_filter_event *event);
/* Read an event. Its slices point to where they are read from, its lists are in the arena. NULL if
 * it is not whole, or out of memory. */
nacre_filter_event *nc_cell_get_event(struct nc_reader *reader, struct nc_arena *arena);

/* A hint, as the plugin said it. Reading returns false if it is not whole. */
void nc_cell_put_hint(struct nc_buf *buf, const nacre_filter_hint *hint);
bool nc_cell_get_hint(struct nc_reader *reader, nacre_filter_hint *hint_out);

#endif
