/* SPDX-License-Identifier: GPL-3.0-or-later */
/* R.snap.… and R.load: refused, or what comes of it is what the engine reads back; likewise
 * R.stream.… and R.store.stats; and a record and a command out of foreign bytes. The first byte
 * says which; of a put the first line is Es-Snapshot-Seq, the second a header's name, the third its
 * value. */
#include <string.h>

#include "core/base/assert.h"
#include "core/engine/names.h"
#include "tests/fuzz/fuzz.h"
#include "transport/nats/request.h"

static struct nc_decoder decoder = { .store = "s",
	                             .event_size_max = 1 << 20,
	                             .payload_size_max = 1 << 20 };

static struct nc_slice line_take(struct nc_slice *rest)
{
	const uint8_t *end = rest->size == 0 ? NULL : memchr(rest->data, '\n', rest->size);
	size_t size = end == NULL ? rest->size : (size_t)(end - rest->data);
	struct nc_slice line = nc_slice(rest->data, size);
	*rest = nc_slice_from(*rest, size + 1);
	return line;
}

static bool decode(enum nc_operation op, const struct nc_message *message,
                   struct nc_request *request)
{
	struct nc_refusal refusal = { 0 };
	if (nc_request_decode(&decoder, op, false, message, request, &refusal))
		return true;
	nc_assert(refusal.fault.code >= 400 && refusal.text[0] != '\0');
	return false;
}

static void put(struct nc_slice input)
{
	struct nc_request request;
	struct nc_header headers[2] = { { NC_SLICE("Es-Snapshot-Seq"), line_take(&input) } };
	struct nc_snap snap;
	headers[1].name = line_take(&input);
	headers[1].value = line_take(&input);
	const struct nc_message message = { .subject = NC_SLICE("snap.put.a.b"),
		                            .data = input,
		                            .headers = headers,
		                            .header_count = 2 };
	if (!decode(NC_OP_SNAP_PUT, &message, &request))
		return;
	nc_assert(nc_snap_record_get(request.record, &snap) == NC_OK && snap.version > 0);
	nc_assert(nc_slice_is(snap.stream, "a.b") && nc_slice_eq(snap.data, input));
}

/* What is understood is read back as it was asked. */
static void changed(enum nc_operation op, const struct nc_stream_change *asked)
{
	enum nc_command_kind kind =
	        op == NC_OP_STREAM_DELETE ? NC_COMMAND_STREAM_DELETE : NC_COMMAND_STREAM_META;
	struct nc_buf body = { 0 };
	struct nc_stream_change read;
	nc_stream_change_put(&body, kind, asked);
	nc_assert(nc_stream_change_get(nc_buf_slice(&body), kind, &read) == NC_OK);
	nc_assert(nc_slice_is(read.stream, "a.b") && read.tombstone == asked->tombstone &&
	          read.count_max == asked->count_max && read.age_max_s == asked->age_max_s &&
	          read.truncate_before == asked->truncate_before &&
	          read.expect.version == asked->expect.version);
	nc_buf_release(&body);
}

static void ask(enum nc_operation op, struct nc_slice subject, struct nc_slice body)
{
	struct nc_request request;
	const struct nc_message message = { .subject = subject, .data = body };
	if (!decode(op, &message, &request))
		return;
	if (op == NC_OP_SNAP_DELETE)
		nc_assert(request.range.before > 0 && (!request.one || request.range.from > 0));
	if (op == NC_OP_SNAP_LIST) {
		nc_assert(request.list.limit >= 1 && request.list.limit <= NC_SNAP_LIST_LIMIT_MAX);
		nc_assert(request.list.prefix.size <= NC_NAME_SIZE_MAX &&
		          request.list.after_name.size <= NC_NAME_SIZE_MAX);
	}
	if (op == NC_OP_STREAM_LIST) {
		const struct nc_streams_spec *spec = &request.streams;
		nc_assert(spec->limit >= 1 && spec->limit <= NC_STREAMS_LIMIT_MAX);
		nc_assert(spec->prefix.size <= NC_NAME_SIZE_MAX &&
		          spec->after.size <= NC_NAME_SIZE_MAX);
	}
	if (op == NC_OP_STREAM_DELETE || op == NC_OP_STREAM_META)
		changed(op, &request.change);
	if (op == NC_OP_STATS)
		nc_assert(request.stats_limit >= 1 && request.stats_limit <= NC_STATS_LIMIT_MAX);
	if (op == NC_OP_LOAD)
		nc_assert(request.query.limit >= 1 && !request.query.backward);
}

static void foreign(struct nc_slice input)
{
	struct nc_snap snap;
	struct nc_entry_reader entry;
	struct nc_command command;
	(void)nc_snap_record_get(input, &snap);
	if (nc_entry_read(input, &entry) != NC_OK)
		return;
	while (nc_entry_next(&entry, &command) == NC_OK) {
		if (command.kind == NC_COMMAND_SNAP_PUT)
			(void)nc_snap_record_get(command.record, &snap);
		if (command.kind == NC_COMMAND_SNAP_DELETE)
			nc_assert(command.range.stream.size <= NC_NAME_SIZE_MAX);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct {
		char which;
		enum nc_operation op;
		struct nc_slice subject;
	} asks[] = {
		{ 'g', NC_OP_SNAP_GET, { (const uint8_t *)"snap.get.a.b", 12 } },
		{ 'd', NC_OP_SNAP_DELETE, { (const uint8_t *)"snap.delete.a.b", 15 } },
		{ 'l', NC_OP_SNAP_LIST, { (const uint8_t *)"snap.list.a.b", 13 } },
		{ 's', NC_OP_SNAP_LIST, { (const uint8_t *)"snap.list", 9 } },
		{ 'i', NC_OP_STREAM_INFO, { (const uint8_t *)"stream.info.a.b", 15 } },
		{ 'k', NC_OP_STREAM_LIST, { (const uint8_t *)"stream.list", 11 } },
		{ 'e', NC_OP_STREAM_DELETE, { (const uint8_t *)"stream.delete.a.b", 17 } },
		{ 'm', NC_OP_STREAM_META, { (const uint8_t *)"stream.meta.a.b", 15 } },
		{ 't', NC_OP_STATS, { (const uint8_t *)"store.stats", 11 } },
		{ 'r', NC_OP_LOAD, { (const uint8_t *)"load.a.b", 8 } },
	};
	if (size == 0)
		return 0;
	struct nc_slice input = nc_slice(data + 1, size - 1);
	for (size_t i = 0; i < sizeof asks / sizeof asks[0]; i++) {
		if (data[0] == (uint8_t)asks[i].which)
			ask(asks[i].op, asks[i].subject, input);
	}
	if (data[0] == 'p')
		put(input);
	if (data[0] == 'f')
		foreign(input);
	return 0;
}
