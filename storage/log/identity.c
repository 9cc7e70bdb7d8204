/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Whose data directory this is. */
#include "storage/log/identity.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "core/base/buf.h"
#include "core/base/crc32c.h"
#include "storage/log/files.h"

#define FORMAT    1u
#define FILE_SIZE 256u /* bytes; CRC in the last four */

#define COME_BACK                                                                                 \
	"keep what is there, and start with an empty directory: a node of a cluster is sent the " \
	"state by the others, a single one comes back from a backup (nacre restore)"

#define LOCK_NAP_MS      20
#define LOCK_PATIENCE_MS 1000

struct nc_identity_file {
	char directory[PATH_MAX];
	int lock_fd;
	struct nc_identity identity;
};

static const uint8_t magic[8] = { 'N', 'A', 'C', 'R', 'E', 'I', 'D', '1' };
static const char *const copies[] = { "identity", "identity.copy" };

static void encode(const struct nc_identity *identity, uint8_t bytes[FILE_SIZE])
{
	memset(bytes, 0, FILE_SIZE);
	memcpy(bytes, magic, sizeof magic);
	nc_set_u32(bytes + 8, FORMAT);
	memcpy(bytes + 16, identity->cluster_id, 16);
	nc_set_u64(bytes + 32, identity->number);
	nc_set_u64(bytes + 40, identity->boot_epoch);
	nc_set_u64(bytes + 48, identity->high_water);
	memcpy(bytes + 56, identity->store, NC_IDENTITY_NAME_SIZE);
	memcpy(bytes + 128, identity->node, NC_IDENTITY_NAME_SIZE);
	nc_set_u32(bytes + FILE_SIZE - 4, nc_crc32c(0, bytes, FILE_SIZE - 4));
}

static int decode(const uint8_t bytes[FILE_SIZE], struct nc_identity *identity_out)
{
	if (memcmp(bytes, magic, sizeof magic) != 0 ||
	    nc_crc32c(0, bytes, FILE_SIZE - 4) != nc_get_u32(bytes + FILE_SIZE - 4))
		return NC_CORRUPT;
	if (nc_get_u32(bytes + 8) != FORMAT)
		return NC_UNSUPPORTED;
	struct nc_identity identity = { .number = nc_get_u64(bytes + 32),
		                        .boot_epoch = nc_get_u64(bytes + 40),
		                        .high_water = nc_get_u64(bytes + 48) };
	memcpy(identity.cluster_id, bytes + 16, 16);
	memcpy(identity.store, bytes + 56, NC_IDENTITY_NAME_SIZE);
	memcpy(identity.node, bytes + 128, NC_IDENTITY_NAME_SIZE);
	identity.store[NC_IDENTITY_NAME_SIZE - 1] = '\0';
	identity.node[NC_IDENTITY_NAME_SIZE - 1] = '\0';
	*identity_out = identity;
	return NC_OK;
}

static int copy_write(const struct nc_identity_file *file, const char *name)
{
	uint8_t bytes[FILE_SIZE];
	char path[PATH_MAX];
	encode(&file->identity, bytes);
	(void)snprintf(path, sizeof path, "%s/%s", file->directory, name);
	int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0)
		return nc_files_err(errno);
	int failed = nc_files_system.write(NULL, fd, bytes, sizeof bytes, 0);
	if (failed == 0)
		failed = nc_files_system.sync(NULL, fd);
	(void)close(fd);
	return failed == 0 ? NC_OK : nc_files_err(-failed);
}

static int save(const struct nc_identity_file *file)
{
	int err = copy_write(file, copies[0]);
	if (err == NC_OK)
		err = copy_write(file, copies[1]);
	return err == NC_OK ? nc_files_sync_directory(file->directory) : err;
}

/* Errors: NC_NOTFOUND, no such file; NC_CORRUPT; NC_IO. */
static int copy_read(const struct nc_identity_file *file, const char *name,
                     struct nc_identity *identity_out)
{
	uint8_t bytes[FILE_SIZE];
	char path[PATH_MAX];
	(void)snprintf(path, sizeof path, "%s/%s", file->directory, name);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return errno == ENOENT ? NC_NOTFOUND : NC_IO;
	ssize_t got = pread(fd, bytes, sizeof bytes, 0);
	(void)close(fd);
	return got == (ssize_t)sizeof bytes ? decode(bytes, identity_out) : NC_CORRUPT;
}

static bool holds(const struct nc_identity_file *file, const char *name)
{
	char path[PATH_MAX];
	(void)snprintf(path, sizeof path, "%s/%s", file->directory, name);
	return access(path, F_OK) == 0;
}

static bool has_data(const struct nc_identity_file *file)
{
	return holds(file, "log") || holds(file, "state");
}

/* Load the newer of the copies that hold. Errors: NC_NOTFOUND, there is no identity yet. */
static int load(struct nc_identity_file *file, char *fault)
{
	struct nc_identity found[2] = { { .boot_epoch = 0 }, { .boot_epoch = 0 } };
	int err[2];
	for (int i = 0; i < 2; i++)
		err[i] = copy_read(file, copies[i], &found[i]);
	if (err[1] == NC_NOTFOUND &&
	    (err[0] == NC_NOTFOUND || (err[0] == NC_CORRUPT && !has_data(file))))
		return NC_NOTFOUND; /* or the first start ended while the first copy was written */
	if (err[0] == NC_OK || err[1] == NC_OK) {
		bool second = err[0] != NC_OK ||
		              (err[1] == NC_OK && (found[1].boot_epoch > found[0].boot_epoch ||
		                                   found[1].high_water > found[0].high_water));
		file->identity = found[second];
		return NC_OK;
	}
	if (err[0] == NC_UNSUPPORTED || err[1] == NC_UNSUPPORTED) {
		(void)snprintf(fault, NC_IDENTITY_FAULT_SIZE,
		               "%s was written by a newer version of nacred", file->directory);
		return NC_UNSUPPORTED;
	}
	(void)snprintf(fault, NC_IDENTITY_FAULT_SIZE,
	               "%s: neither identity nor identity.copy can be read; " COME_BACK,
	               file->directory);
	return NC_CORRUPT;
}

