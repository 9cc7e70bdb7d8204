/* SPDX-License-Identifier: GPL-3.0-or-later */
/* core/delivery/ack.h: answers, where they go, and pull requests. */
#include <criterion/criterion.h>

#include "core/delivery/ack.h"

static struct nc_ack parsed(const char *body)
{
	struct nc_ack ack;
	nc_ack_parse(nc_slice_str(body), &ack);
	return ack;
}

Test(ack, knows_every_answer)
{
	static const struct {
		const char *body;
		enum nc_ack_kind kind;
	} cases[] = {
		{ "", NC_ACK_IS_DONE },
		{ "+ACK", NC_ACK_IS_DONE },
		{ "{\"stream\":\"S\",\"seq\":7}", NC_ACK_IS_DONE },
		{ "{\"stream\":\"S\", \"domain\":\"d\", \"seq\":7, \"duplicate\":true}",
		  NC_ACK_IS_DONE },
		{ "-NAK", NC_ACK_IS_NAK },
		{ "-NAK {\"delay_ms\":5}", NC_ACK_IS_NAK },
		{ "-NAK{\"delay\":5}", NC_ACK_IS_NAK },
		{ "-NAK {}", NC_ACK_IS_NAK },
		{ "-NAK{ }", NC_ACK_IS_NAK },
		{ "+WPI", NC_ACK_IS_WPI },
		{ "+TERM", NC_ACK_IS_TERM },
		{ "+TERM it is broken ", NC_ACK_IS_TERM },
		{ "+NXT", NC_ACK_IS_NEXT },
		{ "+NXT 5", NC_ACK_IS_NEXT },
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		cr_expect_eq(parsed(cases[i].body).kind, cases[i].kind, "%s", cases[i].body);
	cr_expect(nc_slice_is(parsed("+TERM it is broken ").reason, "it is broken"));
	cr_expect(nc_slice_is(parsed("+NXT {\"batch\":2}").next, "{\"batch\":2}"));
}

Test(ack, ignores_everything_else)
{
	static const char *const bodies[] = {
		"+ack",
		"ACK",
		" +ACK",
		"+ACKNOWLEDGED",
		"+TERMINATE",
		"-NAKED",
		"ok",
		"{}",
		"[]",
		"-NAK {\"delay_ms\":-1}",
		"-NAK {\"delay_ms\":1.5}",
		"-NAK {} x",
		"-NAK {",
		"-NAK []",
		"-NAK {\"delay_ms\":1",
		"-NAK soon",
		"-NAK {\"delay_ms\":1,\"delay\":1}",
		"-NAK {\"delay_ms\":1} x",
		"{\"stream\":\"S\"}",
		"{\"seq\":7}",
		"{\"stream\":1,\"seq\":7}",
		"{\"error\":{\"code\":503},\"stream\":\"S\",\"seq\":0}",
		"{\"stream\":\"S\",\"seq\":7",
		"{\"stream\":\"S\",\"seq\":7} {}",
	};
	for (size_t i = 0; i < sizeof bodies / sizeof *bodies; i++)
		cr_expect_eq(parsed(bodies[i]).kind, NC_ACK_IS_NOTHING, "%s", bodies[i]);
}

Test(ack, delays_are_in_their_units)
{
	cr_expect_not(parsed("-NAK").has_delay);
	cr_expect_not(parsed("-NAK {}").has_delay);
	cr_expect(parsed("-NAK {\"delay\":0}").has_delay);
	cr_expect_eq(parsed("-NAK {\"delay_ms\":5}").delay_ns, 5000000);
	cr_expect_eq(parsed("-NAK {\"delay\":5}").delay_ns, 5);
	cr_expect_eq(parsed("-NAK {\"delay_ms\":18446744073709551615}").delay_ns, UINT64_MAX);
}

Test(ack, an_address_comes_back_as_it_went)
{
	struct nc_ack_address to = { NC_SLICE("bill-ing_1"), 0, UINT64_MAX, UINT32_MAX }, from;
	struct nc_buf buf = { 0 };
	nc_ack_address_begin(&buf, to.name, to.epoch);
	nc_ack_address_end(&buf, to.position, to.attempt);
	cr_expect(nc_slice_is(nc_buf_slice(&buf), "bill-ing_1.0.18446744073709551615.4294967295"));
	cr_assert_eq(nc_ack_address_get(nc_buf_slice(&buf), &from), NC_OK);
	cr_expect(nc_slice_eq(from.name, to.name));
	cr_expect_eq(from.epoch, to.epoch);
	cr_expect_eq(from.position, to.position);
	cr_expect_eq(from.attempt, to.attempt);
	nc_buf_release(&buf);
}

Test(ack, refuses_addresses_of_another_shape)
{
	static const char *const texts[] = {
		"",
		"a",
		"a.1.1",
		"a.1.1.1.1",
		".1.1.1",
		"a..1.1",
		"a.1.1.",
		"a.+1.1.1",
		"a.01.1.1",
		"a.1.0.1",
		"a.1.1.0",
		"a.1.18446744073709551616.1",
		"a.1.99999999999999999999.1",
		"a.1.184467440737095516150.1",
		"a.1.1.4294967296",
		"a b.1.1.1",
		"a.1.1x.1",
		"a.-1.1.1",
	};
	struct nc_ack_address address;
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
		cr_expect_eq(nc_ack_address_get(nc_slice_str(texts[i]), &address), NC_INVALID, "%s",
		             texts[i]);
	}
}

