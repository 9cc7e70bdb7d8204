/* SPDX-License-Identifier: GPL-3.0-or-later */
/* snapshot_manifest.c -- which files a snapshot has, as bytes. */
#include "core/base/crc32c.h"
#include "storage/state/snapshot_private.h"

#define MAGIC  "NACRESNP"
#define FORMAT 1u

void nc_snapshot_manifest_put(const struct nc_snapshot_manifest *manifest, struct nc_buf *buf)
{
	size_t start = buf->size;
	nc_buf_put(buf, MAGIC, 8);
	nc_buf_put_u32(buf, FORMAT);
	nc_buf_put(buf, manifest->id, NC_SNAPSHOT_ID_SIZE);
	nc_buf_put_u64(buf, manifest->applied.index);
	nc_buf_put_u64(buf, manifest->applied.term);
	nc_buf_put_u32(buf, manifest->file_count);
	for (uint32_t i = 0; i < manifest->file_count; i++) {
		size_t size = strlen(manifest->files[i].name);
		nc_buf_put_u8(buf, (uint8_t)size);
		nc_buf_put(buf, manifest->files[i].name, size);
		nc_buf_put_u64(buf, manifest->files[i].size);
	}
	if (nc_buf_status(buf) == NC_OK)
		nc_buf_put_u32(buf, nc_crc32c(0, buf->data + start, buf->size - start));
}

/* The name comes from another node and becomes a path: allow only the files of a state, each
 * once. */
static bool name_is_ours(struct nc_slice name)
{
	if (nc_slice_is(name, "WiredTiger") || nc_slice_is(name, NC_SNAPSHOT_BACKUP_FILE))
		return true;
	for (int i = 0; i < NC_WT_TABLE_COUNT; i++) {
		struct nc_slice table = nc_slice_str(nc_wt_table_names[i]);
		if (nc_slice_starts(name, table) &&
		    nc_slice_is(nc_slice_from(name, table.size), ".wt"))
			return true;
	}
	return false;
}

/* No file of a state is empty; of one that was, no chunk would come. */
static bool file_get(struct nc_reader *reader, struct nc_snapshot_manifest *manifest)
{
	struct nc_slice name = nc_reader_take(reader, nc_reader_u8(reader));
	uint64_t size = nc_reader_u64(reader);
	if (reader->failed || name.size >= NC_SNAPSHOT_NAME_SIZE || !name_is_ours(name) ||
	    size == 0 || size > INT64_MAX / NC_SNAPSHOT_FILES_MAX)
		return false;
	for (uint32_t i = 0; i < manifest->file_count; i++) {
		if (nc_slice_is(name, manifest->files[i].name))
			return false;
	}
	struct nc_snapshot_file *file = &manifest->files[manifest->file_count++];
	memcpy(file->name, name.data, name.size);
	file->size = size;
	return true;
}

int nc_snapshot_manifest_get(struct nc_slice bytes, struct nc_snapshot_manifest *manifest_out)
{
	if (bytes.size < 4 ||
	    nc_get_u32(bytes.data + bytes.size - 4) != nc_crc32c(0, bytes.data, bytes.size - 4))
		return NC_INVALID;
	struct nc_reader reader = nc_reader(nc_slice(bytes.data, bytes.size - 4));
	struct nc_snapshot_manifest manifest = { .file_count = 0 };
	bool ours = nc_slice_is(nc_reader_take(&reader, 8), MAGIC);
	if (!ours || nc_reader_u32(&reader) != FORMAT)
		return NC_INVALID;
	struct nc_slice id = nc_reader_take(&reader, NC_SNAPSHOT_ID_SIZE);
	manifest.applied.index = nc_reader_u64(&reader);
	manifest.applied.term = nc_reader_u64(&reader);
	uint32_t count = nc_reader_u32(&reader);
	if (reader.failed || count == 0 || count > NC_SNAPSHOT_FILES_MAX)
		return NC_INVALID;
	memcpy(manifest.id, id.data, NC_SNAPSHOT_ID_SIZE);
	for (uint32_t i = 0; i < count; i++) {
		if (!file_get(&reader, &manifest))
			return NC_INVALID;
	}
	if (nc_reader_left(&reader) != 0)
		return NC_INVALID;
	*manifest_out = manifest;
	return NC_OK;
}

uint64_t nc_snapshot_manifest_size(const struct nc_snapshot_manifest *manifest)
{
	uint64_t size = 0;
	for (uint32_t i = 0; i < manifest->file_count; i++)
		size += manifest->files[i].size;
	return size;
}
