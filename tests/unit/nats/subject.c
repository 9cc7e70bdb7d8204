/* SPDX-License-Identifier: GPL-3.0-or-later */
/* How names are spelled in subjects: one spelling each. */
#include <criterion/criterion.h>

#include "transport/nats/subject.h"

static const char *stream(const char *text, struct nc_buf *name)
{
	nc_buf_clear(name);
	return nc_subject_get_stream(nc_slice_str(text), name);
}

Test(subject, gives_back_what_it_spelled_for_every_byte)
{
	struct nc_buf spelled = { 0 }, name = { 0 };
	for (unsigned byte = 1; byte < 256; byte++) {
		const uint8_t raw[] = { 'a', (uint8_t)byte, 'b' };
		nc_buf_clear(&spelled);
		nc_buf_clear(&name);
		nc_subject_put_token(&spelled, nc_slice(raw, 3));
		cr_expect_null(memchr(spelled.data, '.', spelled.size), "a token has no dot");
		cr_assert_null(nc_subject_get_token(nc_buf_slice(&spelled), &name));
		cr_expect(nc_slice_eq(nc_buf_slice(&name), nc_slice(raw, 3)), "%u", byte);
		nc_buf_clear(&spelled);
		nc_buf_clear(&name);
		nc_subject_put_stream(&spelled, nc_slice(raw, 3));
		cr_assert_null(nc_subject_get_stream(nc_buf_slice(&spelled), &name));
		cr_expect(nc_slice_eq(nc_buf_slice(&name), nc_slice(raw, 3)), "%u", byte);
	}
	nc_buf_release(&spelled);
	nc_buf_release(&name);
}

Test(subject, refuses_every_other_spelling)
{
	static const char *const bad[] = { "",     "a=2Eb", "a=41", "a=2f", "a=",  "a=2",
		                           "a=zz", "a b",   "a!b",  "=2F",  "=5F", "=2D" };
	struct nc_buf name = { 0 };
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
		cr_expect_not_null(stream(bad[i], &name), "%s", bad[i]);
	cr_expect_null(stream("a.b=20c.=C3=A9", &name));
	cr_expect(nc_slice_is(nc_buf_slice(&name), "a.b c.\xc3\xa9"));
	nc_buf_release(&name);
}

Test(subject, keeps_answers_out_of_reserved_places)
{
	static const char *const bad[] = { "",        "es.shop.append.T.x",
		                           "es",      "_es.x",
		                           "$JS.API", "$",
		                           "a.*",     "a.>",
		                           "*",       ">",
		                           "a..b",    ".a",
		                           "a.",      "a b",
		                           "a\tb",    "*.a" };
	static const char *const good[] = { "_INBOX.x", "esx.y", "a",   "work.billing",
		                            "_esx",     "a*b",   "a.b>" };
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
		cr_expect(nc_subject_reserved(nc_slice_str(bad[i]), "es"), "%s", bad[i]);
	for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
		cr_expect_not(nc_subject_reserved(nc_slice_str(good[i]), "es"), "%s", good[i]);
}

Test(subject, lies_in_what_a_subscription_asks_for_or_not)
{
	static const char *const in[][2] = { { "a.b", "a.b" },     { "a.b", "a.>" },
		                             { "a.b.c", "a.>" },   { "a.b", "*.b" },
		                             { "a.b.c", "a.*.c" }, { "a.b", "a.*" },
		                             { "a", ">" },         { "a.*x", "a.*x" } };
	static const char *const out[][2] = { { "a", "a.>" },     { "a.", "a.>" },
		                              { "a.b.c", "a.*" }, { "a.b", "a.b.c" },
		                              { "a.b.c", "a.b" }, { "ab", "a" },
		                              { "a.", "a.*" },    { "a.yx", "a.*x" },
		                              { "", "a" },        { "b.c", "a.c" } };
	for (size_t i = 0; i < sizeof in / sizeof in[0]; i++)
		cr_expect(nc_subject_within(nc_slice_str(in[i][0]), nc_slice_str(in[i][1])),
		          "%s in %s", in[i][0], in[i][1]);
	for (size_t i = 0; i < sizeof out / sizeof out[0]; i++)
		cr_expect(!nc_subject_within(nc_slice_str(out[i][0]), nc_slice_str(out[i][1])),
		          "%s not in %s", out[i][0], out[i][1]);
}

Test(subject, begins_as_a_pattern_does_before_its_first_wildcard)
{
	static const struct {
		const char *pattern;
		size_t literal;
	} cases[] = { { "a.>", 2 }, { "a.b", 3 },   { "*.b", 0 }, { ">", 0 },
		      { "a", 1 },   { "a.*.c", 2 }, { "", 0 },    { "a.*x.>", 5 } };
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
		cr_expect_eq(nc_subject_literal(nc_slice_str(cases[i].pattern)), cases[i].literal,
		             "%s", cases[i].pattern);
}

Test(subject, is_shared_by_patterns_that_overlap)
{
	static const char *const shared[][2] = { { "a.b", "a.b" },   { "a.>", "a.b.>" },
		                                 { "a.*", "*.b" },   { "a.*.c", "a.b.>" },
		                                 { ">", "a" },       { "a.*", "a.b" },
		                                 { "a.>", "a.b.c" }, { "*.*", "a.>" } };
	static const char *const apart[][2] = { { "a", "b" },     { "a.>", "a" },
		                                { "a.*", "a" },   { "a.*", "a.b.c" },
		                                { "a.b", "a.c" }, { "a.x.>", "a.y.>" },
		                                { "ab", "a" },    { "a.*.c", "a.*.d" } };
	for (size_t i = 0; i < sizeof shared / sizeof shared[0]; i++) {
		struct nc_slice one = nc_slice_str(shared[i][0]), two = nc_slice_str(shared[i][1]);
		cr_expect(nc_subject_overlap(one, two), "%s %s", shared[i][0], shared[i][1]);
		cr_expect(nc_subject_overlap(two, one), "%s %s", shared[i][1], shared[i][0]);
	}
	for (size_t i = 0; i < sizeof apart / sizeof apart[0]; i++) {
		struct nc_slice one = nc_slice_str(apart[i][0]), two = nc_slice_str(apart[i][1]);
		cr_expect(!nc_subject_overlap(one, two), "%s %s", apart[i][0], apart[i][1]);
		cr_expect(!nc_subject_overlap(two, one), "%s %s", apart[i][1], apart[i][0]);
	}
}
