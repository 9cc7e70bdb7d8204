/* SPDX-License-Identifier: GPL-3.0-or-later */
/* by_pattern -- events by NATS patterns on the stream's name ("orders.*", ["a.>","b-*"]), or by an
 * EventBridge pattern on the envelope, an object (PROTOCOL.md section 9). */
#include <stdlib.h>

#include "plugins/by_pattern/by_pattern_private.h"

static int subject_add(struct nc_names *subjects, const nacre_filter_selector *selector,
                       const nacre_filter_leaf *leaf, nacre_filter_error *error)
{
	size_t at;
	const char *expected = nc_nats_check(nc_slice_in(leaf->text), &at);
	if (expected != NULL) {
		return nc_selector_refuse(error,
		                          at == 0 ? nc_selector_offset(selector, leaf)
		                                  : nc_selector_text_offset(selector, leaf, at),
		                          "expected %s", expected);
	}
	return nc_names_add(subjects, nc_slice_in(leaf->text)) == NC_OK
	               ? NACRE_FILTER_OK
	               : nc_selector_no_memory(error);
}

static int subjects_compile(struct by_pattern *filter, const nacre_filter_selector *selector,
                            nacre_filter_error *error)
{
	int answer = nc_selector_strings(
	        selector, "a NATS pattern, a list of them, or an object on the envelope", error);
	for (uint64_t i = 0; answer >= 0 && i < selector->view->leaf_count; i++) {
		answer = subject_add(&filter->subjects, selector,
		                     nacre_filter_leaf_at(selector->view, i), error);
	}
	return answer;
}

static void by_pattern_destroy(void *compiled)
{
	struct by_pattern *filter = compiled;
	if (filter == NULL)
		return;
	nc_names_release(&filter->subjects);
	nc_pattern_free(filter->envelope);
	free(filter);
}

static int by_pattern_compile(const nacre_filter_host *host, const nacre_filter_selector *selector,
                              void **filter_out, nacre_filter_error *error)
{
	(void)host;
	*filter_out = NULL;
	struct by_pattern *filter = calloc(1, sizeof *filter);
	if (filter == NULL)
		return nc_selector_no_memory(error);
	int answer = selector->view->root_kind == NACRE_FILTER_OBJECT
	                     ? nc_pattern_compile(nc_slice_in(selector->source), envelope_field,
	                                          &filter->envelope, error)
	                     : subjects_compile(filter, selector, error);
	if (answer < 0) {
		by_pattern_destroy(filter);
	} else {
		*filter_out = filter;
	}
	return answer;
}

/* ---- Hints ---------------------------------------------------------------------------------- */

/* A field of one alternative whose every value is a whole string or a beginning. */
static const struct nc_field *hint_field(const struct nc_alternative *alternative, const char *name)
{
	for (size_t i = 0; i < alternative->field_count; i++) {
		const struct nc_field *field = alternative->fields[i];
		if (!nc_slice_is(field->path, name) || field->may_lack)
			continue;
		for (size_t k = 0; k < field->matcher_count; k++) {
			if (field->matchers[k].kind != NC_MATCH_STRING &&
			    field->matchers[k].kind != NC_MATCH_PREFIX)
				return NULL;
		}
		return field;
	}
	return NULL;
}

static uint16_t hint_kind(const struct nc_matcher *matcher)
{
	return matcher->kind == NC_MATCH_STRING ? NACRE_FILTER_EXACT : NACRE_FILTER_PREFIX;
}

/* What a hint can say, the rarest first: fields of the envelope. */
enum hinted { HINTED_STREAM, HINTED_TAG, HINTED_TYPE, HINTED_COUNT };
static const char *const hinted_fields[HINTED_COUNT] = { "stream", "tags", "type" };

static nacre_filter_hint hint_make(enum hinted hinted, const struct nc_matcher *matcher)
{
	nacre_filter_hint hint = { .struct_size = sizeof hint };
	if (hinted == HINTED_STREAM) {
		hint.stream_kind = hint_kind(matcher);
		hint.stream = nc_slice_out(matcher->text);
	} else if (hinted == HINTED_TAG) {
		hint.tag_kind = hint_kind(matcher);
		hint.tag = nc_slice_out(matcher->text);
	} else {
		hint.type_kind = hint_kind(matcher);
		hint.type = nc_slice_out(matcher->text);
	}
	return hint;
}

