/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Packed answers, whole, cut and wrong: read or not understood, never a crash.
 * usage: unit_client_packed URL */
#include "store.h"

#define PACKED_EVENT(number)             \
	"\xa6"                           \
	"stream"                         \
	"\xa1"                           \
	"s"                              \
	"\xa4"                           \
	"type"                           \
	"\xa1"                           \
	"T"                              \
	"\xa3"                           \
	"seq" number "\xa3"              \
	"pos"                            \
	"\xcf"                           \
	"\0\0\0\0\0\0\0" number "\xa4"   \
	"time"                           \
	"\xd9\x1e"                       \
	"2020-01-01T00:00:00.000000000Z" \
	"\xa2"                           \
	"id"                             \
	"\xa1"                           \
	"x"                              \
	"\xa4"                           \
	"tags"                           \
	"\x92"                           \
	"\xa1"                           \
	"a"                              \
	"\xa1"                           \
	"b"                              \
	"\xa4"                           \
	"meta"                           \
	"\x82"                           \
	"\xa1"                           \
	"k"                              \
	"\xa1"                           \
	"v"                              \
	"\xa1"                           \
	"l"                              \
	"\x92"                           \
	"\xa1"                           \
	"w"                              \
	"\xa1"                           \
	"x"                              \
	"\xa4"                           \
	"data"                           \
	"\xc4\x02"                       \
	"{}"

static const char packed[] = "\xdd\0\0\0\x02"
                             "\x89" PACKED_EVENT("\x05") "\x8a" PACKED_EVENT("\x06") "\xa5"
                                                                                     "other"
                                                                                     "\x93"
                                                                                     "\x80"
                                                                                     "\xca"
                                                                                     "\0\0\0\0"
                                                                                     "\xd4"
                                                                                     "\1\1";

/* Read until an error or the end; whether the second event was as it should be. */
static int read_packed(bool *second_out)
{
	struct nacre_reader *reader = NULL;
	const struct nacre_event *event;
	int result, count = 0;
	if (nacre_read_open(client, &(struct nacre_read){ .source = NACRE_ALL }, &reader, NULL) !=
	    NACRE_OK)
		exit(2);
	while ((result = nacre_read_next(reader, &event, NULL)) == NACRE_OK) {
		*second_out = ++count == 2 && event->pos == 6 && event->seq == 6 &&
		              strcmp(event->tags, "a,b") == 0 && event->meta_count == 3 &&
		              strcmp(event->meta[2].name, "l") == 0 &&
		              strcmp(event->meta[2].value, "x") == 0 && event->size == 2 &&
		              memcmp(event->data, "{}", 2) == 0 && strlen(event->time) == 30;
	}
	nacre_read_close(reader);
	return result;
}

static void packed_answers(void)
{
	char bytes[sizeof packed];
	struct message answers[] = { { .body = bytes, .size = sizeof packed - 1 },
		                     { .body = "", .size = 0, .headers = { "Status", "204" } } };
	bool second = false, fine = true;
	memcpy(bytes, packed, sizeof packed);
	will_answer(answers, 2);
	expect(read_packed(&second) == NACRE_END && second, "a packed answer is read");
	for (answers[0].size = 0; answers[0].size < (int)sizeof packed - 1; answers[0].size++)
		fine = fine && read_packed(&second) == NACRE_PROTOCOL;
	answers[0].size = sizeof packed - 1;
	expect(fine, "cut anywhere it is not understood");
	static const unsigned char others[] = { 0x00, 0x7f, 0x80, 0x8f, 0x9f, 0xbf, 0xc1,
		                                0xc6, 0xc9, 0xcf, 0xdb, 0xdd, 0xdf, 0xff };
	for (size_t at = 0; at < sizeof packed - 1; at++) {
		for (size_t i = 0; i < sizeof others; i++) {
			memcpy(bytes, packed, sizeof packed);
			bytes[at] = (char)others[i];
			int result = read_packed(&second);
			fine = fine && (result == NACRE_PROTOCOL || result == NACRE_END);
		}
	}
	expect(fine, "and with any byte another it is read, or not understood");
}

int main(int argc, char **argv)
{
	if (argc != 2)
		return 2;
	store_open(argv[1]);
	client = connect_to(argv[1], "hostile", 2000);
	packed_answers();
	nacre_close(client);
	natsConnection_Destroy(store_nc);
	return failed != 0;
}
