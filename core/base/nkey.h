/* SPDX-License-Identifier: Apache-2.0 */
/* nkey.h -- the public key that belongs to an nkey seed: nats.c wants both, and people have the
 * seed alone. Form: base32 of prefix, key, CRC-16 (NATS ADR-14).
 */
#ifndef NC_CORE_BASE_NKEY_H
#define NC_CORE_BASE_NKEY_H

#include "core/base/err.h"

#define NC_NKEY_TEXT_SIZE 57 /* bytes with the NUL */

/* Make the public key of the seed of a user that `seed_text` begins with ("SU…"); what follows it
 * is not looked at. Errors: NC_INVALID, it does not begin with one. */
int nc_nkey_public(const char *seed_text, char public_out[NC_NKEY_TEXT_SIZE]);

#endif
