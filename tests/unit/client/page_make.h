/* SPDX-License-Identifier: GPL-3.0-or-later */
/* page_make.h -- answers of a read, packed, as programs make them that play the store. */
#ifndef NC_TESTS_CLIENT_PAGE_MAKE_H
#define NC_TESTS_CLIENT_PAGE_MAKE_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PAGE           10000u /* events that a reader asks for at a time */
#define PAGE_SIZE_MAX  (64 * (size_t)PAGE)
#define CLOSE_SIZE_MAX 128

static inline unsigned char *number_put(unsigned char *at, unsigned long number)
{
	for (int shift = 24; shift >= 0; shift -= 8)
		*at++ = (unsigned char)(number >> shift);
	return at;
}

/* Events `from` to `last`, at most a page; the bytes that they take. */
static inline size_t page_make(unsigned char *bytes, unsigned long from, unsigned long last)
{
	static const unsigned char head[] = "\x85\xa6stream\xa1s\xa4type\xa1T\xa3seq\xce";
	unsigned char *at = bytes;
	*at++ = 0xdd;
	at = number_put(at, last + 1 - from);
	for (unsigned long number = from; number <= last; number++) {
		memcpy(at, head, sizeof head - 1);
		at = number_put(at + sizeof head - 1, number);
		memcpy(at, "\xa3pos\xce", 5);
		at = number_put(at + 5, number);
		memcpy(at,
		       "\xa4"
		       "data\xc4\x02{}",
		       9);
		at += 9;
	}
	return (size_t)(at - bytes);
}

/* The header block of the message that closes an answer; `next` 0: there is no more. */
static inline void close_make(char block[CLOSE_SIZE_MAX], unsigned long next, unsigned long head)
{
	char more[32] = "";
	if (next > 0)
		(void)snprintf(more, sizeof more, "Es-Next: %lu\r\n", next);
	(void)snprintf(block, CLOSE_SIZE_MAX,
	               "NATS/1.0 204 EOB\r\nEs-Head: %lu\r\nEs-Applied: %lu\r\n%s\r\n", head, head,
	               more);
}

/* A number in the body of a request; 0: it is not there. */
static inline unsigned long member(const char *body, const char *name)
{
	const char *at = strstr(body, name);
	return at == NULL ? 0 : strtoul(at + strlen(name), NULL, 10);
}

#endif
