/* SPDX-License-Identifier: GPL-3.0-or-later */
/* names.h -- what may be called what (PROTOCOL.md sections 1 and 2). Decoded names; how a name is
 * spelled in a subject is transport/nats/subject.h's.
 */
#ifndef NC_CORE_ENGINE_NAMES_H
#define NC_CORE_ENGINE_NAMES_H

#include "core/base/slice.h"

#define NC_NAME_SIZE_MAX 255 /* bytes: streams, types, categories */
#define NC_WORD_SIZE_MAX 64  /* bytes: stores, nodes, subscriptions, plugins */

/* Each answers NULL if the name is fine, else why not, as a static text for people
 * ("holds a control character"). */

/* A stream's name. Names beginning with `$` are fine here: see nc_name_is_system(). */
const char *nc_name_stream_fault(struct nc_slice name);
/* An event type's, or a category's. */
const char *nc_name_type_fault(struct nc_slice name);
/* A tag: 1..128 bytes, no comma, no white space, no control character, UTF-8. */
const char *nc_name_tag_fault(struct nc_slice name);
/* An event id: 1..255 bytes, no control characters, UTF-8. */
const char *nc_name_id_fault(struct nc_slice name);
/* What travels in a header and in JSON, and may be empty: a value of metadata, a content type. No
 * control characters, UTF-8. */
const char *nc_name_value_fault(struct nc_slice text);
/* [A-Za-z0-9_-]{1,64}: nodes, subscriptions, plugins. */
const char *nc_name_word_fault(struct nc_slice name);
/* [A-Za-z0-9-][A-Za-z0-9_-]{0,63}: stores. */
const char *nc_name_store_fault(struct nc_slice name);

/* A stream that applications cannot write to, or a type that they cannot write. */
bool nc_name_is_system(struct nc_slice name);

/* The first token. */
struct nc_slice nc_name_category(struct nc_slice stream);

#endif
