/* SPDX-License-Identifier: GPL-3.0-or-later */
/* names.h -- which names are allowed (PROTOCOL.md sections 1 and 2). Names are decoded here; how a
 * name is spelled in a subject is the business of transport/nats/subject.h. */
#ifndef NC_CORE_ENGINE_NAMES_H
#define NC_CORE_ENGINE_NAMES_H

#include "core/base/slice.h"

#define NC_NAME_SIZE_MAX 255 /* bytes: streams, types, categories */
#define NC_WORD_SIZE_MAX 64  /* bytes: stores, nodes, subscriptions, plugins */

/* Each of these returns NULL if the name is allowed, or else why it is not, as a static text for
 * people ("holds a control character"). */

/* A stream's name. Names that begin with `$` are allowed here: see nc_name_is_system(). */
const char *nc_name_stream_fault(struct nc_slice name);
/* The name of an event type or a category. */
const char *nc_name_type_fault(struct nc_slice name);
/* A tag: 1..128 bytes, no comma, no white space, no control character, UTF-8. */
const char *nc_name_tag_fault(struct nc_slice name);
/* An event id: 1..255 bytes, no control characters, UTF-8. */
const char *nc_name_id_fault(struct nc_slice name);
/* A value of metadata, or a content type. It travels in headers and in JSON, so it must be UTF-8
 * without control characters; it may be empty. */
const char *nc_name_value_fault(struct nc_slice text);
/* [A-Za-z0-9_-]{1,64}: nodes, subscriptions, plugins. */
const char *nc_name_word_fault(struct nc_slice name);
/* [A-Za-z0-9-][A-Za-z0-9_-]{0,63}: stores. */
const char *nc_name_store_fault(struct nc_slice name);

/* Whether only the system may write to this stream, or append events of this type. */
bool nc_name_is_system(struct nc_slice name);

/* The category of a stream: the first token of its name. */
struct nc_slice nc_name_category(struct nc_slice stream);

#endif
