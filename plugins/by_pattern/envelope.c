/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The envelope {stream,type,id,seq,pos,time,content_type,tags,meta:{...}} as leaves. Tags are one
 * path with many values, and so is a name of metadata that repeats: no trails are needed, since a
 * pattern speaks of a path once. */
#include <stdlib.h>

#include "plugins/by_pattern/by_pattern_private.h"

#define FNV_BASIS 14695981039346656037ull
#define FNV_PRIME 1099511628211ull

static const char *const names[] = { "stream", "type", "id",           "seq",
	                             "pos",    "time", "content_type", "tags" };

int envelope_field(struct nc_slice path, size_t offset, nacre_filter_error *error)
{
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		if (nc_slice_is(path, names[i]))
			return NACRE_FILTER_OK;
	}
	if (path.size > 5 && nc_slice_starts(path, NC_SLICE("meta.")))
		return NACRE_FILTER_OK;
	return nc_selector_refuse(error, offset,
	                          "expected a field of the envelope: stream, type, id, seq, pos, "
	                          "time, content_type, tags or meta.<name>");
}

static nacre_filter_leaf *leaf_put(struct envelope *envelope, struct nc_slice path, uint32_t depth)
{
	nacre_filter_leaf *leaf = &envelope->leaves[envelope->view.leaf_count++];
	*leaf = (nacre_filter_leaf){ .path = nc_slice_out(path),
		                     .path_hash = FNV_BASIS,
		                     .depth = depth };
	for (size_t i = 0; i < path.size; i++)
		leaf->path_hash = (leaf->path_hash ^ path.data[i]) * FNV_PRIME;
	return leaf;
}

static void string_put(struct envelope *envelope, struct nc_slice path, nacre_filter_slice text)
{
	nacre_filter_leaf *leaf = leaf_put(envelope, path, 1);
	leaf->kind = NACRE_FILTER_STRING;
	leaf->text = text;
}

static void number_put(struct envelope *envelope, struct nc_slice path, uint64_t value)
{
	nacre_filter_leaf *leaf = leaf_put(envelope, path, 1);
	leaf->kind = NACRE_FILTER_NUMBER;
	leaf->number_kind = value > INT64_MAX ? NACRE_FILTER_U64 : NACRE_FILTER_I64;
	leaf->number.u64 = value;
}

static void digits_put(uint8_t *to, size_t count, uint64_t value)
{
	while (count-- > 0) {
		to[count] = (uint8_t)('0' + value % 10);
		value /= 10;
	}
}

/* RFC 3339 with nine decimals and Z; from 1970 to 2554, which is what 64 bits hold. The civil date
 * after H. Hinnant, "chrono-compatible low-level date algorithms". */
static void time_format(uint64_t time_ns, uint8_t text[ENVELOPE_TIME])
{
	static const char form[ENVELOPE_TIME + 1] = "0000-00-00T00:00:00.000000000Z";
	uint64_t seconds = time_ns / 1000000000u;
	uint64_t days = seconds / 86400 + 719468;
	uint64_t era_day = days % 146097;
	uint64_t era_year = (era_day - era_day / 1460 + era_day / 36524 - era_day / 146096) / 365;
	uint64_t year_day = era_day - (365 * era_year + era_year / 4 - era_year / 100);
	uint64_t month = (5 * year_day + 2) / 153; /* from March */
	memcpy(text, form, sizeof form - 1);
	digits_put(text, 4, era_year + days / 146097 * 400 + (month >= 10));
	digits_put(text + 5, 2, month < 10 ? month + 3 : month - 9);
	digits_put(text + 8, 2, year_day - (153 * month + 2) / 5 + 1);
	digits_put(text + 11, 2, seconds % 86400 / 3600);
	digits_put(text + 14, 2, seconds % 3600 / 60);
	digits_put(text + 17, 2, seconds % 60);
	digits_put(text + 20, 9, time_ns % 1000000000u);
}

static int rooms_take(struct envelope *envelope, const nacre_filter_event *event)
{
	size_t count =
	        sizeof names / sizeof *names + (size_t)event->tag_count + (size_t)event->meta_count;
	size_t size = 0;
	for (uint64_t i = 0; i < event->meta_count; i++)
		size += 5 + (size_t)event->meta[i].name.size;
	envelope->leaves = envelope->on_stack;
	envelope->paths = NULL;
	if (count > ENVELOPE_ON_STACK)
		envelope->leaves = malloc(count * sizeof *envelope->leaves);
	if (envelope->leaves == NULL)
		return NACRE_FILTER_NO_MEMORY;
	if (size > 0) {
		envelope->paths = malloc(size);
		if (envelope->paths == NULL) {
			envelope_release(envelope);
			return NACRE_FILTER_NO_MEMORY;
		}
	}
	return NACRE_FILTER_OK;
}

int envelope_make(struct envelope *envelope, const nacre_filter_event *event)
{
	int answer = rooms_take(envelope, event);
	if (answer < 0)
		return answer;
	envelope->view = (nacre_filter_view){ .struct_size = sizeof envelope->view,
		                              .state = NACRE_FILTER_VIEW_JSON,
		                              .root_kind = NACRE_FILTER_OBJECT,
		                              .leaf_size = sizeof(nacre_filter_leaf),
		                              .leaves = envelope->leaves };
	string_put(envelope, NC_SLICE("stream"), event->stream);
	string_put(envelope, NC_SLICE("type"), event->type);
	string_put(envelope, NC_SLICE("id"), event->id);
	number_put(envelope, NC_SLICE("seq"), event->version);
	number_put(envelope, NC_SLICE("pos"), event->position);
	time_format(event->time_ns, envelope->time);
	string_put(envelope, NC_SLICE("time"),
	           (nacre_filter_slice){ envelope->time, ENVELOPE_TIME });
	if (event->content_type.size > 0) /* unspecified: the envelope lacks it */
		string_put(envelope, NC_SLICE("content_type"), event->content_type);
	for (uint64_t i = 0; i < event->tag_count; i++)
		string_put(envelope, NC_SLICE("tags"), event->tags[i]);
	const struct nc_slice above = NC_SLICE("meta.");
	uint8_t *path = envelope->paths;
	for (uint64_t i = 0; i < event->meta_count; i++) {
		struct nc_slice name = nc_slice_in(event->meta[i].name);
		memcpy(path, above.data, above.size);
		if (name.size > 0)
			memcpy(path + above.size, name.data, name.size);
		string_put(envelope, nc_slice(path, above.size + name.size), event->meta[i].value);
		path += above.size + name.size;
	}
	return NACRE_FILTER_OK;
}

void envelope_release(struct envelope *envelope)
{
	free(envelope->paths);
	if (envelope->leaves != envelope->on_stack)
		free(envelope->leaves);
}
