/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The flattened view: what leaves there are, and where they stand. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

#include "plugins/host/view.h"

static struct nc_view_builder builder;
static struct nc_arena arena;

static void teardown(void)
{
	nc_arena_release(&arena);
	nc_view_builder_release(&builder);
}

TestSuite(view, .fini = teardown);

static const nacre_filter_view *view_of(const char *content_type, struct nc_slice data)
{
	const nacre_filter_view *view =
	        nc_view_data(&builder, &arena, nc_slice_str(content_type), data);
	cr_assert_not_null(view);
	return view;
}

/* One leaf as "path@array:index=value". */
static void leaf_text(const nacre_filter_leaf *leaf, struct nc_buf *buf)
{
	static const char *const words[] = { "?",  "null", "false", "true", "#",
		                             "\"", "0x",   "[]",    "{}" };
	nc_buf_put(buf, leaf->path.data, leaf->path.size);
	for (uint32_t i = 0; i < leaf->trail_count; i++)
		nc_buf_printf(buf, "@%u:%u", leaf->trail[i].array, leaf->trail[i].index);
	nc_buf_printf(buf, "=%s", words[leaf->kind]);
	nc_buf_put(buf, leaf->text.data, leaf->text.size);
	if (leaf->number_kind == NACRE_FILTER_I64) {
		nc_buf_printf(buf, "%lld", (long long)leaf->number.i64);
	} else if (leaf->number_kind == NACRE_FILTER_U64) {
		nc_buf_printf(buf, "%lluu", (unsigned long long)leaf->number.u64);
	} else if (leaf->number_kind == NACRE_FILTER_F64) {
		nc_buf_printf(buf, "%gf", leaf->number.f64);
	}
}

static void flattens(const nacre_filter_view *view, const char *want)
{
	struct nc_buf buf = { 0 };
	for (uint64_t i = 0; i < view->leaf_count; i++) {
		if (i > 0)
			nc_buf_put_u8(&buf, ' ');
		leaf_text(nacre_filter_leaf_at(view, i), &buf);
	}
	cr_expect(nc_slice_is(nc_buf_slice(&buf), want), "%.*s, not %s", (int)buf.size,
	          (const char *)buf.data, want);
	nc_buf_release(&buf);
}

static void json(const char *text, const char *want)
{
	flattens(view_of("", nc_slice_str(text)), want);
}

Test(view, flattens_objects_and_arrays)
{
	json("{\"a\":1,\"b\":{\"c\":\"x\",\"d\":{\"e\":null}},\"f\":true}",
	     "a=#1 b.c=\"x b.d.e=null f=true");
	json("{\"a\":[1,[2,\"x\"],{\"b\":false}]}",
	     "a@0:0=#1 a@0:1@1:0=#2 a@0:1@1:1=\"x a.b@0:2=false");
	json("{\"a\":[{\"b\":1},{\"b\":2,\"c\":[3]}],\"d\":4}",
	     "a.b@0:0=#1 a.b@0:1=#2 a.c@0:1@1:0=#3 d=#4");
	json("[]", "=[]");
	json("[{}]", "@0:0={}");
	json("7", "=#7");
	json("{\"a\":{},\"b\":[],\"c\":[[]]}", "a={} b=[] c@1:0=[]");
	json("{\"\":{\"\":1},\"a.b\":2,\"a\":{\"b\":3}}", ".=#1 a.b=#2 a.b=#3");
	json("{\"a\":1,\"a\":2}", "a=#1 a=#2");
	json(" {\"k\\u0065y\\n\":\"v\\\"\"} ", "key\n=\"v\"");
	json("{\"a\":[5.0,-0,1e400,18446744073709551615,0.5]}",
	     "a@0:0=#5 a@0:1=#0 a@0:2=#inff a@0:3=#18446744073709551615u a@0:4=#0.5f");
}

Test(view, tells_depth_hash_raw_and_root)
{
	const nacre_filter_view *view =
	        view_of("", NC_SLICE("{\"a\": {\"b\" : \"x\\n\"},\"a.b\":2}"));
	cr_assert_eq(view->state, NACRE_FILTER_VIEW_JSON);
	cr_expect_eq(view->root_kind, NACRE_FILTER_OBJECT);
	const nacre_filter_leaf *first = nacre_filter_leaf_at(view, 0);
	const nacre_filter_leaf *second = nacre_filter_leaf_at(view, 1);
	cr_expect_eq(first->depth, 2u);
	cr_expect_eq(second->depth, 1u);
	cr_expect(nc_slice_is(nc_slice(first->raw.data, first->raw.size), "\"x\\n\""));
	cr_expect(nc_slice_is(nc_slice(second->raw.data, second->raw.size), "2"));
	uint64_t hash = 14695981039346656037ull; /* FNV-1a, 64 bits */
	for (const char *at = "a.b"; *at != '\0'; at++)
		hash = (hash ^ (uint8_t)*at) * 1099511628211ull;
	cr_expect_eq(first->path_hash, hash);
	cr_expect_eq(second->path_hash, hash);
	cr_expect_eq(view_of("", NC_SLICE("[1]"))->root_kind, NACRE_FILTER_ARRAY);
	cr_expect_eq(view_of("", NC_SLICE("\"x\""))->root_kind, NACRE_FILTER_STRING);
}

