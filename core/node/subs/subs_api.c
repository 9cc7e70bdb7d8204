/* SPDX-License-Identifier: GPL-3.0-or-later */
/* R.sub.create, delete and next. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/json.h"
#include "core/engine/names.h"
#include "core/node/common/say.h"
#include "core/node/spread/spread.h"
#include "core/node/subs/subs_ask.h"
#include "core/node/subs/subs_move.h"
#include "transport/nats/body.h"
#include "transport/nats/reply.h"

void nc_subs_ask_error(const struct nc_subs_ask *ask, struct nc_fault fault, const char *text)
{
	struct nc_service *service = ask->subs->service;
	nc_service_error(service, &service->out, nc_service_reply_str(ask->reply),
	                 &service->srv.endpoints[ask->endpoint].stats,
	                 &(struct nc_service_refusal){ .fault = fault, .text = text });
}

void nc_subs_ask_answer(const struct nc_subs_ask *ask, struct nc_slice json)
{
	if (ask->reply.size > 0)
		nc_service_send(ask->subs->service, (const char *)ask->reply.data, json, 0);
}

void nc_subs_ask_answer_buf(const struct nc_subs_ask *ask, const struct nc_buf *json)
{
	if (nc_buf_status(json) == NC_OK) {
		nc_subs_ask_answer(ask, nc_buf_slice(json));
	} else {
		nc_subs_ask_error(ask, NC_FAULT_BUSY, "out of memory; try again");
	}
}

void nc_subs_ask_refuse(const struct nc_subs_ask *ask, int err)
{
	struct nc_buf *why = &ask->subs->scratch;
	nc_buf_put_u8(why, 0);
	if (err == NC_NOMEM || nc_buf_status(why) != NC_OK) {
		nc_subs_ask_error(ask, NC_FAULT_BUSY, "out of memory; try again");
	} else {
		nc_subs_ask_error(ask, NC_FAULT_REQUEST, (const char *)why->data);
	}
}

void nc_subs_ask_shed(const struct nc_subs_ask *ask)
{
	bool full = nc_replica_status(ask->subs->service->replica).full;
	struct nc_fault fault = full ? NC_FAULT_DISK_FULL : NC_FAULT_BUSY;
	nc_subs_ask_error(ask, fault, nc_fault_text(fault));
}

bool nc_subs_ask_bare(const struct nc_subs_ask *ask)
{
	struct nc_refusal refusal;
	if (nc_body_is_bare(ask->body, &refusal))
		return true;
	nc_subs_ask_error(ask, refusal.fault, refusal.text);
	return false;
}

struct nc_subscription *nc_subs_ask_find(const struct nc_subs_ask *ask)
{
	struct nc_subscription *sub = nc_subs_find(ask->subs, ask->name);
	if (sub == NULL)
		nc_subs_ask_error(ask, NC_FAULT_NO_SUB, "no such subscription");
	return sub;
}

/* ---- Create --------------------------------------------------------------------------------- */

static struct nc_subscription *sub_parse(const struct nc_subs_ask *ask, struct nc_refusal *refusal)
{
	struct nc_subs *subs = ask->subs;
	char forbidden[80];
	struct nc_subscription *sub = calloc(1, sizeof *sub);
	*refusal = (struct nc_refusal){ NC_FAULT_BUSY, "out of memory; try again" };
	if (sub == NULL)
		return NULL;
	(void)snprintf(sub->name, sizeof sub->name, "%.*s", (int)ask->name.size,
	               (const char *)ask->name.data);
	(void)snprintf(forbidden, sizeof forbidden, "%s.", subs->service->options.config->prefix);
	nc_buf_clear(&subs->scratch);
	int err = nc_definition_parse(ask->body, nc_slice_str(forbidden), &sub->definition,
	                              &subs->scratch);
	if (err != NC_OK) {
		free(sub);
		if (err != NC_NOMEM) {
			refusal->fault = NC_FAULT_REQUEST;
			(void)snprintf(refusal->text, sizeof refusal->text, "%.*s",
			               (int)subs->scratch.size, (const char *)subs->scratch.data);
		}
		return NULL;
	}
	if (nc_subs_filter_compile(subs, sub, ask->body, refusal) &&
	    nc_subs_start_check(sub, refusal))
		return sub;
	nc_subscription_free(sub);
	return NULL;
}

