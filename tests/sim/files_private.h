/* SPDX-License-Identifier: GPL-3.0-or-later */
/* files_private.h -- what the files of the real log under a simulated disk share. */
#ifndef NC_TESTS_SIM_FILES_PRIVATE_H
#define NC_TESTS_SIM_FILES_PRIVATE_H

#include "storage/log/segment_log.h"
#include "tests/sim/sim_private.h"

#define ULL(value)   ((unsigned long long)(value))
#define SECTOR       512u
#define PAYLOAD_SIZE 16u /* bytes, of what stands for a payload: its number, its members */
#define SEGMENT_SIZE NC_SEGMENT_SIZE_MIN
#define UNSYNCED_MAX 8u
#define READ_ENTRIES 256u

enum files_mode {
	WELL,
	FULL,   /* the next write finds no room */
	FAIL,   /* syncs fail */
	PREFIX, /* the power goes while it writes: the first sectors are there */
	SOME,   /* … or any of them */
	ASTRAY  /* … and elsewhere */
};

/* What a write has replaced, until it is synced. */
struct unsynced {
	int fd;
	off_t offset;
	struct nc_buf before;
};

struct sim_files {
	char directory[96];
	struct nc_files calls;
	struct nc_log *log; /* NULL: the node is down */
	enum files_mode mode;
	uint64_t dice; /* of the tear */
	bool failed;   /* a sync has failed: nothing more is written */
	bool torn;     /* a write was under way at the crash: recovery may doubt */
	bool damaged;  /* what was durable has been changed: recovery may refuse, or doubt */
	/* Of the order that was under way at the crash. */
	uint64_t torn_first; /* entries from here on may be gone, or others */
	struct nc_log_hard torn_hard;
	uint64_t last_first; /* of the last batch: nothing vouches for it yet; UINT64_MAX: a mark
	                        does */
	off_t end;           /* of what was written last, in the last segment */
	struct unsynced unsynced[UNSYNCED_MAX];
	size_t unsynced_count;
};

/* files_calls.c: the calls of storage/log/files.h, in the trouble that files->mode says. */
void sim_files_calls(struct sim_files *files);
/* The power goes: what was not synced is gone, or the last of it in part. */
void sim_files_unsynced_lose(struct sim_files *files);
void sim_files_unsynced_forget(struct sim_files *files);

#endif
