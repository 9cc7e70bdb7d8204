/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The public key of an nkey seed. */
#include <criterion/criterion.h>

#include "core/base/nkey.h"

/* Made once with the reference tool. */
#define SEED   "SUACSSL3UAHUDXKFSNVUZRF5UHPMWZ6BFDTJ7M6USDXIEDNPPQYYYCU3VY"
#define PUBLIC "UDXU4RCSJNZOIQHZNWXHXORDPRTGNJAHAHFRGZNEEJCPQTT2M7NLCNF4"

Test(nkey, finds_the_public_key_of_a_seed)
{
	char key[NC_NKEY_TEXT_SIZE] = "";
	cr_assert_eq(nc_nkey_public(SEED "\n", key), NC_OK);
	cr_expect_str_eq(key, PUBLIC);
}

Test(nkey, refuses_what_is_no_seed_of_a_user)
{
	char key[NC_NKEY_TEXT_SIZE] = "unchanged";
	cr_expect_eq(nc_nkey_public("", key), NC_INVALID);
	cr_expect_eq(nc_nkey_public("SUshort\n", key), NC_INVALID);
	char flipped[] = SEED;
	flipped[20] = flipped[20] == 'A' ? 'B' : 'A';
	cr_expect_eq(nc_nkey_public(flipped, key), NC_INVALID);
	cr_expect_eq(nc_nkey_public(PUBLIC, key), NC_INVALID);
	cr_expect_eq(nc_nkey_public("# a comment\n" SEED, key), NC_INVALID);
	cr_expect_str_eq(key, "unchanged");
}
