/* SPDX-License-Identifier: Apache-2.0 */
/* by_time_window -- events by when they happened: in a span, on some days of the week, at some
 * hours.
 *
 *   {"from":"2026-01-01T00:00:00Z","to":"2026-07-01T00:00:00Z","days":["mon","fri"],
 *    "hours":{"from":"09:00","to":"17:30"},"utc_offset_minutes":60}
 *
 * At least one member; what is not named is free. `from` is inclusive, `to` is not, for hours too;
 * hours whose `to` is before their `from` go past midnight (and the day is the one they end on).
 * Days and hours are those of UTC plus the offset: a plugin must not know time zones that change,
 * since every node must answer alike, today and in ten years. */
#include <nacre/nacre_filter.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NS_PER_S UINT64_C(1000000000)
#define DAY_MIN  1440 /* minutes of a day */
#define DAY_S    INT64_C(86400)

struct window {
	uint64_t from_ns, to_ns;
	unsigned days; /* a bit for each, from Monday */
	int64_t offset_s;
	int begin_min, end_min; /* of the day; equal: all of it */
};

/* What compile() works on. */
struct work {
	const nacre_filter_selector *selector;
	nacre_filter_error *error;
	struct window window;
};

static int refuse(struct work *work, const nacre_filter_leaf *leaf, const char *expected)
{
	work->error->source_offset =
	        leaf == NULL ? 0 : (uint32_t)(leaf->raw.data - work->selector->source.data);
	(void)snprintf(work->error->message, sizeof work->error->message, "expected %s", expected);
	return NACRE_FILTER_REFUSED;
}

static int is(nacre_filter_slice slice, const char *text)
{
	return slice.size == strlen(text) && memcmp(slice.data, text, slice.size) == 0;
}

