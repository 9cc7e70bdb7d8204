/* SPDX-License-Identifier: GPL-3.0-or-later */
/* $SRV.PING, .INFO and .STATS: what a node tells tools of itself (ADR-32). */
#include <stdio.h>

#include "core/node/service/service_private.h"

static char tags[NC_SRV_VERB_COUNT];

static void answer(struct nc_service *service, const struct nc_bus_msg *msg, enum nc_srv_verb verb)
{
	struct nc_buf status = { 0 };
	nc_service_put_status(service, &status);
	nc_buf_clear(&service->out);
	const struct nc_srv_state state = { .role = nc_service_role(service),
		                            .lag = nc_service_lag(service),
		                            .data = nc_buf_slice(&status) };
	nc_srv_answer(&service->out, &service->srv, verb, &state, nc_bus_max_payload(service->bus));
	service->out.failed |= status.failed;
	nc_service_send_buf(service, (const char *)msg->reply.data, &service->out, 0);
	nc_buf_release(&status);
}

bool nc_service_srv_take(struct nc_service *service, const struct nc_bus_msg *msg)
{
	for (int verb = 0; verb < NC_SRV_VERB_COUNT; verb++) {
		if (msg->tag != &tags[verb])
			continue;
		if (msg->reply.size > 0)
			answer(service, msg, (enum nc_srv_verb)verb);
		return true;
	}
	return false;
}

int nc_service_subscribe_srv(struct nc_service *service)
{
	static const char *const verbs[] = { "PING", "INFO", "STATS" };
	int err = NC_OK;
	for (int verb = 0; verb < NC_SRV_VERB_COUNT; verb++) {
		char subject[128];
		(void)snprintf(subject, sizeof subject, "$SRV.%s", verbs[verb]);
		if (err == NC_OK)
			err = nc_bus_subscribe(service->bus, subject, NULL, &tags[verb]);
		(void)snprintf(subject, sizeof subject, "$SRV.%s.nacre", verbs[verb]);
		if (err == NC_OK)
			err = nc_bus_subscribe(service->bus, subject, NULL, &tags[verb]);
		(void)snprintf(subject, sizeof subject, "$SRV.%s.nacre.%s", verbs[verb],
		               service->srv.id);
		if (err == NC_OK)
			err = nc_bus_subscribe(service->bus, subject, NULL, &tags[verb]);
	}
	return err;
}
