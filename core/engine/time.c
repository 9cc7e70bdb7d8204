/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Times as text: RFC 3339, proleptic Gregorian, no leap seconds, no locale. */
#include "core/base/digits.h"
#include "core/engine/event.h"

#define NS_PER_S    UINT64_C(1000000000)
#define SECONDS_END INT64_C(16756761600) /* 2501 begins: no event is as late */

static int64_t days_from_civil(uint64_t year, unsigned month, unsigned day)
{
	/* March-based years: the leap day comes last. Howard Hinnant, "chrono-compatible low-level
	 * date algorithms". */
	int64_t y = (int64_t)year - (month <= 2);
	int64_t m = month > 2 ? month - 3 : month + 9;
	return y * 365 + y / 4 - y / 100 + y / 400 + (153 * m + 2) / 5 + day - 719469;
}

static void put_pair(char *at, uint64_t value)
{
	nc_digits_pair(at, (unsigned)value);
}

/* Write the nine digits behind the point: nanoseconds. */
static void put_fraction(char *at, uint32_t value)
{
	for (int i = 7; i > 0; i -= 2, value /= 100)
		nc_digits_pair(at + i, value % 100);
	at[0] = (char)('0' + value);
}

void nc_time_format(uint64_t time_ns, char text_out[NC_TIME_TEXT_SIZE])
{
	uint64_t seconds = time_ns / NS_PER_S;
	uint64_t z = seconds / 86400 + 719468;
	uint64_t era = z / 146097;
	uint64_t doe = z % 146097;
	uint64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
	uint64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
	uint64_t mp = (5 * doy + 2) / 153;
	uint64_t month = mp < 10 ? mp + 3 : mp - 9;
	memcpy(text_out, "0000-00-00T00:00:00.000000000Z", NC_TIME_TEXT_SIZE);
	uint64_t year = yoe + era * 400 + (month <= 2);
	put_pair(text_out, year / 100 % 100);
	put_pair(text_out + 2, year % 100);
	put_pair(text_out + 5, month);
	put_pair(text_out + 8, doy - (153 * mp + 2) / 5 + 1);
	put_pair(text_out + 11, seconds / 3600 % 24);
	put_pair(text_out + 14, seconds / 60 % 60);
	put_pair(text_out + 17, seconds % 60);
	put_fraction(text_out + 20, (uint32_t)(time_ns % NS_PER_S));
}

/* The number that `width` digits at `*at` spell; UINT64_MAX if they are not all digits. */
static uint64_t take_digits(struct nc_slice text, size_t *at, size_t width)
{
	uint64_t value = 0;
	if (text.size - *at < width)
		return UINT64_MAX;
	for (size_t end = *at + width; *at < end; ++*at) {
		uint8_t c = text.data[*at];
		if (c < '0' || c > '9')
			return UINT64_MAX;
		value = value * 10 + (uint64_t)(c - '0');
	}
	return value;
}

/* Go past `byte`, if it stands here. A letter may be in lower case, as RFC 3339 allows. */
static bool take_byte(struct nc_slice text, size_t *at, char byte)
{
	bool letter = byte >= 'A' && byte <= 'Z';
	if (*at >= text.size ||
	    (text.data[*at] != byte && !(letter && text.data[*at] == (byte | 0x20))))
		return false;
	++*at;
	return true;
}

static unsigned month_days(uint64_t year, uint64_t month)
{
	static const unsigned days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
	bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
	return days[month - 1] + (month == 2 && leap);
}

/* YYYY-MM-DDTHH:MM:SS as seconds since 1970. */
static bool take_date_time(struct nc_slice text, size_t *at, int64_t *seconds_out)
{
	uint64_t year = take_digits(text, at, 4);
	bool ok = take_byte(text, at, '-');
	uint64_t month = ok ? take_digits(text, at, 2) : UINT64_MAX;
	ok = ok && take_byte(text, at, '-');
	uint64_t day = ok ? take_digits(text, at, 2) : UINT64_MAX;
	ok = ok && take_byte(text, at, 'T');
	uint64_t hour = ok ? take_digits(text, at, 2) : UINT64_MAX;
	ok = ok && take_byte(text, at, ':');
	uint64_t minute = ok ? take_digits(text, at, 2) : UINT64_MAX;
	ok = ok && take_byte(text, at, ':');
	uint64_t second = ok ? take_digits(text, at, 2) : UINT64_MAX;
	if (!ok || year == UINT64_MAX || month < 1 || month > 12 || day < 1 || hour > 23 ||
	    minute > 59 || second > 59 || day > month_days(year, month))
		return false;
	*seconds_out = days_from_civil(year, (unsigned)month, (unsigned)day) * 86400 +
	               (int64_t)(hour * 3600 + minute * 60 + second);
	return true;
}

static bool take_fraction(struct nc_slice text, size_t *at, uint64_t *ns_out)
{
	uint64_t ns = 0;
	if (*at < text.size && text.data[*at] == '.') {
		size_t first = ++*at;
		uint64_t unit = NS_PER_S / 10;
		for (; *at < text.size && text.data[*at] >= '0' && text.data[*at] <= '9'; ++*at) {
			ns += unit * (uint64_t)(text.data[*at] - '0');
			unit /= 10;
		}
		if (*at == first || *at - first > 9)
			return false;
	}
	*ns_out = ns;
	return true;
}

/* Z or +HH:MM or -HH:MM, as seconds to take away from the local time. */
static bool take_zone(struct nc_slice text, size_t *at, int64_t *offset_out)
{
	*offset_out = 0;
	if (take_byte(text, at, 'Z'))
		return true;
	if (*at >= text.size || (text.data[*at] != '+' && text.data[*at] != '-'))
		return false;
	int64_t sign = text.data[(*at)++] == '+' ? 1 : -1;
	uint64_t hour = take_digits(text, at, 2);
	if (hour > 23 || !take_byte(text, at, ':'))
		return false;
	uint64_t minute = take_digits(text, at, 2);
	if (minute > 59)
		return false;
	*offset_out = sign * (int64_t)(hour * 3600 + minute * 60);
	return true;
}

int nc_time_parse(struct nc_slice text, uint64_t *time_ns_out)
{
	size_t at = 0;
	uint64_t ns;
	int64_t seconds, offset;
	if (!take_date_time(text, &at, &seconds) || !take_fraction(text, &at, &ns) ||
	    !take_zone(text, &at, &offset) || at != text.size)
		return NC_INVALID;
	seconds -= offset;
	if (seconds < 0) {
		*time_ns_out = 0;
	} else if (seconds >= SECONDS_END) {
		*time_ns_out = (uint64_t)SECONDS_END * NS_PER_S - 1;
	} else {
		*time_ns_out = (uint64_t)seconds * NS_PER_S + ns;
	}
	return NC_OK;
}
