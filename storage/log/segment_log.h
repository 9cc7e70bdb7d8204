/* SPDX-License-Identifier: GPL-3.0-or-later */
/* segment_log.h -- the Raft log in segment files, which fills core/raft/log.h. docs/formats.md lays
 * out the bytes.
 *
 * Segments are files of a fixed size. A thread of the log's own fills them with zeros before they
 * are needed, so that an append changes no metadata, and its fdatasync is a single write. Records
 * are chained by checksums, and each says how far the log was durable when it was written. Recovery
 * cuts what is torn beyond that place, and refuses what is broken before it.
 *
 * Threads, ownership and errors: those of the port.
 */
#ifndef NC_STORAGE_LOG_SEGMENT_LOG_H
#define NC_STORAGE_LOG_SEGMENT_LOG_H

#include "core/raft/log.h"
#include "storage/log/files.h"

#define NC_SEGMENT_SIZE_DEFAULT (64u << 20) /* bytes */
#define NC_SEGMENT_SIZE_MIN     (64u << 10)
#define NC_SEGMENT_SIZE_MAX     (1u << 30)

#define NC_LOG_FAULT_SIZE 512

struct nc_segment_log_options {
	size_t segment_size; /* bytes; 0: the default. A larger batch gets a larger segment */
	const struct nc_files *files; /* NULL: the operating system's */
	bool exists; /* there was a log here: if it is gone, that is damage, and none is begun */
};

/* Open the log in `directory`, which exists, or begin a new one if there is none. On failure
 * `fault` names the file, the place and what is wrong. Errors: NC_CORRUPT, a record that was
 * durable is broken or gone, so that the node must not vote or lead; NC_UNSUPPORTED, a newer
 * format; NC_FULL, no room for the first segment; NC_IO; NC_NOMEM. */
int nc_segment_log_open(const char *directory, const struct nc_segment_log_options *options,
                        struct nc_log_recovery *recovery_out, struct nc_log **log_out,
                        char fault[NC_LOG_FAULT_SIZE]);

/* Whether the log is written past the kernel's memory; if not, each byte is copied once more.
 * Before the first write it is only a guess, since some file systems refuse no earlier. The
 * writer's thread. */
bool nc_segment_log_is_direct(const struct nc_log *log);

#endif
