/* SPDX-License-Identifier: GPL-3.0-or-later */
/* config_private.h -- the table of settings (config_table.c), for those who read them (config.c).
 *
 * Threads: any; the table never changes.
 */
#ifndef NC_CORE_NODE_COMMON_CONFIG_PRIVATE_H
#define NC_CORE_NODE_COMMON_CONFIG_PRIVATE_H

#include "core/node/common/config.h"

struct nc_setting; /* opaque; a row of the table */

/* The setting of a variable ("NACRE_STORE_ID"), or of a flag without its dashes ("store-id"); NULL:
 * there is none. */
const struct nc_setting *nc_setting_by_name(const char *name, size_t size);
const struct nc_setting *nc_setting_by_flag(const char *name, size_t size);

/* Set one setting in place of what it was. Errors: NC_INVALID, out of its range, with `fault`;
 * NC_NOMEM. */
int nc_setting_set(struct nc_config *config, const struct nc_setting *setting, const char *value,
                   char fault[NC_CONFIG_FAULT_SIZE]);

/* Set all to their defaults. Errors: NC_NOMEM. */
int nc_setting_defaults(struct nc_config *config, char fault[NC_CONFIG_FAULT_SIZE]);

#endif
