/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "transport/nats/packed.h"

#include <criterion/criterion.h>
#include <stdio.h>

static struct nc_packed packed;
static struct nc_buf meta;

static void teardown(void)
{
	nc_packed_release(&packed);
	nc_buf_release(&meta);
}

TestSuite(packed, .fini = teardown);

static void meta_put(const char *name, const char *value)
{
	nc_event_meta_put(&meta, nc_slice_str(name), nc_slice_str(value));
}

/* The body that holds one event with the metadata, as text. */
static const char *body_of(enum nc_format format)
{
	const struct nc_event event = { .stream = NC_SLICE("s"),
		                        .type = NC_SLICE("T"),
		                        .id = NC_SLICE("i"),
		                        .data = NC_SLICE("1"),
		                        .meta = nc_buf_slice(&meta) };
	packed.format = format;
	packed.size_max = 1u << 20;
	cr_assert_eq(nc_packed_add(&packed, &event), NC_OK);
	cr_assert_gt(nc_packed_take(&packed).size, 0);
	nc_buf_put_u8(&packed.body, 0);
	return (const char *)packed.body.data;
}

static bool has(const char *text, size_t size)
{
	for (size_t i = 0; i + size <= packed.body.size; i++) {
		if (memcmp(packed.body.data + i, text, size) == 0)
			return true;
	}
	return false;
}

Test(packed, has_each_name_of_metadata_once_with_all_its_values_as_they_came)
{
	meta_put("b", "1");
	meta_put("a", "2");
	meta_put("b", "0");
	meta_put("c", "");
	meta_put("b", "3");
	cr_expect_not_null(strstr(body_of(NC_FORMAT_JSON),
	                          "\"meta\":{\"b\":[\"1\",\"0\",\"3\"],\"a\":\"2\",\"c\":\"\"}"));
	(void)body_of(NC_FORMAT_MSGPACK);
	static const char packs[] = "\xa4meta\x83\xa1"
	                            "b\x93\xa1"
	                            "1\xa1"
	                            "0\xa1"
	                            "3\xa1"
	                            "a\xa1"
	                            "2\xa1"
	                            "c\xa0";
	cr_expect(has(packs, sizeof packs - 1));
}

Test(packed, has_metadata_that_is_empty)
{
	cr_expect_not_null(strstr(body_of(NC_FORMAT_JSON), "\"meta\":{}"));
}

/* As many as an append may have. To look at all of them for each of them would take minutes. */
Test(packed, takes_events_of_ten_thousand_names, .timeout = 60)
{
	char name[16];
	for (unsigned i = 0; meta.size < NC_EVENT_META_SIZE_MAX - 8; i++) {
		(void)snprintf(name, sizeof name, "%x", 0x1000 + i);
		meta_put(name, "");
	}
	for (int i = 0; i < 100; i++) {
		cr_assert_not_null(strstr(body_of(NC_FORMAT_JSON), "\"1000\":\"\",\"1001\":\"\""));
		(void)body_of(NC_FORMAT_MSGPACK);
	}
}
