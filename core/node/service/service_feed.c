/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The live feed; and new events, to it and to the subscriptions that run here. */
#include <string.h>

#include "core/node/common/say.h"
#include "core/node/service/service_private.h"
#include "transport/nats/event_message.h"

/* How many bytes of the live feed may wait for the end of a turn. Mostly that is all of it, so that
 * the server reads the answers first, and passes them on before it reads the feed. */
#define FED_SIZE_MAX (1u << 20)

/* ---- Publishing ----------------------------------------------------------------------------- */

static void publish(struct nc_service *service, uint64_t mark, const struct nc_event *event)
{
	struct nc_feed *feed = &service->feed;
	size_t header_size;
	nc_buf_clear(&feed->subject);
	nc_event_subject_put(&feed->subject, service->root, "event", event->type, event->stream);
	if (nc_interest_absent(feed->interest, mark, nc_buf_slice(&feed->subject))) {
		atomic_fetch_add(&service->counters.unheard, 1);
		return;
	}
	nc_buf_clear(&feed->message);
	nc_event_message_put(&feed->message, service->root, event, nc_slice(NULL, 0), &header_size);
	if (nc_buf_status(&feed->message) != NC_OK || nc_buf_status(&feed->subject) != NC_OK) {
		atomic_fetch_add(&service->counters.unsent, 1);
	} else {
		(void)nc_outbox_put(&feed->outbox, service->bus, nc_buf_slice(&feed->subject),
		                    nc_slice(NULL, 0), nc_buf_slice(&feed->message), header_size);
	}
}

static int decode(const struct nc_awaited_event *one, struct nc_event *event_out)
{
	return nc_event_applied_get(one->record, one->position, one->version, one->time_ns,
	                            event_out);
}

/* ---- Events that perhaps nobody hears ------------------------------------------------------- */

/* To be done before anything later is published, so that the feed stays in order. */
static void publish_awaited(struct nc_service *service)
{
	struct nc_awaited_event first;
	struct nc_event event;
	while (nc_awaited_first(&service->feed.awaited, &first)) {
		if (decode(&first, &event) == NC_OK)
			publish(service, first.mark, &event);
		nc_awaited_drop(&service->feed.awaited);
	}
}

static void on_listener(void *ctx)
{
	publish_awaited(ctx);
}

static void on_silence(void *ctx, uint64_t mark)
{
	struct nc_service *service = ctx;
	struct nc_awaited_event first;
	while (nc_awaited_first(&service->feed.awaited, &first) && first.mark <= mark) {
		nc_awaited_drop(&service->feed.awaited);
		atomic_fetch_add(&service->counters.unheard, 1);
	}
}

/* The server mostly answers within a millisecond. Somebody who has just subscribed is not kept
 * waiting because it does not. */
void nc_service_feed_tick(struct nc_service *service)
{
	struct nc_feed *feed = &service->feed;
	struct nc_awaited_event first;
	if (nc_awaited_first(&feed->awaited, &first) && first.position <= feed->overdue)
		publish_awaited(service);
	feed->overdue = feed->awaited_last;
}

/* Whether an event is to be published now; if not, it perhaps will be later. */
static bool is_due(struct nc_service *service, const struct nc_awaited_event *one)
{
	struct nc_feed *feed = &service->feed;
	enum nc_listening any = nc_interest_any(feed->interest, one->mark);
	if (!feed->on)
		return false;
	if (any == NC_LISTENING_NOBODY) {
		atomic_fetch_add(&service->counters.unheard, 1);
		return false;
	}
	if (any == NC_LISTENING_AWAITED && nc_awaited_put(&feed->awaited, one) == NC_OK) {
		feed->awaited_last = one->position;
		return false;
	}
	publish_awaited(service);
	return true;
}

/* ---- Life ----------------------------------------------------------------------------------- */

static void say_all_published(const char *why)
{
	nc_say_warning("feed: every event is published, listened to or not: %s", why);
}