/* Days since 1970 of a date of the Gregorian calendar. */
static int64_t days_of(int year, int month, int day)
{
	int64_t y = month <= 2 ? year - 1 : year;
	int64_t era = y / 400, of_era = y - era * 400;
	int64_t of_year = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;
	return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

static int64_t clock_s(int64_t hour, int64_t minute, int64_t second)
{
	return hour * 3600 + minute * 60 + second;
}

/* "2026-01-01T00:00:00Z", no fraction. Gives 0 if it is not such a time from 1970 on. */
static int time_parse(nacre_filter_slice text, uint64_t *ns_out)
{
	static const char shape[] = "dddd-dd-ddTdd:dd:ddZ";
	static const int lengths[] = { 31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
	int at[6] = { 0 }, part = 0;
	if (text.size != sizeof shape - 1)
		return 0;
	for (size_t i = 0; i < text.size; i++) {
		if (shape[i] != 'd') {
			if (text.data[i] != (uint8_t)shape[i])
				return 0;
			part++;
		} else {
			if (text.data[i] < '0' || text.data[i] > '9')
				return 0;
			at[part] = at[part] * 10 + (text.data[i] - '0');
		}
	}
	if (at[0] < 1970 || at[0] > 2500 || at[1] < 1 || at[1] > 12 || at[2] < 1 ||
	    at[2] > lengths[at[1] - 1] || at[3] > 23 || at[4] > 59 || at[5] > 59)
		return 0;
	int64_t seconds = days_of(at[0], at[1], at[2]) * DAY_S + clock_s(at[3], at[4], at[5]);
	*ns_out = (uint64_t)seconds * NS_PER_S;
	return 1;
}

/* "09:30" as minutes; -1 if it is not such. "24:00" is the end of the day. */
static int clock_parse(nacre_filter_slice text)
{
	if (text.size != 5 || text.data[2] != ':')
		return -1;
	for (int i = 0; i < 5; i++) {
		if (i != 2 && (text.data[i] < '0' || text.data[i] > '9'))
			return -1;
	}
	int minutes = ((text.data[0] - '0') * 10 + text.data[1] - '0') * 60 +
	              (text.data[3] - '0') * 10 + text.data[4] - '0';
	return text.data[3] > '5' || minutes > DAY_MIN ? -1 : minutes;
}

static int day_take(struct work *work, const nacre_filter_leaf *leaf)
{
	static const char *const names[] = { "mon", "tue", "wed", "thu", "fri", "sat", "sun" };
	for (unsigned day = 0; day < 7; day++) {
		if (leaf->kind == NACRE_FILTER_STRING && is(leaf->text, names[day])) {
			work->window.days |= 1u << day;
			return NACRE_FILTER_OK;
		}
	}
	return refuse(work, leaf, "\"mon\" … \"sun\"");
}

static int time_take(struct work *work, const nacre_filter_leaf *leaf, uint64_t *ns_out)
{
	if (leaf->kind == NACRE_FILTER_STRING && time_parse(leaf->text, ns_out))
		return NACRE_FILTER_OK;
	return refuse(work, leaf, "a time like \"2026-01-01T00:00:00Z\"");
}

static int hour_take(struct work *work, const nacre_filter_leaf *leaf, int *minutes_out)
{
	*minutes_out = leaf->kind == NACRE_FILTER_STRING ? clock_parse(leaf->text) : -1;
	return *minutes_out >= 0 ? NACRE_FILTER_OK : refuse(work, leaf, "an hour like \"09:30\"");
}

static int offset_take(struct work *work, const nacre_filter_leaf *leaf)
{
	if (leaf->number_kind != NACRE_FILTER_I64 || leaf->number.i64 < -DAY_MIN ||
	    leaf->number.i64 > DAY_MIN)
		return refuse(work, leaf, "minutes from -1440 to 1440");
	work->window.offset_s = leaf->number.i64 * 60;
	return NACRE_FILTER_OK;
}

static int leaf_take(struct work *work, const nacre_filter_leaf *leaf)
{
	struct window *window = &work->window;
	if (is(leaf->path, "from"))
		return time_take(work, leaf, &window->from_ns);
	if (is(leaf->path, "to"))
		return time_take(work, leaf, &window->to_ns);
	if (is(leaf->path, "days"))
		return day_take(work, leaf);
	if (is(leaf->path, "hours.from"))
		return hour_take(work, leaf, &window->begin_min);
	if (is(leaf->path, "hours.to"))
		return hour_take(work, leaf, &window->end_min);
	if (is(leaf->path, "utc_offset_minutes"))
		return offset_take(work, leaf);
	return refuse(work, leaf, "from, to, days, hours.from, hours.to, utc_offset_minutes");
}

static int window_compile(const nacre_filter_host *host, const nacre_filter_selector *selector,
                          void **filter_out, nacre_filter_error *error)
{
	struct work work = { .selector = selector, .error = error };
	int answer = NACRE_FILTER_OK;
	(void)host;
	*filter_out = NULL;
	work.window.to_ns = UINT64_MAX;
	if (selector->view->root_kind != NACRE_FILTER_OBJECT)
		return refuse(&work, NULL, "an object with from, to, days or hours");
	for (uint64_t i = 0; answer == NACRE_FILTER_OK && i < selector->view->leaf_count; i++)
		answer = leaf_take(&work, nacre_filter_leaf_at(selector->view, i));
	if (answer != NACRE_FILTER_OK)
		return answer;
	if (selector->view->leaf_count == 0)
		return refuse(&work, NULL, "from, to, days or hours");
	struct window *window = malloc(sizeof *window);
	if (window == NULL)
		return NACRE_FILTER_NO_MEMORY;
	*window = work.window;
	if (window->days == 0)
		window->days = 0x7f;
	*filter_out = window;
	return NACRE_FILTER_OK;
}

static int holds(const struct window *window, uint64_t time_ns)
{
	if (time_ns < window->from_ns || time_ns >= window->to_ns)
		return 0;
	/* A week more, so that a negative offset stays positive; 1970 began on a Thursday. */
	uint64_t seconds = (uint64_t)((int64_t)(time_ns / NS_PER_S) + 7 * DAY_S + window->offset_s);
	unsigned day = (unsigned)((seconds / 86400 + 3) % 7);
	int minute = (int)(seconds % 86400 / 60);
	if ((window->days >> day & 1u) == 0)
		return 0;
	if (window->begin_min < window->end_min)
		return minute >= window->begin_min && minute < window->end_min;
	return window->begin_min == window->end_min || minute >= window->begin_min ||
	       minute < window->end_min;
}

static int window_match(const void *compiled, const nacre_filter_event *const *events,
                        uint64_t event_count, uint64_t *matched)
{
	for (uint64_t i = 0; i < event_count; i++) {
		if (holds(compiled, events[i]->time_ns))
			matched[i / 64] |= (uint64_t)1 << (i % 64);
	}
	return NACRE_FILTER_OK;
}

const nacre_filter_plugin *nacre_filter_plugin_v1(const nacre_filter_host *host)
{
	static const nacre_filter_plugin plugin = {
		.struct_size = sizeof plugin,
		.abi_minor = NACRE_FILTER_ABI_MINOR,
		.name = "by_time_window",
		.build = "1.0.0",
		.summary = "events of a span of time, of days of the week, of hours of the day",
		.compile = window_compile,
		.destroy = free,
		.match = window_match,
	};
	(void)host;
	return &plugin;
}