Test(next, reads_the_forms_of_a_request)
{
	struct nc_next next;
	struct nc_buf why = { 0 };
	cr_assert_eq(nc_next_parse(NC_SLICE(""), &next, &why), NC_OK);
	cr_expect_eq(next.batch, 1);
	cr_expect_eq(next.expires_ms, NC_NEXT_EXPIRES_MS);
	cr_assert_eq(nc_next_parse(NC_SLICE("25"), &next, &why), NC_OK);
	cr_expect_eq(next.batch, 25);
	cr_assert_eq(nc_next_parse(NC_SLICE("{\"batch\":10,\"expires_ms\":5000,\"no_wait\":true,"
	                                    "\"max_bytes\":99}"),
	                           &next, &why),
	             NC_OK);
	cr_expect_eq(next.batch, 10);
	cr_expect_eq(next.expires_ms, 5000);
	cr_expect_eq(next.max_bytes, 99);
	cr_expect(next.no_wait);
	cr_assert_eq(nc_next_parse(NC_SLICE("{\"max_bytes\":18446744073709551616}"), &next, &why),
	             NC_OK);
	cr_expect_eq(next.max_bytes, UINT64_MAX, "as much as there is");
	cr_expect_eq(why.size, 0);
	nc_buf_release(&why);
}

Test(next, says_what_it_does_not_understand)
{
	static const struct {
		const char *body, *why;
	} cases[] = {
		{ "{\"batch\":0}", "batch: a whole number from 1 to 65536 is expected" },
		{ "0", "batch: a whole number from 1 to 65536 is expected" },
		{ "{\"expires\":5}", "unknown member \"expires\"" },
		{ "{\"batch\":1,\"batch\":1}", "member \"batch\" twice" },
		{ "{\"no_wait\":1}", "no_wait: true or false is expected" },
		{ "{\"expires_ms\":0}",
		  "expires_ms: a whole number from 1 to 3600000 is expected" },
		{ "{\"max_bytes\":1e3}", "max_bytes: a whole number from 1 on is expected" },
		{ "{\"max_bytes\":\"1\"}", "max_bytes: a whole number from 1 on is expected" },
		{ "[]", "body: an object or a number is expected" },
		{ "{\"batch\":1", "not JSON: " },
		{ "5 5", "not JSON: " },
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct nc_next next;
		struct nc_buf why = { 0 };
		cr_expect_eq(nc_next_parse(nc_slice_str(cases[i].body), &next, &why), NC_INVALID,
		             "%s", cases[i].body);
		cr_expect(nc_slice_starts(nc_buf_slice(&why), nc_slice_str(cases[i].why)),
		          "%s: %.*s", cases[i].body, (int)why.size, (char *)why.data);
		nc_buf_release(&why);
	}
}

Test(ack, reads_the_form_in_which_events_are_asked_for)
{
	static const struct {
		const char *body;
		enum nc_form form;
	} cases[] = { { "{}", NC_FORM_HEADERS },
		      { "{\"format\":\"headers\"}", NC_FORM_HEADERS },
		      { "{\"format\":\"json\"}", NC_FORM_JSON },
		      { "{\"batch\":3,\"format\":\"msgpack\"}", NC_FORM_MSGPACK } };
	static const char *const bad[] = { "{\"format\":\"messages\"}", "{\"format\":1}",
		                           "{\"format\":\"json\",\"format\":\"json\"}" };
	struct nc_buf why = { 0 };
	struct nc_next next;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		cr_assert_eq(nc_next_parse(nc_slice_str(cases[i].body), &next, &why), NC_OK);
		cr_expect_eq(next.form, cases[i].form, "%s", cases[i].body);
	}
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		cr_expect_eq(nc_next_parse(nc_slice_str(bad[i]), &next, &why), NC_INVALID);
	nc_buf_release(&why);
}
