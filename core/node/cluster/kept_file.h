/* SPDX-License-Identifier: GPL-3.0-or-later */
/* kept_file.h -- a small file in the data directory that is read and replaced as a whole. After a
 * crash it has its old contents or its new ones.
 *
 * Threads: any; one at a time for a file. What the bytes mean, and whether they are whole, is the
 * caller's.
 */
#ifndef NC_CORE_NODE_CLUSTER_KEPT_FILE_H
#define NC_CORE_NODE_CLUSTER_KEPT_FILE_H

#include "core/base/err.h"
#include "core/base/slice.h"

/* Read up to `size_max` bytes of the file `name`; `size_out` says how many there were. Errors:
 * NC_NOTFOUND, there is no such file; NC_IO. */
int nc_kept_file_read(const char *data_dir, const char *name, void *bytes_out, size_t size_max,
                      size_t *size_out);

/* Replace it, durably, by way of "<name>.new". Errors: NC_FULL, no room; NC_IO. The old contents
 * stay then. */
int nc_kept_file_write(const char *data_dir, const char *name, struct nc_slice bytes);

#endif
