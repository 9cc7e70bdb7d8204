/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/unit/state/directory.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char directory[64];

const char *directory_make(void)
{
	strcpy(directory, "/tmp/nc_state_XXXXXX");
	return mkdtemp(directory);
}

void directory_remove(void)
{
	DIR *dir = opendir(directory);
	if (dir == NULL)
		return;
	for (struct dirent *entry = readdir(dir); entry != NULL; entry = readdir(dir))
		(void)unlinkat(dirfd(dir), entry->d_name, 0);
	(void)closedir(dir);
	(void)rmdir(directory);
}

static const char *path_of(const char *name)
{
	static char path[256];
	snprintf(path, sizeof path, "%s/%s", directory, name);
	return path;
}

bool directory_unlink(const char *name)
{
	return unlink(path_of(name)) == 0;
}

bool directory_overwrite(const char *name, long offset, unsigned char byte, int count)
{
	FILE *file = fopen(path_of(name), "r+b");
	if (file == NULL)
		return false;
	bool fine = fseek(file, offset, offset < 0 ? SEEK_END : SEEK_SET) == 0;
	for (int i = 0; fine && i < count; i++)
		fine = fputc(byte, file) != EOF;
	return fclose(file) == 0 && fine;
}
