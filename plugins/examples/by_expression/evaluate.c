/* SPDX-License-Identifier: Apache-2.0 */
/* Running an expression over an event. */
#include "expression.h"

#include <string.h>

/* ---- Comparing ------------------------------------------------------------------------------ */

/* Numbers of one form are equal exactly when their bits are, and an integer that fits is one. */
static double as_double(uint32_t kind, nacre_filter_number number)
{
	if (kind == NACRE_FILTER_F64)
		return number.f64;
	return kind == NACRE_FILTER_I64 ? (double)number.i64 : (double)number.u64;
}

/* Below, equal or above 0. An I64 is below every U64; both are compared with a double as doubles.
 */
static int numbers_order(uint32_t a_kind, nacre_filter_number a, uint32_t b_kind,
                         nacre_filter_number b)
{
	if (a_kind == NACRE_FILTER_I64 && b_kind == NACRE_FILTER_I64)
		return (a.i64 > b.i64) - (a.i64 < b.i64);
	if (a_kind == NACRE_FILTER_U64 && b_kind == NACRE_FILTER_U64)
		return (a.u64 > b.u64) - (a.u64 < b.u64);
	if (a_kind != NACRE_FILTER_F64 && b_kind != NACRE_FILTER_F64)
		return a_kind == NACRE_FILTER_U64 ? 1 : -1;
	double x = as_double(a_kind, a), y = as_double(b_kind, b);
	return (x > y) - (x < y);
}

static int texts_order(nacre_filter_slice a, nacre_filter_slice b)
{
	uint64_t size = a.size < b.size ? a.size : b.size;
	int order = size == 0 ? 0 : memcmp(a.data, b.data, (size_t)size);
	return order != 0 ? order : (a.size > b.size) - (a.size < b.size);
}

static int text_at(nacre_filter_slice text, uint64_t at, nacre_filter_slice part)
{
	return part.size == 0 || memcmp(text.data + at, part.data, (size_t)part.size) == 0;
}

static int text_holds(nacre_filter_slice text, enum comparison comparison, nacre_filter_slice part)
{
	if (part.size > text.size)
		return 0;
	uint64_t last = text.size - part.size;
	if (comparison == STARTS)
		return text_at(text, 0, part);
	if (comparison == ENDS)
		return text_at(text, last, part);
	for (uint64_t at = 0; at <= last; at++) {
		if (text_at(text, at, part))
			return 1;
	}
	return 0;
}

static int order_holds(int order, enum comparison comparison)
{
	switch (comparison) {
	case EQUAL:
		return order == 0;
	case LESS:
		return order < 0;
	case LESS_EQUAL:
		return order <= 0;
	case GREATER:
		return order > 0;
	default:
		return order >= 0;
	}
}

static int text_compare(const struct node *node, nacre_filter_slice text)
{
	if (node->value.kind != NACRE_FILTER_STRING)
		return 0;
	if (node->comparison >= STARTS)
		return text_holds(text, node->comparison, node->value.text);
	return order_holds(texts_order(text, node->value.text), node->comparison);
}

static int number_compare(const struct node *node, uint32_t kind, nacre_filter_number number)
{
	return node->value.kind == NACRE_FILTER_NUMBER && node->comparison < STARTS &&
	       order_holds(numbers_order(kind, number, node->value.number_kind, node->value.number),
	                   node->comparison);
}

static int leaf_compare(const struct node *node, const nacre_filter_leaf *leaf)
{
	if (leaf->kind == NACRE_FILTER_STRING)
		return text_compare(node, leaf->text);
	if (leaf->kind == NACRE_FILTER_NUMBER)
		return number_compare(node, leaf->number_kind, leaf->number);
	return node->comparison == EQUAL && leaf->kind == node->value.kind &&
	       leaf->kind <= NACRE_FILTER_TRUE;
}

/* ---- Fields --------------------------------------------------------------------------------- */

static int same(nacre_filter_slice a, nacre_filter_slice b)
{
	return a.size == b.size && text_at(a, 0, b);
}

/* Whether the node, a comparison or an `exists`, holds for this text. */
static int text_holds_for(const struct node *node, nacre_filter_slice text, int there)
{
	return there && (node->kind == NODE_EXISTS || text_compare(node, text));
}

static int integer_holds_for(const struct node *node, uint64_t value)
{
	nacre_filter_number number;
	uint32_t kind = value > INT64_MAX ? NACRE_FILTER_U64 : NACRE_FILTER_I64;
	if (kind == NACRE_FILTER_U64) {
		number.u64 = value;
	} else {
		number.i64 = (int64_t)value;
	}
	return node->kind == NODE_EXISTS || number_compare(node, kind, number);
}

static int data_holds(const struct node *node, const nacre_filter_view *view)
{
	for (uint64_t i = 0; view != NULL && i < view->leaf_count; i++) {
		const nacre_filter_leaf *leaf = nacre_filter_leaf_at(view, i);
		if (same(leaf->path, node->name) &&
		    (node->kind == NODE_EXISTS || leaf_compare(node, leaf)))
			return 1;
	}
	return 0;
}

static int lists_hold(const struct node *node, const nacre_filter_event *event)
{
	if (node->field == DATA)
		return data_holds(node, event->view);
	for (uint64_t i = 0; node->field == TAG && i < event->tag_count; i++) {
		if (text_holds_for(node, event->tags[i], 1))
			return 1;
	}
	for (uint64_t i = 0; node->field == META && i < event->meta_count; i++) {
		if (same(event->meta[i].name, node->name) &&
		    text_holds_for(node, event->meta[i].value, 1))
			return 1;
	}
	return 0;
}

static int field_holds(const struct node *node, const nacre_filter_event *event)
{
	switch (node->field) {
	case STREAM:
		return text_holds_for(node, event->stream, 1);
	case TYPE:
		return text_holds_for(node, event->type, 1);
	case ID:
		return text_holds_for(node, event->id, 1);
	case CONTENT_TYPE:
		return text_holds_for(node, event->content_type, event->content_type.size > 0);
	case SEQ:
		return integer_holds_for(node, event->version);
	case POS:
		return integer_holds_for(node, event->position);
	default:
		return lists_hold(node, event);
	}
}

/* ---- The program ---------------------------------------------------------------------------- */

int expression_holds(const struct expression *expression, const nacre_filter_event *event)
{
	int holds = 0;
	for (uint16_t at = 0; at < expression->count;) {
		const struct node *node = &expression->nodes[at++];
		if (node->kind == NODE_AND) {
			at = holds ? at : node->end;
		} else if (node->kind == NODE_OR) {
			at = holds ? node->end : at;
		} else if (node->kind == NODE_NOT) {
			holds = !holds;
		} else {
			holds = field_holds(node, event);
		}
	}
	return holds;
}
