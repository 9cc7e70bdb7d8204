/* SPDX-License-Identifier: Apache-2.0 */
/* expression.h -- an expression as a program, made once, run for each event.
 *
 * Its nodes are gone through in order, and hand the answer so far from one to the next: a
 * comparison makes one, NOT turns it round. AND and OR stand between their two sides, and leap over
 * the right one when the left one has decided. So it needs no stack, looks at no more than it must,
 * and nothing can point in circles: leaps go forward. */
#ifndef EXPRESSION_H
#define EXPRESSION_H

#include <nacre/nacre_filter.h>

#define NODES_MAX 512 /* of one expression */
#define DEPTH_MAX 64  /* of parentheses and nots */

enum node_kind { NODE_AND, NODE_OR, NODE_NOT, NODE_COMPARE, NODE_EXISTS };
enum comparison { EQUAL, LESS, LESS_EQUAL, GREATER, GREATER_EQUAL, STARTS, ENDS, CONTAINS };
enum field { STREAM, TYPE, ID, CONTENT_TYPE, SEQ, POS, TAG, META, DATA };

/* A value that events are compared with. */
struct value {
	uint32_t kind; /* NACRE_FILTER_NULL, FALSE, TRUE, NUMBER, STRING */
	uint32_t number_kind;
	nacre_filter_number number;
	nacre_filter_slice text;
};

struct node {
	enum node_kind kind;
	uint16_t end; /* of AND, OR: the node behind the right side */
	enum comparison comparison;
	enum field field;
	nacre_filter_slice name; /* of META: the name; of DATA: the path */
	struct value value;
};

struct expression {
	int needs_view;
	uint16_t count;
	struct node *nodes;
	uint8_t *texts;
};

/* 0, or what compile() answers, with the error filled. `text` is the expression; offsets are added
 * to `offset`, where it stands in the selector. The expression is freed by expression_free(). */
int expression_parse(nacre_filter_slice text, uint32_t offset, struct expression **expression_out,
                     nacre_filter_error *error);
void expression_free(void *expression); /* NULL is a no-op */

/* Whether it holds for an event. */
int expression_holds(const struct expression *expression, const nacre_filter_event *event);

#endif
