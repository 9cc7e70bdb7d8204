/* SPDX-License-Identifier: Apache-2.0 */
/* What a reader asks: its subject and its body (docs/protocol.md, section 6). */
#include <string.h>

#include "transport/client/read_private.h"

static bool is_named(enum nacre_source source)
{
	return source != NACRE_ALL && source != NACRE_QUERY;
}

int nc_client_read_check(const struct nacre_read *read, struct nacre_error *error)
{
	if ((unsigned)read->source > NACRE_QUERY)
		return nc_client_fail(error, NACRE_INVALID, "source: not known");
	if (read->source == NACRE_STREAM) {
		int result = nc_client_stream_check(read->name, error);
		if (result != NACRE_OK)
			return result;
	} else if (is_named(read->source) && !nc_client_name_valid(read->name)) {
		return nc_client_fail(error, NACRE_INVALID, "name: 1 to 255 bytes");
	}
	bool items = read->item_count > 0, json = read->items_json != NULL;
	if (read->source == NACRE_QUERY ? items == json : items || json) {
		return nc_client_fail(error, NACRE_INVALID,
		                      "items or items_json: one of them, with a query");
	}
	if (read->item_count > NC_CLIENT_ITEMS_MAX) {
		return nc_client_fail(error, NACRE_INVALID, "items: more than %d",
		                      NC_CLIENT_ITEMS_MAX);
	}
	if (read->from > 0 && read->from_time != NULL)
		return nc_client_fail(error, NACRE_INVALID, "from and from_time: one of them");
	if (read->min_position > 0 && !read->direct)
		return nc_client_fail(error, NACRE_INVALID, "min_position: goes with direct");
	return NACRE_OK;
}

void nc_client_read_subject(struct nc_buf *subject, const struct nacre_client *client,
                            const struct nacre_read *read)
{
	static const char *const verbs[] = { "read", "all", "type", "category", "tag", "query" };
	nc_buf_printf(subject, "%s.%s%s", client->root, read->direct ? "direct." : "",
	              verbs[read->source]);
	if (is_named(read->source)) {
		nc_buf_put_u8(subject, '.');
		if (read->source == NACRE_STREAM) {
			nc_client_put_stream(subject, read->name);
		} else {
			nc_client_put_token(subject, read->name);
		}
	}
	nc_buf_put_u8(subject, '\0');
}

static void texts_put(struct nc_buf *out, const char *name, const char *const *texts, size_t count)
{
	nc_buf_printf(out, "\"%s\":[", name);
	for (size_t i = 0; i < count; i++) {
		if (i > 0)
			nc_buf_put_u8(out, ',');
		nc_json_put_string(out, nc_slice_str(texts[i]));
	}
	nc_buf_put_u8(out, ']');
}

static void items_put(struct nc_buf *out, const struct nacre_item *items, size_t count)
{
	nc_buf_put_str(out, ",\"items\":[");
	for (size_t i = 0; i < count; i++) {
		nc_buf_put_str(out, i > 0 ? ",{" : "{");
		if (items[i].type_count > 0)
			texts_put(out, "types", items[i].types, items[i].type_count);
		if (items[i].type_count > 0 && items[i].tag_count > 0)
			nc_buf_put_u8(out, ',');
		if (items[i].tag_count > 0)
			texts_put(out, "tags", items[i].tags, items[i].tag_count);
		nc_buf_put_u8(out, '}');
	}
	nc_buf_put_u8(out, ']');
}

void nc_client_read_fixed(struct nacre_reader *reader)
{
	const struct nacre_read *read = &reader->read;
	struct nc_buf *fixed = &reader->fixed;
	nc_buf_put_str(fixed, ",\"format\":\"msgpack\",\"max_bytes\":8388608");
	if (read->to > 0)
		nc_buf_printf(fixed, ",\"to\":%llu", (unsigned long long)read->to);
	if (read->backward)
		nc_buf_put_str(fixed, ",\"dir\":\"backward\"");
	if (read->item_count > 0)
		items_put(fixed, read->items, read->item_count);
	if (read->items_json != NULL) {
		nc_buf_put_str(fixed, ",\"items\":");
		nc_buf_put_str(fixed, read->items_json);
	}
	if (read->filter != NULL) {
		nc_buf_put_str(fixed, ",\"filter\":");
		nc_buf_put_str(fixed, read->filter);
	}
	reader->timeless = fixed->size;
	if (read->from_time != NULL) {
		nc_buf_put_str(fixed, ",\"from_time\":");
		nc_json_put_string(fixed, nc_slice_str(read->from_time));
	}
}

void nc_client_read_body(struct nc_buf *body, const struct nacre_reader *reader, uint64_t from,
                         uint64_t limit)
{
	nc_buf_printf(body, "{\"limit\":%llu", (unsigned long long)limit);
	nc_buf_put(body, reader->fixed.data, from > 0 ? reader->timeless : reader->fixed.size);
	if (from > 0)
		nc_buf_printf(body, ",\"from\":%llu", (unsigned long long)from);
	nc_buf_put_u8(body, '}');
}