static void on_interest_state(void *ctx, bool known, const char *detail)
{
	(void)ctx;
	if (known) {
		nc_say_info("feed: the server tells who listens; many events at once are "
		            "published where somebody does");
	} else {
		say_all_published(detail);
	}
}

int nc_service_feed_open(struct nc_service *service)
{
	const struct nc_config *config = service->options.config;
	struct nc_feed *feed = &service->feed;
	feed->on = strcmp(config->feed, "on") == 0;
	feed->outbox.size_max = FED_SIZE_MAX;
	if (!feed->on || service->options.leaf_port == 0)
		return NC_OK;
	(void)snprintf(feed->subjects, sizeof feed->subjects, "%s.event.>", service->root);
	bool own_user = config->nats_leaf_user[0] != '\0';
	const struct nc_interest_options options = {
		.loop = service->options.loop,
		.subjects = feed->subjects,
		.own = service->probe_subject,
		.name = service->srv.id,
		.port = service->options.leaf_port,
		.user = own_user ? config->nats_leaf_user : config->nats_user,
		.password = own_user ? config->nats_leaf_password : config->nats_password,
		.on_state = on_interest_state,
		.on_silence = on_silence,
		.on_listener = on_listener,
		.ctx = service,
	};
	return nc_interest_open(&options, &feed->interest);
}

void nc_service_feed_connected(struct nc_service *service)
{
	char host[NC_BUS_HOST_SIZE], id[NC_BUS_SERVER_ID_SIZE];
	if (service->feed.interest == NULL)
		return;
	int err = nc_bus_server(service->bus, host, id);
	if (err == NC_OK) {
		nc_interest_follow(service->feed.interest, host, id);
	} else {
		nc_interest_follow(service->feed.interest, NULL, NULL);
	}
	if (err == NC_UNSUPPORTED) /* by a URL that another node told of */
		say_all_published("the server is reached with TLS");
}

void nc_service_feed_disconnected(struct nc_service *service)
{
	if (service->feed.interest != NULL)
		nc_interest_follow(service->feed.interest, NULL, NULL);
}

void nc_service_feed_close(struct nc_service *service)
{
	publish_awaited(service);
	(void)nc_outbox_send(&service->feed.outbox, service->bus);
	nc_interest_close(service->feed.interest);
	service->feed.interest = NULL;
}

void nc_service_feed_release(struct nc_service *service)
{
	nc_awaited_release(&service->feed.awaited);
	nc_outbox_release(&service->feed.outbox);
	nc_buf_release(&service->feed.message);
	nc_buf_release(&service->feed.subject);
}

/* ---- New events ----------------------------------------------------------------------------- */

static void tell(struct nc_service *service, uint64_t mark, const struct nc_batch_result *result,
                 uint64_t time_ns)
{
	const struct nc_awaited_event one = { .mark = mark,
		                              .position = result->position,
		                              .version = result->version,
		                              .time_ns = time_ns,
		                              .record = result->record };
	struct nc_event event;
	if (one.record.size == 0)
		return; /* nothing new */
	bool due = is_due(service, &one);
	if (!due && nc_subs_count(service->subs) == 0)
		return; /* the usual case: it need not even be decoded */
	if (decode(&one, &event) != NC_OK)
		return; /* cannot happen: the engine has read it */
	if (due)
		publish(service, mark, &event);
	nc_subs_event(service->subs, &event, one.record);
}

void nc_service_tell(struct nc_service *service, uint64_t mark, const struct nc_outcome *outcome)
{
	const struct nc_batch_result alone = { .record = outcome->record,
		                               .position = outcome->position,
		                               .version = outcome->version };
	tell(service, mark, &alone, outcome->time_ns);
	for (size_t i = 0; i < outcome->result_count; i++)
		tell(service, mark, &outcome->results[i], outcome->time_ns);
}
