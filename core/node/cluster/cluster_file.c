/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The file of a node's promises. */
#include "core/node/cluster/cluster_file.h"

#include <stdio.h>

#include "core/base/crc32c.h"
#include "core/base/pack.h"
#include "core/engine/names.h"
#include "core/node/cluster/kept_file.h"

#define NAME          "cluster"
#define MAGIC         NC_SLICE("NACRECL1")
#define HEAD_SIZE     12u
#define FILE_SIZE_MAX 16384u /* of the file */
#define FIELDS        4u
#define NODE_FIELDS   3u

/* ---- Its bytes ------------------------------------------------------------------------------ */

static void encode(const struct nc_cluster_record *record, struct nc_buf *buf)
{
	nc_buf_put_slice(buf, MAGIC);
	nc_buf_put_u32(buf, 0);
	nc_pack_array(buf, FIELDS);
	nc_pack_uint(buf, record->phase);
	nc_pack_bin(buf, nc_slice(record->cluster_id, sizeof record->cluster_id));
	nc_pack_uint(buf, record->proposer);
	nc_pack_array(buf, record->node_count * NODE_FIELDS);
	for (uint32_t i = 0; i < record->node_count; i++) {
		nc_pack_uint(buf, record->nodes[i].number);
		nc_pack_str(buf, nc_slice_str(record->nodes[i].name));
		nc_pack_uint(buf, record->nodes[i].founder);
	}
	if (nc_buf_status(buf) != NC_OK)
		return;
	nc_set_u32(buf->data + HEAD_SIZE - 4, (uint32_t)(buf->size - HEAD_SIZE));
	nc_buf_put_u32(buf, nc_crc32c(0, buf->data, buf->size));
}

static int decode(struct nc_slice bytes, struct nc_cluster_record *record)
{
	if (bytes.size < HEAD_SIZE + 4 || !nc_slice_starts(bytes, nc_slice(MAGIC.data, 7)) ||
	    nc_crc32c(0, bytes.data, bytes.size - 4) != nc_get_u32(bytes.data + bytes.size - 4))
		return NC_CORRUPT;
	if (!nc_slice_starts(bytes, MAGIC))
		return NC_UNSUPPORTED;
	struct nc_reader reader =
	        nc_reader(nc_slice(bytes.data + HEAD_SIZE, bytes.size - HEAD_SIZE - 4));
	size_t fields = nc_unpack_array(&reader);
	uint64_t phase = nc_unpack_uint(&reader);
	struct nc_slice cluster_id = nc_unpack_bin(&reader);
	record->proposer = nc_unpack_uint(&reader);
	size_t items = nc_unpack_array(&reader);
	if (reader.failed || fields != FIELDS || phase < NC_HELLO_FORMING ||
	    phase > NC_HELLO_MEMBER || cluster_id.size != NC_PEER_CLUSTER_ID_SIZE ||
	    items % NODE_FIELDS != 0 || items / NODE_FIELDS > NC_CLUSTER_NODES_MAX)
		return NC_CORRUPT;
	record->phase = (uint8_t)phase;
	memcpy(record->cluster_id, cluster_id.data, sizeof record->cluster_id);
	record->node_count = (uint32_t)(items / NODE_FIELDS);
	for (uint32_t i = 0; i < record->node_count; i++) {
		struct nc_cluster_node *node = &record->nodes[i];
		node->number = nc_unpack_uint(&reader);
		struct nc_slice name = nc_unpack_str(&reader);
		node->founder = nc_unpack_uint(&reader) != 0;
		if (reader.failed || nc_name_word_fault(name) != NULL)
			return NC_CORRUPT;
		(void)snprintf(node->name, sizeof node->name, "%.*s", (int)name.size,
		               (const char *)name.data);
	}
	return nc_reader_left(&reader) == 0 ? NC_OK : NC_CORRUPT;
}

/* ---- The file ------------------------------------------------------------------------------- */

int nc_cluster_file_read(const char *data_dir, struct nc_cluster_record *record_out)
{
	static uint8_t bytes[FILE_SIZE_MAX]; /* at the start, once */
	size_t size;
	struct nc_cluster_record record = { 0 };
	int err = nc_kept_file_read(data_dir, NAME, bytes, sizeof bytes, &size);
	if (err == NC_OK)
		err = decode(nc_slice(bytes, size), &record);
	if (err == NC_OK)
		*record_out = record;
	return err;
}

int nc_cluster_file_write(const char *data_dir, const struct nc_cluster_record *record)
{
	struct nc_buf buf = { 0 };
	encode(record, &buf);
	int err = nc_buf_status(&buf);
	if (err == NC_OK)
		err = nc_kept_file_write(data_dir, NAME, nc_buf_slice(&buf));
	nc_buf_release(&buf);
	return err;
}
