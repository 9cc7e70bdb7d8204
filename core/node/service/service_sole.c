/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One process alone serves a store. Nodes of a cluster know each other; a single node knows of
 * nobody, and a second one under the same store's name, on the same NATS account, would answer
 * every request as well, with events of its own. So a single node asks before it serves: on a
 * subject that every node which serves the store listens to, so that NATS itself says when nobody
 * is there.
 *
 *   asking ──(nobody is there, or nobody has answered)──► serving, and says so once: two may have
 *      └────(somebody answers)──► refused                  asked at the same moment
 *
 * Claims are not signed: a single node has no secret. Who may publish below _es.<store>, and that
 * are nodes, can keep one from starting; it cannot end one that serves. */
#include <stdio.h>
#include <sys/random.h>

#include "core/base/pack.h"
#include "core/node/common/say.h"
#include "core/node/service/service_private.h"

#define FORM        1u
#define ASK_MS      200u /* the pause before it asks again */
#define ASKS        3u
#define SETTLED_MS  2000u /* after that, a node that serves goes on, whoever else turns up */
#define SAY_EACH_MS 10000u
#define WHY_SIZE    512

/* What a claim says. */
enum { ASKING = 1, BEGINNING, BACK, TAKEN };

struct claim {
	uint64_t form, kind, run;
	struct nc_slice node;
};

static char claims_tag, answers_tag;

static void subject_of_claims(const struct nc_service *service, char *to, size_t size)
{
	(void)snprintf(to, size, "_es.%s.sole", service->options.config->store_id);
}

static void subject_of_answers(const struct nc_service *service, char *to, size_t size)
{
	(void)snprintf(to, size, "_es.%s.sole.%s", service->options.config->store_id,
	               service->srv.id);
}

static void claim_send(struct nc_service *service, unsigned kind, const char *subject,
                       const char *reply)
{
	struct nc_buf body = { 0 };
	nc_pack_array(&body, 4);
	nc_pack_uint(&body, FORM);
	nc_pack_uint(&body, kind);
	nc_pack_uint(&body, service->sole.run);
	nc_pack_str(&body, nc_slice_str(service->options.config->node_id));
	if (nc_buf_status(&body) != NC_OK ||
	    nc_bus_publish(service->bus, subject, reply, nc_buf_slice(&body)) != NC_OK)
		atomic_fetch_add(&service->counters.unsent, 1);
	nc_buf_release(&body);
}

static void claim(struct nc_service *service, unsigned kind)
{
	char subject[NC_ROOT_SIZE], reply[NC_ROOT_SIZE];
	subject_of_claims(service, subject, sizeof subject);
	subject_of_answers(service, reply, sizeof reply);
	claim_send(service, kind, subject, reply);
}

static bool claim_read(struct nc_slice body, struct claim *claim_out)
{
	struct nc_reader reader = nc_reader(body);
	size_t fields = nc_unpack_array(&reader);
	claim_out->form = nc_unpack_uint(&reader);
	claim_out->kind = nc_unpack_uint(&reader);
	claim_out->run = nc_unpack_uint(&reader);
	claim_out->node = nc_unpack_str(&reader);
	return !reader.failed && fields >= 4 && claim_out->form == FORM &&
	       nc_name_word_fault(claim_out->node) == NULL;
}

/* ---- Serving --------------------------------------------------------------------------------- */

static int listen_for_claims(struct nc_service *service)
{
	char subject[NC_ROOT_SIZE];
	subject_of_claims(service, subject, sizeof subject);
	return nc_bus_subscribe(service->bus, subject, NULL, &claims_tag);
}

static void serve(struct nc_service *service)
{
	service->sole.sure = true;
	service->sole.sure_ms = nc_clock_ms();
	int err = listen_for_claims(service);
	if (err == NC_OK) {
		/* sent after the subscription, so that of two nodes at least one hears the other */
		claim(service, BEGINNING);
		err = nc_service_subjects_open(service);
	}
	if (err != NC_OK) {
		service->options.on_fatal(service->options.ctx, err, "subjects cannot be taken up");
		return;
	}
	nc_service_lead(service);
}

static bool is_settled(const struct nc_service *service)
{
	return service->sole.sure && nc_clock_ms() - service->sole.sure_ms > SETTLED_MS;
}

/* ---- Another -------------------------------------------------------------------------------- */

static bool may_say(struct nc_service *service)
{
	uint64_t now_ms = nc_clock_ms();
	bool may = service->sole.said_ms == 0 || now_ms - service->sole.said_ms >= SAY_EACH_MS;
	if (may)
		service->sole.said_ms = now_ms;
	return may;
}

