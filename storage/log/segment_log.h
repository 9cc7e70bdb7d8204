/* SPDX-License-Identifier: GPL-3.0-or-later */
/* segment_log.h -- the Raft log in segment files: fills core/raft/log.h. Byte layout:
 * docs/formats.md.
 *
 * Files of a fixed size, filled with zeros ahead of need by a thread of the log's own, so that an
 * append changes no metadata and its fdatasync is one write. Records are chained by checksum; each
 * says how far the log was durable before it. Recovery cuts what is torn beyond that mark, and
 * refuses what is broken below it.
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
	size_t segment_size; /* bytes, 0: the default; a larger batch gets a larger segment */
	const struct nc_files *files; /* NULL: the operating system's */
	bool exists; /* a log was here: that there is none is damage, and no new one is begun */
};

/* Open the log in `directory`, which exists; an empty one begins a new log. On failure `fault`
 * names the file, the place and what is wrong. Errors: NC_CORRUPT, a record that was durable does
 * not hold, or is gone: the node must not vote or lead; NC_UNSUPPORTED, a newer format; NC_FULL, no
 * room for the first segment; NC_IO; NC_NOMEM. */
int nc_segment_log_open(const char *directory, const struct nc_segment_log_options *options,
                        struct nc_log_recovery *recovery_out, struct nc_log **log_out,
                        char fault[NC_LOG_FAULT_SIZE]);

/* Whether it is written past the kernel's memory, as far as is known: one way to say that there is
 * none is to refuse the first write. Else each byte is copied once more. The writer's thread. */
bool nc_segment_log_is_direct(const struct nc_log *log);

#endif
