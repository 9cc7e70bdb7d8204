/* SPDX-License-Identifier: GPL-3.0-or-later */
/* definition_private.h -- words that reading and writing a definition share. */
#ifndef NC_CORE_DELIVERY_DEFINITION_PRIVATE_H
#define NC_CORE_DELIVERY_DEFINITION_PRIVATE_H

#include "core/delivery/definition.h"

/* By the enums' numbers; NULL ends each. */
extern const char *const nc_words_ack[];
extern const char *const nc_words_exhausted[];
extern const char *const nc_words_placement[];

#endif
