/* SPDX-License-Identifier: GPL-3.0-or-later */
/* nats_private.h -- tokens, for the single pattern and for the trie. */
#ifndef NC_PLUGINS_PATTERN_NATS_PRIVATE_H
#define NC_PLUGINS_PATTERN_NATS_PRIVATE_H

#include "plugins/pattern/nats.h"

/* The token at the front of a name. *rest_out is what follows the dot behind it; its pointer is
 * NULL if there is no dot. */
struct nc_slice nc_nats_token(struct nc_slice name, struct nc_slice *rest_out);

/* Whether a token of a pattern, not '>', matches a token of a name. */
bool nc_nats_token_match(struct nc_slice pattern, struct nc_slice token);

#endif
