/* SPDX-License-Identifier: Apache-2.0 */
/* What a backup will bring: the node's answer to the request. */
#include <string.h>

#include "transport/client/backup_private.h"

/* Whether a name may become that of a file here. */
static bool name_valid(struct nc_slice name)
{
	if (name.size == 0 || name.size >= NC_BACKUP_NAME_SIZE || name.data[0] == '.')
		return false;
	for (size_t i = 0; i < name.size; i++) {
		uint8_t c = name.data[i];
		bool fine = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
		            (c >= '0' && c <= '9') || c == '.' || c == '_' || c == '-';
		if (!fine)
			return false;
	}
	return true;
}

/* Read a member of a file's object, whose key has been read. */
static bool file_member(struct nc_json *json, const struct nc_json_token *key,
                        struct nc_backup_file *file)
{
	struct nc_json_token value;
	struct nc_slice raw;
	if (nc_json_next(json, &value) != NC_OK)
		return false;
	if (nc_json_is(key, "size"))
		return nc_json_u64(&value, &file->size) == NC_OK;
	if (!nc_json_is(key, "name"))
		return nc_json_value(json, &value, &raw) == NC_OK;
	struct nc_buf name = { 0 };
	bool fine = value.type == NC_JSON_STRING;
	if (fine)
		nc_json_unescape(&value, &name);
	fine = fine && nc_buf_status(&name) == NC_OK && name_valid(nc_buf_slice(&name));
	if (fine)
		memcpy(file->name, name.data, name.size);
	nc_buf_release(&name);
	return fine;
}

static bool file_read(struct nacre_backup *backup, struct nc_json *json)
{
	struct nc_json_token key;
	if (backup->file_count == NC_BACKUP_FILES_MAX)
		return false;
	struct nc_backup_file *file = &backup->files[backup->file_count++];
	while (nc_json_next(json, &key) == NC_OK && key.type == NC_JSON_KEY) {
		if (!file_member(json, &key, file))
			return false;
	}
	return key.type == NC_JSON_OBJECT_END && file->name[0] != '\0';
}

static bool files_read(struct nacre_backup *backup, struct nc_json *json)
{
	struct nc_json_token token;
	if (nc_json_next(json, &token) != NC_OK || token.type != NC_JSON_ARRAY)
		return false;
	while (nc_json_next(json, &token) == NC_OK && token.type == NC_JSON_OBJECT) {
		if (!file_read(backup, json))
			return false;
	}
	return token.type == NC_JSON_ARRAY_END && backup->file_count > 0;
}

static bool id_read(struct nacre_backup *backup, struct nc_json *json)
{
	struct nc_json_token value;
	if (nc_json_next(json, &value) != NC_OK || value.type != NC_JSON_STRING ||
	    value.raw.size != sizeof backup->id - 1)
		return false;
	memcpy(backup->id, value.raw.data, value.raw.size);
	return true;
}

bool nc_client_backup_info(struct nacre_backup *backup, struct nc_slice body)
{
	struct nc_json json;
	struct nc_json_token key, value;
	struct nc_slice raw;
	nc_json_init(&json, body);
	if (nc_json_next(&json, &key) != NC_OK || key.type != NC_JSON_OBJECT)
		return false;
	while (nc_json_next(&json, &key) == NC_OK && key.type == NC_JSON_KEY) {
		bool fine = nc_json_is(&key, "backup") ? id_read(backup, &json)
		            : nc_json_is(&key, "files")
		                    ? files_read(backup, &json)
		                    : nc_json_next(&json, &value) == NC_OK &&
		                              nc_json_value(&json, &value, &raw) == NC_OK;
		if (!fine)
			return false;
	}
	nc_buf_put_slice(&backup->info, body);
	nc_buf_put_u8(&backup->info, '\0');
	return nc_client_json_ended(&json, &key) && backup->id[0] != '\0' &&
	       backup->file_count > 0 && nc_buf_status(&backup->info) == NC_OK;
}