Test(view, says_why_there_is_none)
{
	cr_expect_eq(view_of("", NC_SLICE("plain"))->state, NACRE_FILTER_VIEW_OPAQUE);
	cr_expect_eq(view_of("", NC_SLICE("\x00\x01"))->state, NACRE_FILTER_VIEW_OPAQUE);
	cr_expect_eq(view_of("", NC_SLICE("{\"a\":"))->state, NACRE_FILTER_VIEW_MALFORMED);
	cr_expect_eq(view_of("", NC_SLICE("{} x"))->state, NACRE_FILTER_VIEW_MALFORMED);
	cr_expect_eq(view_of("", NC_SLICE("{\"a\":\"\xff\"}"))->state, NACRE_FILTER_VIEW_MALFORMED);
	cr_expect_eq(view_of("", NC_SLICE("{\"a\":"))->leaf_count, 0u);
	char deep[400];
	memset(deep, '[', sizeof deep);
	cr_expect_eq(view_of("", nc_slice(deep, sizeof deep))->state, NACRE_FILTER_VIEW_TOO_LARGE);
}

Test(view, limits_the_leaves)
{
	size_t size = 2 * ((size_t)NC_VIEW_LEAVES_MAX + 1);
	char *text = malloc(size + 1);
	cr_assert_not_null(text);
	for (size_t i = 0; i < size; i += 2)
		memcpy(text + i, ",1", 2);
	text[0] = '[';
	text[size] = ']';
	cr_expect_eq(view_of("", nc_slice(text, size + 1))->state, NACRE_FILTER_VIEW_TOO_LARGE);
	text[size - 2] = ']';
	cr_expect_eq(view_of("", nc_slice(text, size - 1))->state, NACRE_FILTER_VIEW_JSON);
	free(text);
}

static const nacre_filter_view *msgpack(struct nc_slice data)
{
	return view_of("Application/MsgPack; charset=x", data);
}

Test(view, flattens_messagepack)
{
	flattens(msgpack(NC_SLICE("\x83\xa1"
	                          "a\x01\xa1"
	                          "b\x93\xc0\xc3\xff\xa1"
	                          "c\x81\xa1"
	                          "d\xc4\x02xy")),
	         "a=#1 b@0:0=null b@0:1=true b@0:2=#-1 c.d=0xxy");
	flattens(msgpack(NC_SLICE("\x96\xcc\xff\xcd\x01\x00\xd0\x80\xd1\xff\x00\xca?\x00\x00\x00"
	                          "\xcb@\x14\x00\x00\x00\x00\x00\x00")),
	         "@0:0=#255 @0:1=#256 @0:2=#-128 @0:3=#-256 @0:4=#0.5f @0:5=#5");
	flattens(msgpack(NC_SLICE("\x93\xcf\xff\xff\xff\xff\xff\xff\xff\xff"
	                          "\xd3\x80\x00\x00\x00\x00\x00\x00\x00\xd9\x02hi")),
	         "@0:0=#18446744073709551615u @0:1=#-9223372036854775808 @0:2=\"hi");
	flattens(msgpack(NC_SLICE("\xde\x00\x01\xa1"
	                          "a\xdc\x00\x02\x90\x80")),
	         "a@0:0=[] a@0:1={}");
	cr_expect_eq(msgpack(NC_SLICE("\x80"))->state, NACRE_FILTER_VIEW_MSGPACK);
	cr_expect_eq(msgpack(NC_SLICE("\x80"))->root_kind, NACRE_FILTER_OBJECT);
}

Test(view, refuses_broken_messagepack)
{
	static const struct nc_slice broken[] = {
		{ NULL, 0 },
		{ (const uint8_t *)"\xc1", 1 },         /* never used */
		{ (const uint8_t *)"\x80\x80", 2 },     /* something behind */
		{ (const uint8_t *)"\x81", 1 },         /* no pair */
		{ (const uint8_t *)"\x81\x01\x01", 3 }, /* a key that is no string */
		{ (const uint8_t *)"\xa2x", 2 },        /* short */
		{ (const uint8_t *)"\xa1\xff", 2 },     /* no UTF-8 */
		{ (const uint8_t *)"\xdd\xff\xff\xff\xff", 5 },
		{ (const uint8_t *)"\xc6\xff\xff\xff\xff", 5 },
		{ (const uint8_t *)"\xcb\x00", 2 },
	};
	for (size_t i = 0; i < sizeof broken / sizeof *broken; i++)
		cr_expect_eq(msgpack(broken[i])->state, NACRE_FILTER_VIEW_MALFORMED, "case %zu", i);
	char deep[200];
	memset(deep, 0x91, sizeof deep);
	cr_expect_eq(msgpack(nc_slice(deep, sizeof deep))->state, NACRE_FILTER_VIEW_TOO_LARGE);
}