static void refuse(struct nc_service *service, struct nc_slice other)
{
	char why[WHY_SIZE];
	(void)snprintf(why, sizeof why,
	               "node %.*s serves the store %s on this NATS account already, and both would "
	               "answer; end it, or give this one another NACRE_STORE_ID",
	               (int)other.size, (const char *)other.data,
	               service->options.config->store_id);
	service->options.on_fatal(service->options.ctx, NC_CONFLICT, why);
}

static void warn(struct nc_service *service, struct nc_slice other)
{
	char members[NC_WORD_SIZE_MAX + 16];
	if (!may_say(service))
		return;
	nc_say_warning("refused: another process, node %.*s, would serve the store %s as well",
	               (int)other.size, (const char *)other.data,
	               service->options.config->store_id);
	(void)snprintf(members, sizeof members, "\"other\":\"%.*s\"", (int)other.size,
	               (const char *)other.data);
	nc_service_advise(service, "node", "store_claimed", members);
}

static void on_claim(struct nc_service *service, const struct nc_bus_msg *msg)
{
	struct claim other;
	char answers[NC_ROOT_SIZE];
	(void)snprintf(answers, sizeof answers, "_es.%s.sole.", service->options.config->store_id);
	if (!claim_read(msg->data, &other) || other.run == service->sole.run ||
	    other.kind == TAKEN || !nc_slice_starts(msg->reply, nc_slice_str(answers)))
		return;
	bool stays =
	        other.kind != BEGINNING || is_settled(service) || service->sole.run < other.run;
	if (!stays) { /* both began at the same time, and neither has served yet */
		refuse(service, other.node);
		return;
	}
	warn(service, other.node);
	claim_send(service, TAKEN, (const char *)msg->reply.data, NULL);
}

static void on_answer(struct nc_service *service, const struct nc_bus_msg *msg)
{
	struct claim other;
	if (service->drain.closed)
		return; /* drained before it was sure */
	if (msg->data.size == 0 && nc_bus_no_responders(msg)) {
		if (!service->sole.sure)
			serve(service);
	} else if (claim_read(msg->data, &other) && other.run != service->sole.run) {
		/* If it is, the two had not heard of each other: people must choose one. */
		if (is_settled(service)) {
			warn(service, other.node);
		} else {
			refuse(service, other.node);
		}
	}
}

/* ---- From the service ----------------------------------------------------------------------- */

int nc_sole_start(struct nc_service *service)
{
	char subject[NC_ROOT_SIZE];
	if (getrandom(&service->sole.run, sizeof service->sole.run, 0) !=
	    (ssize_t)sizeof service->sole.run)
		return NC_IO;
	/* A cluster's nodes know each other, and answer the question of a single node. */
	if (service->options.cluster != NULL) {
		service->sole.sure = true;
		int err = listen_for_claims(service);
		return err == NC_OK ? nc_service_subjects_open(service) : err;
	}
	subject_of_answers(service, subject, sizeof subject);
	return nc_bus_subscribe(service->bus, subject, NULL, &answers_tag);
}

static bool may_claim(const struct nc_service *service)
{
	return service->options.cluster == NULL && !service->drain.closed &&
	       nc_bus_connected(service->bus);
}

/* Ask again whether another node serves the store, if it is time; serve it if none has answered. */
static void ask(struct nc_service *service)
{
	struct nc_sole *sole = &service->sole;
	uint64_t now_ms = nc_clock_ms();
	if (sole->asks > 0 && now_ms - sole->asked_ms < ASK_MS)
		return;
	if (sole->asks == ASKS) {
		serve(service); /* the node that listened has gone, and NATS has not noticed */
		return;
	}
	sole->asks++;
	sole->asked_ms = now_ms;
	claim(service, ASKING);
}

void nc_sole_connected(struct nc_service *service)
{
	if (!may_claim(service))
		return;
	if (service->sole.sure) {
		claim(service, BACK); /* look for a node that began while this one was away */
		return;
	}
	service->sole.asks = 0;
	ask(service);
}

void nc_sole_tick(struct nc_service *service)
{
	if (may_claim(service) && !service->sole.sure)
		ask(service);
}

bool nc_sole_take(struct nc_service *service, const struct nc_bus_msg *msg)
{
	if (msg->tag == &claims_tag) {
		on_claim(service, msg);
	} else if (msg->tag == &answers_tag) {
		on_answer(service, msg);
	}
	return msg->tag == &claims_tag || msg->tag == &answers_tag;
}

void nc_sole_end(struct nc_service *service)
{
	nc_bus_unsubscribe(service->bus, &claims_tag);
}
