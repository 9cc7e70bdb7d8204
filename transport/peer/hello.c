/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Hellos, written and read. */
#include "transport/peer/hello.h"

#include <stdio.h>

#include "core/base/assert.h"
#include "core/base/pack.h"
#include "core/engine/names.h"

#define HELLO_FIELDS_LEAST 14u
#define DRAINING_FIELD     15u /* the place of it, from 1 */
#define RUNS_FIELD         16u
#define HELLO_FIELDS       RUNS_FIELD
#define NODE_FIELDS        4u

void nc_hello_put(struct nc_buf *buf, const struct nc_hello *hello)
{
	nc_assert(hello->node_count <= NC_HELLO_NODES_MAX);
	nc_pack_array(buf, HELLO_FIELDS);
	nc_pack_uint(buf, hello->phase);
	nc_pack_uint(buf, hello->run);
	nc_pack_uint(buf, hello->echo);
	nc_pack_uint(buf, hello->expect);
	nc_pack_bin(buf, nc_slice(hello->founding_id, sizeof hello->founding_id));
	nc_pack_uint(buf, hello->proposer);
	nc_pack_uint(buf, hello->term);
	nc_pack_uint(buf, hello->leader);
	nc_pack_uint(buf, hello->commit);
	nc_pack_uint(buf, hello->applied);
	nc_pack_uint(buf, hello->clock_ns);
	nc_pack_uint(buf, hello->engine_version);
	nc_pack_str(buf, nc_slice_str(hello->version));
	nc_pack_array(buf, hello->node_count * NODE_FIELDS);
	for (uint32_t i = 0; i < hello->node_count; i++) {
		nc_pack_uint(buf, hello->nodes[i].number);
		nc_pack_str(buf, nc_slice_str(hello->nodes[i].name));
		nc_pack_uint(buf, hello->nodes[i].flags);
		nc_pack_uint(buf, hello->nodes[i].epoch);
	}
	nc_pack_uint(buf, hello->draining);
	nc_pack_array(buf, hello->node_count);
	for (uint32_t i = 0; i < hello->node_count; i++)
		nc_pack_uint(buf, hello->nodes[i].run);
}

static void get_node(struct nc_reader *reader, struct nc_hello_node *node)
{
	node->number = nc_unpack_uint(reader);
	struct nc_slice name = nc_unpack_str(reader);
	uint64_t flags = nc_unpack_uint(reader);
	node->epoch = nc_unpack_uint(reader);
	node->run = 0;
	if (node->number == 0 || (name.size > 0 && nc_name_word_fault(name) != NULL) ||
	    flags > UINT8_MAX)
		reader->failed = true;
	if (reader->failed)
		return;
	node->flags = (uint8_t)flags;
	(void)snprintf(node->name, sizeof node->name, "%.*s", (int)name.size,
	               name.size == 0 ? "" : (const char *)name.data);
}

static void get_runs(struct nc_reader *reader, struct nc_hello *hello)
{
	reader->failed |= nc_unpack_array(reader) != hello->node_count;
	for (uint32_t i = 0; !reader->failed && i < hello->node_count; i++)
		hello->nodes[i].run = nc_unpack_uint(reader);
}

/* It is shown to people and put into JSON: a word, with dots. */
static bool version_is_plain(struct nc_slice version)
{
	for (size_t i = 0; i < version.size; i++) {
		uint8_t c = version.data[i];
		if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
		      c == '.' || c == '-' || c == '+'))
			return false;
	}
	return version.size < NC_HELLO_VERSION_SIZE;
}

int nc_hello_get(struct nc_slice body, struct nc_hello *hello_out)
{
	struct nc_hello *hello = hello_out;
	struct nc_reader reader = nc_reader(body);
	size_t fields = nc_unpack_array(&reader);
	uint64_t phase = nc_unpack_uint(&reader);
	hello->run = nc_unpack_uint(&reader);
	hello->echo = nc_unpack_uint(&reader);
	hello->expect = nc_unpack_uint(&reader);
	struct nc_slice founding_id = nc_unpack_bin(&reader);
	hello->proposer = nc_unpack_uint(&reader);
	hello->term = nc_unpack_uint(&reader);
	hello->leader = nc_unpack_uint(&reader);
	hello->commit = nc_unpack_uint(&reader);
	hello->applied = nc_unpack_uint(&reader);
	hello->clock_ns = nc_unpack_uint(&reader);
	hello->engine_version = nc_unpack_uint(&reader);
	struct nc_slice version = nc_unpack_str(&reader);
	size_t items = nc_unpack_array(&reader);
	if (reader.failed || fields < HELLO_FIELDS_LEAST || phase == 0 ||
	    phase >= NC_HELLO_PHASE_END || founding_id.size != NC_PEER_CLUSTER_ID_SIZE ||
	    !version_is_plain(version) || items % NODE_FIELDS != 0 ||
	    items / NODE_FIELDS > NC_HELLO_NODES_MAX)
		return NC_INVALID;
	hello->phase = (uint8_t)phase;
	memcpy(hello->founding_id, founding_id.data, NC_PEER_CLUSTER_ID_SIZE);
	(void)snprintf(hello->version, sizeof hello->version, "%.*s", (int)version.size,
	               version.size == 0 ? "" : (const char *)version.data);
	hello->node_count = (uint32_t)(items / NODE_FIELDS);
	for (uint32_t i = 0; i < hello->node_count; i++)
		get_node(&reader, &hello->nodes[i]);
	hello->draining = fields >= DRAINING_FIELD && nc_unpack_uint(&reader) != 0;
	if (fields >= RUNS_FIELD)
		get_runs(&reader, hello);
	return reader.failed ? NC_INVALID : NC_OK;
}

bool nc_hello_is_starting(struct nc_slice body)
{
	struct nc_reader reader = nc_reader(body);
	(void)nc_unpack_array(&reader);
	uint64_t phase = nc_unpack_uint(&reader);
	return !reader.failed && phase == NC_HELLO_STARTING;
}

const struct nc_hello_node *nc_hello_find(const struct nc_hello *hello, uint64_t number)
{
	for (uint32_t i = 0; i < hello->node_count; i++) {
		if (hello->nodes[i].number == number)
			return &hello->nodes[i];
	}
	return NULL;
}
