/* SPDX-License-Identifier: GPL-3.0-or-later */
/* subject.h -- how names are spelled in subjects (PROTOCOL.md sections 1 and 2).
 *
 * A byte outside [A-Za-z0-9_/-] inside a token is written =HH. There is one spelling of a name: a
 * needless escape, an escaped dot in a stream, a raw byte that needs escaping are refused.
 */
#ifndef NC_TRANSPORT_NATS_SUBJECT_H
#define NC_TRANSPORT_NATS_SUBJECT_H

#include "core/base/buf.h"

/* Append the spelling of a stream's name: its dots stay, as token separators. */
void nc_subject_put_stream(struct nc_buf *buf, struct nc_slice name);
/* Append the spelling of a type, category or tag: always one token, a dot is =2E. */
void nc_subject_put_token(struct nc_buf *buf, struct nc_slice name);
/* The bytes that either appends, at most. */
size_t nc_subject_size_most(struct nc_slice name);

/* Append the name that `tail` spells to `name`. NULL if it is the one spelling of it, else why not,
 * as a static text. What the name may hold is core/engine/names.h's. */
const char *nc_subject_get_stream(struct nc_slice tail, struct nc_buf *name);
const char *nc_subject_get_token(struct nc_slice token, struct nc_buf *name);

/* Whether an application's request may not name this subject for answers or deliveries: it lies in
 * <prefix>.> or _es.>, begins with '$', holds a wildcard, or is no subject at all. */
bool nc_subject_reserved(struct nc_slice subject, const char *prefix);

/* Whether a subject lies in what a subscription asks for: '*' is any token, '>' at the end any that
 * are left, at least one. */
bool nc_subject_within(struct nc_slice subject, struct nc_slice pattern);
/* How many bytes a subject must begin with as they stand, to lie in it: those before its first
 * wildcard. What follows them lies in the rest of the pattern, or the whole does not. */
size_t nc_subject_literal(struct nc_slice pattern);
/* Whether there is a subject that lies in both. */
bool nc_subject_overlap(struct nc_slice pattern, struct nc_slice other);

#endif
