/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The public key of an nkey seed. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "transport/nats/nkey.h"

static int public_of(const char *text, char public_out[NC_NKEY_TEXT_SIZE])
{
	char path[] = "/tmp/nacre_nkey_XXXXXX";
	int fd = mkstemp(path);
	cr_assert_geq(fd, 0);
	cr_assert_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	(void)close(fd);
	int err = nc_nkey_public(path, public_out);
	(void)unlink(path);
	return err;
}

/* Made once with the reference tool. */
#define SEED   "SUACSSL3UAHUDXKFSNVUZRF5UHPMWZ6BFDTJ7M6USDXIEDNPPQYYYCU3VY"
#define PUBLIC "UDXU4RCSJNZOIQHZNWXHXORDPRTGNJAHAHFRGZNEEJCPQTT2M7NLCNF4"

Test(nkey, finds_the_public_key_of_a_seed)
{
	char key[NC_NKEY_TEXT_SIZE] = "";
	cr_assert_eq(public_of("# a comment\n" SEED "\n", key), NC_OK);
	cr_expect_str_eq(key, PUBLIC);
}

Test(nkey, refuses_what_is_no_seed_of_a_user)
{
	char key[NC_NKEY_TEXT_SIZE] = "unchanged";
	cr_expect_eq(public_of("", key), NC_INVALID);
	cr_expect_eq(public_of("SUshort\n", key), NC_INVALID);
	char flipped[] = SEED;
	flipped[20] = flipped[20] == 'A' ? 'B' : 'A';
	cr_expect_eq(public_of(flipped, key), NC_INVALID);
	cr_expect_eq(public_of(PUBLIC, key), NC_INVALID);
	cr_expect_eq(nc_nkey_public("/nonexistent", key), NC_IO);
	cr_expect_str_eq(key, "unchanged");
}