static struct nc_sub_create create_of(const struct nc_subscription *sub, struct nc_buf *definition)
{
	struct nc_sub_create create = nc_subs_start_of(&sub->definition, &sub->hints);
	nc_definition_put(definition, &sub->definition);
	create.name = nc_slice_str(sub->name);
	create.definition = nc_buf_slice(definition);
	return create;
}

static void created_json(const struct nc_subs_ask *ask, const struct nc_subscription *sub,
                         uint64_t position)
{
	char text[200];
	(void)snprintf(text, sizeof text, "{\"name\":\"%s\",\"epoch\":%llu,\"pos\":%llu}",
	               sub->name, (unsigned long long)sub->epoch, (unsigned long long)position);
	nc_subs_ask_answer(ask, nc_slice_str(text));
}

static void create_durable(const struct nc_subs_ask *ask, struct nc_subscription *sub)
{
	struct nc_buf definition = { 0 }, command = { 0 };
	const struct nc_sub_create create = create_of(sub, &definition);
	if (!nc_subs_form_takes(ask, &sub->definition) || !nc_subs_start_takes(ask, &create)) {
		nc_subscription_free(sub);
		nc_buf_release(&definition);
		return;
	}
	nc_command_put_sub_create(&command, &create);
	bool proposed = nc_buf_status(&command) == NC_OK && nc_buf_status(&definition) == NC_OK &&
	                nc_subs_propose(ask->subs, nc_buf_slice(&command), NC_SUB_CREATING, sub,
	                                (struct nc_subs_asker){ ask->reply, ask->endpoint });
	if (!proposed) {
		nc_subs_ask_shed(ask);
		nc_subscription_free(sub);
	}
	nc_buf_release(&definition);
	nc_buf_release(&command);
}

/* A transient subscription lives in this node's memory alone, and so does its epoch. */
static void create_transient(const struct nc_subs_ask *ask, struct nc_subscription *sub)
{
	struct nc_subs *subs = ask->subs;
	const struct nc_sub_create start = nc_subs_start_of(&sub->definition, &sub->hints);
	struct nc_sub_place place;
	if (!nc_subs_start_find(ask, &start, &place)) {
		nc_subscription_free(sub);
		return;
	}
	sub->epoch = ++subs->transient_epochs;
	sub->started = place.cursor;
	sub->floor = place.floor;
	int err = nc_sub_new(&sub->definition, sub->epoch, sub->started, nc_clock_ns(),
	                     &sub->machine);
	if (err == NC_OK)
		err = nc_subs_install(subs, sub);
	if (err == NC_OK) {
		nc_spread_transient_made(subs->service->spread, ask->name);
		created_json(ask, sub, sub->started + 1);
		return;
	}
	nc_subscription_free(sub);
	nc_subs_ask_error(ask, err == NC_NOMEM ? NC_FAULT_BUSY : NC_FAULT_UNAVAILABLE,
	                  nc_err_name(err));
}