static int lock(struct nc_identity_file *file, char *fault)
{
	char path[PATH_MAX];
	(void)snprintf(path, sizeof path, "%s/lock", file->directory);
	file->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (file->lock_fd < 0) {
		int number = errno;
		(void)snprintf(fault, NC_IDENTITY_FAULT_SIZE, "%s: %s", path, strerror(number));
		return nc_files_err(number);
	}
	/* A process that was just killed may have left a child that is dying, too. */
	static const struct timespec nap = { 0, LOCK_NAP_MS * 1000000L };
	for (int i = 0; i <= LOCK_PATIENCE_MS / LOCK_NAP_MS; i++) {
		if (flock(file->lock_fd, LOCK_EX | LOCK_NB) == 0)
			return NC_OK;
		if (errno != EWOULDBLOCK && errno != EINTR) {
			(void)snprintf(fault, NC_IDENTITY_FAULT_SIZE, "%s: cannot be locked: %s",
			               path, strerror(errno));
			return NC_IO;
		}
		(void)nanosleep(&nap, NULL);
	}
	(void)snprintf(fault, NC_IDENTITY_FAULT_SIZE,
	               "%s is in use by another nacred; stop it, or use another data directory",
	               file->directory);
	return NC_BUSY;
}

static int create(struct nc_identity_file *file, const char *store, const char *node, char *fault)
{
	if (has_data(file)) {
		(void)snprintf(fault, NC_IDENTITY_FAULT_SIZE,
		               "%s holds data but no identity; " COME_BACK, file->directory);
		return NC_CORRUPT;
	}
	file->identity = (struct nc_identity){ .number = 1 };
	if (getrandom(file->identity.cluster_id, 16, 0) != 16)
		return NC_IO;
	(void)snprintf(file->identity.store, NC_IDENTITY_NAME_SIZE, "%s", store);
	(void)snprintf(file->identity.node, NC_IDENTITY_NAME_SIZE, "%s", node);
	return NC_OK;
}

static int check(const struct nc_identity_file *file, const char *store, const char *node,
                 char *fault)
{
	if (strcmp(file->identity.store, store) != 0) {
		(void)snprintf(fault, NC_IDENTITY_FAULT_SIZE,
		               "%s belongs to the store '%s', not '%s'", file->directory,
		               file->identity.store, store);
		return NC_CONFLICT;
	}
	if (strcmp(file->identity.node, node) != 0) {
		(void)snprintf(fault, NC_IDENTITY_FAULT_SIZE,
		               "%s belongs to the node '%s', not '%s'", file->directory,
		               file->identity.node, node);
		return NC_CONFLICT;
	}
	return NC_OK;
}

int nc_identity_open(const char *directory, const char *store, const char *node,
                     struct nc_identity_file **file_out, char fault[NC_IDENTITY_FAULT_SIZE])
{
	struct nc_identity_file *file = calloc(1, sizeof *file);
	if (file == NULL)
		return NC_NOMEM;
	file->lock_fd = -1;
	(void)snprintf(file->directory, sizeof file->directory, "%s", directory);
	(void)snprintf(fault, NC_IDENTITY_FAULT_SIZE, "%s: cannot be written", directory);
	int err = lock(file, fault);
	if (err == NC_OK)
		err = load(file, fault);
	if (err == NC_NOTFOUND) {
		err = create(file, store, node, fault);
	} else if (err == NC_OK) {
		err = check(file, store, node, fault);
	}
	if (err == NC_OK) {
		file->identity.boot_epoch++;
		err = save(file);
	}
	if (err != NC_OK) {
		nc_identity_close(file);
		return err;
	}
	*file_out = file;
	return NC_OK;
}

const struct nc_identity *nc_identity_get(const struct nc_identity_file *file)
{
	return &file->identity;
}

bool nc_identity_is_held(const struct nc_identity_file *file)
{
	struct stat at;
	return fstat(file->lock_fd, &at) != 0 || at.st_nlink > 0;
}

/* Change the identity to `to`. If that cannot be written, it stays as it was. */
static int change(struct nc_identity_file *file, struct nc_identity to)
{
	const struct nc_identity before = file->identity;
	file->identity = to;
	int err = save(file);
	if (err != NC_OK)
		file->identity = before;
	return err;
}

static int high_water_set(struct nc_identity_file *file, uint64_t index)
{
	struct nc_identity to = file->identity;
	to.high_water = index;
	return change(file, to);
}

int nc_identity_high_water(struct nc_identity_file *file, uint64_t index)
{
	return index <= file->identity.high_water ? NC_OK : high_water_set(file, index);
}

int nc_identity_high_water_lower(struct nc_identity_file *file, uint64_t index)
{
	return index >= file->identity.high_water ? NC_OK : high_water_set(file, index);
}

int nc_identity_renumber(struct nc_identity_file *file, uint64_t number)
{
	struct nc_identity to = file->identity;
	to.number = number;
	return change(file, to);
}

void nc_identity_close(struct nc_identity_file *file)
{
	if (file == NULL)
		return;
	if (file->lock_fd >= 0)
		(void)close(file->lock_fd);
	free(file);
}
