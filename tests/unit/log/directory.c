/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/unit/log/directory.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static char directory[64];

const char *directory_make(void)
{
	if (directory[0] != '\0')
		return directory;
	strcpy(directory, "/tmp/nc_log_XXXXXX");
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
	directory[0] = '\0';
}

const char *directory_path(const char *name)
{
	static char path[384];
	(void)snprintf(path, sizeof path, "%s/%s", directory, name);
	return path;
}

bool directory_load(const char *name, struct nc_buf *buf)
{
	FILE *file = fopen(directory_path(name), "rb");
	if (file == NULL)
		return false;
	nc_buf_clear(buf);
	bool fine = fseek(file, 0, SEEK_END) == 0;
	long size = fine ? ftell(file) : -1;
	uint8_t *at = size > 0 ? nc_buf_extend(buf, (size_t)size) : NULL;
	fine = at != NULL && fseek(file, 0, SEEK_SET) == 0 &&
	       fread(at, 1, (size_t)size, file) == (size_t)size;
	return fclose(file) == 0 && fine;
}

bool directory_store(const char *name, const void *data, size_t size)
{
	FILE *file = fopen(directory_path(name), "wb");
	if (file == NULL)
		return false;
	bool fine = fwrite(data, 1, size, file) == size;
	return fclose(file) == 0 && fine;
}

const char *directory_segment(size_t n)
{
	static char name[256];
	struct dirent **found;
	name[0] = '\0';
	int count = scandir(directory, &found, NULL, alphasort);
	for (int i = 0; i < count; i++) {
		size_t length = strlen(found[i]->d_name);
		if (length > 4 && strcmp(found[i]->d_name + length - 4, ".seg") == 0 && n-- == 0)
			(void)snprintf(name, sizeof name, "%s", found[i]->d_name);
		free(found[i]);
	}
	if (count >= 0)
		free(found);
	return name;
}