static void create(const struct nc_subs_ask *ask)
{
	struct nc_refusal refusal;
	const char *why = nc_name_word_fault(ask->name);
	if (why != NULL) {
		(void)snprintf(refusal.text, sizeof refusal.text, "subscription name %s", why);
		nc_subs_ask_error(ask, NC_FAULT_REQUEST, refusal.text);
		return;
	}
	struct nc_subscription *sub = sub_parse(ask, &refusal);
	if (sub == NULL) {
		nc_subs_ask_error(ask, refusal.fault, refusal.text);
		return;
	}
	struct nc_subscription *there = nc_subs_find(ask->subs, ask->name);
	if (there != NULL) {
		if (nc_definition_eq(&there->definition, &sub->definition)) {
			created_json(ask, there, there->started + 1);
		} else {
			nc_subs_ask_error(ask, NC_FAULT_NAME_TAKEN,
			                  "a subscription of this name has another definition");
		}
		nc_subscription_free(sub);
	} else if (sub->definition.durable) {
		create_durable(ask, sub);
	} else if (nc_spread_has(ask->subs->service->spread, ask->name)) {
		nc_subs_ask_error(ask, NC_FAULT_NAME_TAKEN,
		                  "a subscription of this name has another definition");
		nc_subscription_free(sub);
	} else {
		create_transient(ask, sub);
	}
}

/* ---- Delete --------------------------------------------------------------------- */

static void delete (const struct nc_subs_ask *ask)
{
	struct nc_subscription *sub = nc_subs_ask_find(ask);
	if (sub == NULL || !nc_subs_ask_bare(ask))
		return;
	/* it is known in a moment whether the log has it */
	if (sub->move != NULL && sub->move->rehomes) {
		nc_subs_ask_error(ask, NC_FAULT_BUSY, "another change of it is under way");
		return;
	}
	if (!sub->definition.durable) {
		nc_spread_transient_gone(ask->subs->service->spread, ask->name);
		nc_subs_remove(ask->subs, sub, "deleted");
		nc_subs_ask_answer(ask, NC_SLICE("{\"deleted\":true}"));
		return;
	}
	struct nc_buf command = { 0 };
	nc_command_put_sub_delete(&command, ask->name);
	if (nc_buf_status(&command) != NC_OK ||
	    !nc_subs_propose(ask->subs, nc_buf_slice(&command), NC_SUB_DELETING, sub,
	                     (struct nc_subs_asker){ ask->reply, ask->endpoint }))
		nc_subs_ask_shed(ask);
	nc_buf_release(&command);
}

void nc_subs_request(struct nc_subs *subs, enum nc_operation op, struct nc_slice name,
                     struct nc_slice body, struct nc_slice reply, int endpoint)
{
	const struct nc_subs_ask ask = { subs, op, name, body, reply, endpoint, 0 };
	if (!nc_subs_ask_behind(&ask))
		nc_subs_carry_out(&ask);
}

void nc_subs_carry_out(const struct nc_subs_ask *ask)
{
	switch (ask->op) {
	case NC_OP_SUB_CREATE:
		if (!nc_subs_prepare(ask, ask->op))
			create(ask);
		break;
	case NC_OP_SUB_DELETE:
		delete (ask);
		break;
	case NC_OP_SUB_INFO:
		nc_subs_show_info(ask);
		break;
	case NC_OP_SUB_LIST:
		nc_subs_show_list(ask);
		break;
	case NC_OP_SUB_NEXT:
		nc_subs_next(ask);
		break;
	case NC_OP_SUB_PARKED:
		nc_subs_show_parked(ask);
		break;
	case NC_OP_SUB_PAUSE:
		nc_subs_pause(ask);
		break;
	case NC_OP_SUB_RESUME:
		nc_subs_resume(ask);
		break;
	case NC_OP_SUB_SEEK:
		nc_subs_seek(ask);
		break;
	case NC_OP_SUB_UPDATE: /* what is done by then, also by batches, is not delivered again */
		if (!nc_subs_ask_settles(ask) && !nc_subs_prepare(ask, ask->op))
			nc_subs_update(ask);
		break;
	case NC_OP_SUB_REPLAY:
		nc_subs_replay(ask);
		break;
	case NC_OP_SUB_EXPLAIN:
		nc_subs_explain(ask);
		break;
	case NC_OP_FILTER_INFO:
		nc_subs_show_plugin(ask);
		break;
	default:
		nc_subs_show_plugins(ask);
	}
}
