/* SPDX-License-Identifier: GPL-3.0-or-later */
/* directory.h -- a directory for one test, and its files. */
#ifndef NC_TESTS_UNIT_STATE_DIRECTORY_H
#define NC_TESTS_UNIT_STATE_DIRECTORY_H

#include <stdbool.h>

/* A new one; its name is static. NULL: it cannot be made. */
const char *directory_make(void);

/* With the files in it. */
void directory_remove(void);

/* Of the file in it. */
bool directory_unlink(const char *name);

/* Write `byte` `count` times at `offset`; a negative one counts from the end. */
bool directory_overwrite(const char *name, long offset, unsigned char byte, int count);

#endif
