/* SPDX-License-Identifier: Apache-2.0 */
/* From an nkey seed to its public key; the curve is libcrypto's. */
#include "core/base/nkey.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#define SEED_TEXT_SIZE 58 /* "SU" and 56 more */
#define SEED_SIZE      36 /* prefix 2, key 32, CRC 2 */
#define PUBLIC_SIZE    35 /* prefix 1, key 32, CRC 2 */
#define PREFIX_USER    (20u << 3)
#define PREFIX_SEED    (18u << 3)

static const char base32[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/* CRC-16/XMODEM. */
static uint16_t crc16(const uint8_t *at, size_t size)
{
	unsigned crc = 0;
	for (size_t i = 0; i < size; i++) {
		crc ^= (unsigned)at[i] << 8;
		for (int bit = 0; bit < 8; bit++)
			crc = crc & 0x8000 ? crc << 1 ^ 0x1021 : crc << 1;
	}
	return (uint16_t)crc;
}

static int seed_decode(const char *text, uint8_t seed[SEED_SIZE])
{
	unsigned bits = 0, have = 0;
	size_t size = 0;
	for (size_t i = 0; i < SEED_TEXT_SIZE; i++) {
		const char *digit = text[i] == '\0' ? NULL : strchr(base32, text[i]);
		if (digit == NULL)
			return NC_INVALID;
		bits = (bits << 5 | (unsigned)(digit - base32)) & 0xffff;
		have += 5;
		if (have >= 8 && size < SEED_SIZE) {
			have -= 8;
			seed[size++] = (uint8_t)(bits >> have);
		}
	}
	uint16_t crc = crc16(seed, SEED_SIZE - 2);
	bool ok = seed[SEED_SIZE - 2] == (uint8_t)crc && seed[SEED_SIZE - 1] == (uint8_t)(crc >> 8);
	/* The two prefixes lie across the first two bytes: seed, then user. */
	ok = ok && (seed[0] & 0xf8) == PREFIX_SEED &&
	     (uint8_t)((seed[0] & 7) << 5 | seed[1] >> 3) == PREFIX_USER;
	return ok ? NC_OK : NC_INVALID;
}

static int public_make(const uint8_t *private_key, uint8_t public_key[32])
{
	EVP_PKEY *key = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, private_key, 32);
	size_t size = 32;
	int ok = key != NULL && EVP_PKEY_get_raw_public_key(key, public_key, &size) == 1;
	EVP_PKEY_free(key);
	return ok ? NC_OK : NC_INVALID;
}

static void public_encode(const uint8_t bytes[PUBLIC_SIZE], char text[NC_NKEY_TEXT_SIZE])
{
	unsigned bits = 0, have = 0;
	size_t size = 0;
	for (size_t i = 0; i < PUBLIC_SIZE; i++) {
		bits = (bits << 8 | bytes[i]) & 0xffff;
		have += 8;
		while (have >= 5) {
			have -= 5;
			text[size++] = base32[bits >> have & 31];
		}
	}
	text[size] = '\0';
}

int nc_nkey_public(const char *seed_text, char public_out[NC_NKEY_TEXT_SIZE])
{
	uint8_t seed[SEED_SIZE];
	uint8_t bytes[PUBLIC_SIZE] = { PREFIX_USER };
	int err = strncmp(seed_text, "SU", 2) == 0 ? seed_decode(seed_text, seed) : NC_INVALID;
	if (err == NC_OK)
		err = public_make(seed + 2, bytes + 1);
	if (err == NC_OK) {
		uint16_t crc = crc16(bytes, PUBLIC_SIZE - 2);
		bytes[PUBLIC_SIZE - 2] = (uint8_t)crc;
		bytes[PUBLIC_SIZE - 1] = (uint8_t)(crc >> 8);
		public_encode(bytes, public_out);
	}
	OPENSSL_cleanse(seed, sizeof seed);
	return err;
}