/* The field that an alternative's hints are made of; NULL: there is none. */
static const struct nc_field *hint_source(const struct nc_alternative *alternative,
                                          enum hinted *hinted_out)
{
	const struct nc_field *field = NULL;
	for (unsigned i = 0; field == NULL && i < HINTED_COUNT; i++) {
		field = hint_field(alternative, hinted_fields[i]);
		*hinted_out = (enum hinted)i;
	}
	return field;
}

/* One hint a value of that field. */
static void alternative_hint(const struct nc_alternative *alternative, nacre_filter_emit_fn *emit,
                             void *emit_ctx)
{
	enum hinted hinted;
	const struct nc_field *field = hint_source(alternative, &hinted);
	for (size_t i = 0; field != NULL && i < field->matcher_count; i++) {
		const nacre_filter_hint hint = hint_make(hinted, &field->matchers[i]);
		emit(emit_ctx, &hint);
	}
}

static int envelope_hints(const struct nc_pattern *pattern, nacre_filter_emit_fn *emit,
                          void *emit_ctx)
{
	/* All alternatives or none: what one of them leaves open, the union does. */
	for (size_t i = 0; i < pattern->alternative_count; i++) {
		enum hinted hinted;
		if (hint_source(&pattern->alternatives[i], &hinted) == NULL)
			return NACRE_FILTER_HINTS_LOOSE;
	}
	for (size_t i = 0; i < pattern->alternative_count; i++)
		alternative_hint(&pattern->alternatives[i], emit, emit_ctx);
	return NACRE_FILTER_HINTS_LOOSE;
}

static int by_pattern_hints(const void *compiled, nacre_filter_emit_fn *emit, void *emit_ctx)
{
	const struct by_pattern *filter = compiled;
	if (filter->envelope != NULL)
		return envelope_hints(filter->envelope, emit, emit_ctx);
	bool exact = true;
	for (size_t i = 0; i < filter->subjects.count; i++) {
		struct nc_slice subject = filter->subjects.items[i].bytes;
		struct nc_slice literal = nc_nats_literal(subject);
		bool whole = literal.size == subject.size;
		const nacre_filter_hint hint = {
			.struct_size = sizeof hint,
			.stream_kind = whole ? NACRE_FILTER_EXACT : NACRE_FILTER_PREFIX,
			.stream = nc_slice_out(literal),
		};
		emit(emit_ctx, &hint);
		exact = exact && whole;
	}
	return exact ? NACRE_FILTER_HINTS_FULL : NACRE_FILTER_HINTS_LOOSE;
}

/* ---- Answers -------------------------------------------------------------------------------- */

static int event_match(const struct by_pattern *filter, const nacre_filter_event *event)
{
	if (filter->envelope == NULL) {
		for (size_t i = 0; i < filter->subjects.count; i++) {
			if (nc_nats_match(filter->subjects.items[i].bytes,
			                  nc_slice_in(event->stream)))
				return 1;
		}
		return 0;
	}
	struct envelope envelope;
	int answer = envelope_make(&envelope, event);
	if (answer < 0)
		return answer;
	answer = nc_pattern_match(filter->envelope, &envelope.view);
	envelope_release(&envelope);
	return answer;
}

static int by_pattern_match(const void *filter, const nacre_filter_event *const *events,
                            uint64_t event_count, uint64_t *matched)
{
	for (uint64_t i = 0; i < event_count; i++) {
		int answer = event_match(filter, events[i]);
		if (answer < 0)
			return answer;
		matched[i / 64] |= (uint64_t)answer << i % 64;
	}
	return NACRE_FILTER_OK;
}

const nacre_filter_plugin *nacre_filter_plugin_v1(const nacre_filter_host *host)
{
	static const nacre_filter_plugin plugin = {
		.struct_size = sizeof plugin,
		.abi_minor = NACRE_FILTER_ABI_MINOR,
		.name = "by_pattern",
		.build = NACRE_VERSION,
		.summary = "events by NATS patterns on the stream, or by an EventBridge pattern on "
		           "the "
		           "envelope",
		.compile = by_pattern_compile,
		.destroy = by_pattern_destroy,
		.hints = by_pattern_hints,
		.match = by_pattern_match,
		.set_build = by_pattern_set_build,
		.set_match = by_pattern_set_match,
		.set_destroy = by_pattern_set_destroy,
	};
	(void)host;
	return &plugin;
}
