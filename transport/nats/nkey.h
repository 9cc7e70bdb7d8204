/* SPDX-License-Identifier: GPL-3.0-or-later */
/* nkey.h -- the public key that belongs to an nkey seed: nats.c wants both, and people have the
 * seed alone. Form: base32 of prefix, key, CRC-16 (NATS ADR-14).
 */
#ifndef NC_TRANSPORT_NATS_NKEY_H
#define NC_TRANSPORT_NATS_NKEY_H

#include "core/base/err.h"

#define NC_NKEY_TEXT_SIZE 57 /* bytes with the NUL */

/* Read the seed of a user in the file at `path` (the first line that begins with "SU") and make its
 * public key. Errors: NC_IO, the file cannot be read; NC_INVALID, it holds no seed of a user. */
int nc_nkey_public(const char *path, char public_out[NC_NKEY_TEXT_SIZE]);

#endif
