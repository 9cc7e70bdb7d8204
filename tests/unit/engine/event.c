/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Records, rows and made ids: what goes in comes out, and nothing spoilt is believed. */
#include <criterion/criterion.h>

#include "core/engine/event.h"

static void sample(struct nc_buf *record)
{
	struct nc_buf tags = { 0 }, meta = { 0 };
	nc_event_tag_put(&tags, NC_SLICE("customer:7"));
	nc_event_tag_put(&tags, NC_SLICE("eu"));
	nc_event_meta_put(&meta, NC_SLICE("user"), NC_SLICE("7"));
	nc_event_meta_put(&meta, NC_SLICE("user"), NC_SLICE(""));
	const struct nc_event event = {
		.stream = NC_SLICE("orders.42"),
		.type = NC_SLICE("OrderPlaced"),
		.id = NC_SLICE("e1"),
		.content_type = NC_SLICE("application/json"),
		.tags = nc_buf_slice(&tags),
		.meta = nc_buf_slice(&meta),
		.data = NC_SLICE("{\"total\":9}"),
	};
	nc_event_record_put(record, &event);
	nc_buf_release(&tags);
	nc_buf_release(&meta);
}

Test(event, record_gives_back_every_member)
{
	struct nc_buf record = { 0 };
	sample(&record);
	struct nc_event event;
	cr_assert_eq(nc_event_record_get(nc_buf_slice(&record), &event), NC_OK);
	cr_expect(nc_slice_is(event.stream, "orders.42"));
	cr_expect(nc_slice_is(event.type, "OrderPlaced"));
	cr_expect(nc_slice_is(event.id, "e1"));
	cr_expect(nc_slice_is(event.content_type, "application/json"));
	cr_expect(nc_slice_is(event.data, "{\"total\":9}"));
	cr_expect_eq(event.tag_count, 2u);
	struct nc_slice tag, name, value;
	cr_assert(nc_event_tag_next(&event.tags, &tag) && nc_slice_is(tag, "customer:7"));
	cr_assert(nc_event_tag_next(&event.tags, &tag) && nc_slice_is(tag, "eu"));
	cr_assert_not(nc_event_tag_next(&event.tags, &tag));
	cr_assert(nc_event_meta_next(&event.meta, &name, &value));
	cr_expect(nc_slice_is(name, "user") && nc_slice_is(value, "7"));
	cr_assert(nc_event_meta_next(&event.meta, &name, &value));
	cr_expect(nc_slice_is(name, "user") && value.size == 0);
	cr_assert_not(nc_event_meta_next(&event.meta, &name, &value));
	nc_buf_release(&record);
}

Test(event, record_believes_no_flipped_bit_and_no_truncation)
{
	struct nc_buf record = { 0 };
	sample(&record);
	struct nc_event event;
	for (size_t bit = 0; bit < record.size * 8; bit++) {
		record.data[bit / 8] ^= (uint8_t)(1u << bit % 8);
		cr_expect_neq(nc_event_record_get(nc_buf_slice(&record), &event), NC_OK);
		record.data[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
	for (size_t size = 0; size < record.size; size++)
		cr_expect_neq(nc_event_record_get(nc_slice(record.data, size), &event), NC_OK);
	nc_buf_release(&record);
}

/* Only the checksum is left out, not the care for lengths. */
Test(event, applied_record_is_read_as_a_placed_one)
{
	struct nc_buf record = { 0 };
	sample(&record);
	struct nc_event placed, applied;
	struct nc_slice whole = nc_buf_slice(&record);
	cr_assert_eq(nc_event_placed_get(whole, 9, 3, 77, &placed), NC_OK);
	cr_assert_eq(nc_event_applied_get(whole, 9, 3, 77, &applied), NC_OK);
	cr_expect(applied.position == 9 && applied.version == 3 && applied.time_ns == 77);
	cr_expect(nc_slice_eq(applied.stream, placed.stream) &&
	          nc_slice_eq(applied.type, placed.type) && nc_slice_eq(applied.id, placed.id) &&
	          nc_slice_eq(applied.content_type, placed.content_type) &&
	          nc_slice_eq(applied.tags, placed.tags) &&
	          nc_slice_eq(applied.meta, placed.meta) && nc_slice_eq(applied.data, placed.data));
	for (size_t size = 0; size < whole.size; size++) {
		cr_expect_neq(nc_event_applied_get(nc_slice(whole.data, size), 9, 3, 77, &applied),
		              NC_OK, "%zu bytes of it", size);
	}
	nc_buf_release(&record);
}

Test(event, row_is_not_believed_in_another_place)
{
	struct nc_buf record = { 0 }, row = { 0 };
	sample(&record);
	const uint64_t tag_ids[] = { 300, 5 };
	const struct nc_event_keys keys = { .stream_id = 9,
		                            .version = 3,
		                            .type_id = 1,
		                            .category_id = 2,
		                            .tag_ids = tag_ids,
		                            .tag_count = 2 };
	nc_event_row_put(&row, 1042, 77, &keys, nc_buf_slice(&record));
	struct nc_event event;
	cr_assert_eq(nc_event_row_get(1042, nc_buf_slice(&row), &event), NC_OK);
	cr_expect_eq(event.position, 1042u);
	cr_expect_eq(event.version, 3u);
	cr_expect_eq(event.time_ns, 77u);
	cr_expect_eq(nc_event_row_get(1041, nc_buf_slice(&row), &event), NC_CORRUPT);

	uint64_t room[NC_STATE_TAG_COUNT_MAX];
	struct nc_event_keys back;
	cr_assert_eq(nc_event_row_keys(nc_buf_slice(&row), room, &back), NC_OK);
	cr_expect_eq(back.stream_id, 9u);
	cr_expect_eq(back.version, 3u);
	cr_expect_eq(back.type_id, 1u);
	cr_expect_eq(back.category_id, 2u);
	cr_expect_eq(back.tag_count, 2u);
	cr_expect_eq(back.tag_ids[0], 300u);
	cr_expect(nc_slice_is(back.id, "e1"));
	nc_buf_release(&record);
	nc_buf_release(&row);
}

Test(event, made_id_is_a_uuid_of_version_7_that_holds_its_position)
{
	char id[NC_EVENT_ID_MADE_SIZE + 1];
	const uint64_t positions[] = { 1, 2, 1042, UINT64_C(1) << 40, (UINT64_C(1) << 48) - 1 };
	for (size_t i = 0; i < sizeof positions / sizeof positions[0]; i++) {
		nc_event_id_make(UINT64_C(1790000000123456789), positions[i], id);
		cr_expect_eq(strlen(id), (size_t)NC_EVENT_ID_MADE_SIZE);
		cr_expect_eq(id[14], '7');
		cr_expect(strchr("89ab", id[19]) != NULL);
		uint64_t position = 0;
		cr_assert(nc_event_id_position(nc_slice_str(id), &position));
		cr_expect_eq(position, positions[i]);
	}
	uint64_t position;
	cr_expect_not(nc_event_id_position(NC_SLICE("e1"), &position));
	cr_expect_not(
	        nc_event_id_position(NC_SLICE("0190e0f2-7d4b-4e5a-9c3d-000000000001"), &position),
	        "version 4");
	cr_expect_not(
	        nc_event_id_position(NC_SLICE("0190E0F2-7D4B-7E5A-9C3D-000000000001"), &position),
	        "not as it is made");
}
