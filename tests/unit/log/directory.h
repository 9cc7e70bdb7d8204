/* SPDX-License-Identifier: GPL-3.0-or-later */
/* directory.h -- a directory of its own for each test, and damage done to files in it. */
#ifndef NC_TESTS_UNIT_LOG_DIRECTORY_H
#define NC_TESTS_UNIT_LOG_DIRECTORY_H

#include "core/base/buf.h"

const char *directory_make(void); /* NULL if it cannot be made; once a process, then the same */
void directory_remove(void);
const char *directory_path(const char *name); /* valid until the next call */
bool directory_load(const char *name, struct nc_buf *buf);
bool directory_store(const char *name, const void *data, size_t size);
/* The name of the `n`th segment (from 0, oldest first), "" if there are fewer. */
const char *directory_segment(size_t n);

#endif
