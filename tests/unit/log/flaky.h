/* SPDX-License-Identifier: GPL-3.0-or-later */
/* flaky.h -- the calls of storage/log/files.h, made to fail when a test says so. */
#ifndef NC_TESTS_UNIT_LOG_FLAKY_H
#define NC_TESTS_UNIT_LOG_FLAKY_H

#include <stdbool.h>
#include <sys/types.h>

#include "storage/log/files.h"

struct flaky_written {
	uintptr_t data;
	size_t size;
	off_t offset;
};

struct flaky {
	int write_errno; /* 0: writes go well; else they fail with it, behind `write_size` bytes */
	size_t write_size;
	bool write_once; /* only the next one fails */
	int sync_errno;
	_Atomic int zero_errno;
	_Atomic int syncs;            /* so far */
	int begins;                   /* likewise */
	struct flaky_written written; /* what was written last */
	bool through;                 /* nothing can be written past the kernel's memory */
	_Atomic bool reads_wait;      /* until it is false again */
	_Atomic bool reading;         /* one does */
};

extern struct flaky flaky;
extern const struct nc_files flaky_files;

#endif
