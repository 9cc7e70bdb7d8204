/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Those who are delivered to: good, slow, choosy or gone; and what must hold of every delivery. */
#include "tests/sim/store_private.h"

#define ULL(value) ((unsigned long long)(value))

/* What a consumer, or the server in its place, says to who delivers. */
enum say {
	SAY_ACK,
	SAY_ACK_ASK, /* and wants to know when that is replicated */
	SAY_NAK,
	SAY_NAK_DELAY,
	SAY_WPI,
	SAY_TERM,
	SAY_NO_RESPONDERS,
	SAY_NOBODY,
	SAY_HEARD,
	SAY_FLOWED,
	SAY_PULL
};

static const char *const say_names[] = {
	"ack",    "ack, and asked", "nak",  "nak, later", "working", "term", "nobody listens",
	"nobody", "heartbeat",      "flow", "pull"
};

enum mood { GOOD, SLOW, CHOOSY, DEAD };

static void say_to(struct sim *sim, const struct sim_node *node, uint32_t sub, enum say what,
                   const struct sim_event *of, uint64_t later)
{
	if (node == NULL || sim_chance(sim, sim->faults.loss))
		return;
	struct sim_event *event = sim_event_new(&sim->heap);
	event->at =
	        sim->now + later + sim->faults.delay_us + sim_below(sim, sim->faults.jitter_us + 1);
	event->type = SIM_TOLD;
	event->slot = (uint8_t)(node - sim->nodes);
	event->life = 0;
	event->sub = (uint8_t)sub;
	event->what = (uint8_t)what;
	event->index = of == NULL ? 0 : of->index;
	event->epoch = of == NULL ? 0 : of->epoch;
	event->attempt = of == NULL ? 0 : of->attempt;
	sim_event_put(&sim->heap, event);
}

/* An answer comes to all who listen: who leads, and who has it by a lease, or believes so. A pull
 * request comes to the leader, who sends it on to the owner. */
static void say(struct sim *sim, uint32_t sub, enum say what, const struct sim_event *of,
                uint64_t later)
{
	bool shared = false;
	for (uint32_t i = 0; i < sim->node_count; i++) {
		const struct sim_node *node = &sim->nodes[i];
		const struct store_machine *machine = &store_of(sim, node)->machines[sub];
		bool its = node->up && machine->machine != NULL && machine->owned;
		shared |= its;
		if (its && (what != SAY_PULL || node->id == sim->store->subs[sub].owner.number))
			say_to(sim, node, sub, what, of, later);
	}
	if (!shared)
		say_to(sim, sim_someone(sim), sub, what, of, later);
}

/* ---- Out of the node ------------------------------------------------------------------------- */

/* What a delivery must be: an event that matches, of the range that was asked for, not before an
 * earlier one of its key is done, and not one whose acknowledgement was confirmed. */
static void check_delivery(struct sim *sim, const struct sim_node *node, uint32_t number,
                           uint64_t position)
{
	struct sim_store *store = sim->store;
	struct store_sub *sub = &store->subs[number];
	uint8_t marks = *store_marks(sub, position);
	uint64_t confirmed = sub->confirmed[position];
	/* A batch has acknowledged it since, of which who delivers has not heard yet. */
	bool heard = confirmed != 0 && store_of(sim, node)->told >= confirmed;
	/* Likewise that a replay is done, and its row gone. */
	uint64_t unparked = sub->unparked[position];
	bool replays = unparked != 0 && store_of(sim, node)->told < unparked;
	bool parked =
	        (marks & STORE_PARKED) != 0 || ((marks & STORE_BATCHED) != 0 && !heard) || replays;
	if ((position <= sub->cursor && !parked) || position > store->head ||
	    !store_matches(store, &sub->policy, position) ||
	    (!store_wanted(store, sub, position) && !parked)) {
		sim_violation(sim, "subscription %u: %llu is delivered and was not asked for",
		              number, ULL(position));
		return;
	}
	uint8_t done = STORE_ACKED | STORE_SKIPPED;
	if (sub->policy.ack == NC_ACK_NONE)
		done |= STORE_SENT;
	uint64_t before = store_key_before(store, &sub->policy, position);
	bool counts = (before > sub->cursor && store_wanted(store, sub, before)) ||
	              (*store_marks(sub, before) & STORE_PARKED) != 0;
	if (before > 0 && counts && (*store_marks(sub, before) & done) == 0) {
		sim_violation(sim,
		              "subscription %u: %llu is delivered before %llu of its key is done",
		              number, ULL(position), ULL(before));
	}
	if (heard) {
		sim_violation(sim,
		              "subscription %u: %llu is delivered again, its ack was confirmed",
		              number, ULL(position));
	}
}

void store_deliver(struct sim *sim, const struct sim_node *node, uint32_t number,
                   const struct nc_sub_action *action)
{
	struct store_sub *sub = &sim->store->subs[number];
	uint64_t epoch = store_of(sim, node)->machines[number].epoch;
	bool current = sub->exists && epoch == sub->epoch; /* as far as is committed */
	if (action->kind == NC_SUB_SKIP) {
		sim->counters.skips++;
		if (current)
			*store_marks(sub, action->position) |= STORE_SKIPPED;
		return;
	}
	/* Who takes over does not know what became of the last attempt, and tries once more. */
	uint64_t most = store_of(sim, node)->machines[number].policy.max_deliver;
	if (most != 0 && action->attempt > most + sim->counters.takeovers + sim->counters.moves) {
		sim_violation(sim, "subscription %u: %llu is delivered %u times, not %llu", number,
		              ULL(action->position), action->attempt, ULL(most));
	}
	sim->counters.deliveries++;
	sim->counters.redeliveries += action->attempt > 1;
	sim_trace(sim, "  %llu delivers sub%u %llu attempt %u", ULL(node->id), number,
	          ULL(action->position), action->attempt);
	if (current) {
		check_delivery(sim, node, number, action->position);
		*store_marks(sub, action->position) |= STORE_SENT;
	}
	const struct store_flight sent = { action->position, action->flight, action->attempt };
	if (!store_pack(sim, node, number, action))
		store_leave(sim, node, number, sent);
}

void store_leave(struct sim *sim, const struct sim_node *node, uint32_t number,
                 struct store_flight sent)
{
	const struct sim_event event = { .index = sent.position,
		                         .epoch = store_of(sim, node)->machines[number].epoch,
		                         .attempt = sent.attempt };
	if (sim->now < sim->store->subs[number].gone_until) {
		say(sim, number, SAY_NO_RESPONDERS, &event, 0);
		return;
	}
	if (sim_chance(sim, sim->faults.loss))
		return;
	struct sim_event *delivered = sim_event_new(&sim->heap);
	delivered->at = sim->now + sim->faults.delay_us + sim_below(sim, sim->faults.jitter_us + 1);
	delivered->type = SIM_DELIVERED;
	delivered->slot = 0;
	delivered->life = 0;
	delivered->sub = (uint8_t)number;
	delivered->index = event.index;
	delivered->epoch = event.epoch;
	delivered->attempt = event.attempt;
	sim_event_put(&sim->heap, delivered);
}

void store_status(struct sim *sim, const struct sim_node *node, uint32_t number,
                  const struct nc_sub_action *action)
{
	const struct store_sub *sub = &sim->store->subs[number];
	const struct sim_event event = { .index = action->position };
	(void)node;
	if (sim_chance(sim, sim->faults.loss))
		return;
	if (sim->now < sub->gone_until) {
		say(sim, number, SAY_NOBODY, NULL, 0);
	} else if (sub->mood != DEAD || sim->store->quiet) {
		say(sim, number, action->kind == NC_SUB_HEARTBEAT ? SAY_HEARD : SAY_FLOWED, &event,
		    0);
	}
}

void store_confirm(struct sim *sim, const struct sim_node *node, uint32_t number, uint64_t epoch,
                   uint64_t position)
{
	struct store_sub *sub = &sim->store->subs[number];
	if (!sub->exists || epoch < sub->placed)
		return; /* it was sought since, or is another of the name */
	if ((*store_marks(sub, position) & STORE_PARKED) != 0)
		return; /* it came too late: a replay will bring the event again */
	sim->counters.confirmed++;
	sub->confirmed[position] = node->applied;
}

/* ---- The consumer ---------------------------------------------------------------------------- */

static void acknowledge(struct sim *sim, const struct sim_event *event, uint64_t later)
{
	struct store_sub *sub = &sim->store->subs[event->sub];
	if (!sim->store->quiet && sim->store->version >= NC_ENGINE_VERSION_ACK &&
	    sim_chance(sim, 1500)) {
		store_process(sim, event);
		return;
	}
	bool asks = sim_chance(sim, 3000);
	sim->counters.acks++;
	if (sub->exists && event->epoch == sub->epoch) {
		*store_marks(sub, event->index) |= STORE_ACKED;
		for (uint64_t at = sub->cursor + 1;
		     sub->policy.ack == NC_ACK_ALL && at < event->index; at++) {
			if ((*store_marks(sub, at) & STORE_SENT) != 0)
				*store_marks(sub, at) |= STORE_ACKED;
		}
	}
	say(sim, event->sub, asks ? SAY_ACK_ASK : SAY_ACK, event, later);
}

void store_delivered(struct sim *sim, const struct sim_event *event)
{
	const struct store_sub *sub = &sim->store->subs[event->sub];
	bool calm = sim->store->quiet;
	if (sub->policy.ack == NC_ACK_NONE || (sub->mood == DEAD && !calm))
		return;
	uint64_t lot = sim_below(sim, 100);
	if (sub->mood != CHOOSY || calm) {
		acknowledge(sim, event,
		            sub->mood == SLOW && !calm ? sim_below(sim, 3 * SIM_S)
		                                       : sim_below(sim, 10 * SIM_MS));
	} else if (lot < 30) {
		say(sim, event->sub, SAY_NAK, event, 0);
	} else if (lot < 40) {
		say(sim, event->sub, SAY_NAK_DELAY, event, 0);
	} else if (lot < 45) {
		say(sim, event->sub, SAY_TERM, event, 0);
	} else if (lot < 55) {
		say(sim, event->sub, SAY_WPI, event, 0);
	} else {
		acknowledge(sim, event, 0);
	}
}

/* ---- Into the node --------------------------------------------------------------------------- */

static void wait_saved(struct sim *sim, struct sim_node *node, uint32_t number, uint64_t position)
{
	struct store_machine *machine = &store_of(sim, node)->machines[number];
	bool dirty = nc_sub_progress_dirty(machine->machine);
	if (!dirty && !machine->saving) {
		if (!machine->unsaved)
			store_confirm(sim, node, number, machine->epoch, position);
		return;
	}
	if (machine->waiting_count == sizeof machine->waiting / sizeof machine->waiting[0])
		return; /* it hears nothing */
	machine->waiting[machine->waiting_count] = position;
	machine->waiting_number[machine->waiting_count++] =
	        nc_sub_progress_next(machine->machine) - (dirty ? 0 : 1);
	machine->hurry = true;
}

static void pull(struct sim *sim, struct store_machine *machine)
{
	uint64_t now = sim->now * UINT64_C(1000);
	const struct nc_sub_request request = { .id = ++sim->store->pulls,
		                                .batch = 1 + (uint32_t)sim_below(sim, 20),
		                                .expires_ns = now + 1000000 +
		                                              sim_below(sim, UINT64_C(2000000000)),
		                                .no_wait = sim_chance(sim, 2000) };
	int err = nc_sub_request(machine->machine, &request, now);
	nc_assert(err == NC_OK || err == NC_FULL || err == NC_INVALID);
	sim->counters.pulls += err == NC_OK;
}

void store_told(struct sim *sim, struct sim_node *node, const struct sim_event *event)
{
	struct store_machine *machine = &store_of(sim, node)->machines[event->sub];
	struct nc_sub *sub = machine->machine;
	uint64_t now = sim->now * UINT64_C(1000);
	bool moves = event->what == SAY_NAK || event->what == SAY_NAK_DELAY ||
	             event->what == SAY_TERM || event->what == SAY_NO_RESPONDERS;
	struct nc_buf flights = { 0 };
	int err = NC_OK;
	if (sub == NULL)
		return;
	store_packed_tell(machine);
	if (moves)
		store_flights_look(machine, &flights);
	sim_trace(sim, "  sub%u is told %s of %llu attempt %u", event->sub, say_names[event->what],
	          ULL(event->index), event->attempt);
	switch ((enum say)event->what) {
	case SAY_ACK:
	case SAY_ACK_ASK:
		err = nc_sub_ack(sub, event->epoch, event->index, now);
		if (err == NC_OK && event->what == SAY_ACK_ASK)
			wait_saved(sim, node, event->sub, event->index);
		break;
	case SAY_NAK:
		err = nc_sub_nak(sub, event->epoch, event->index, event->attempt, now);
		break;
	case SAY_NAK_DELAY:
		err = nc_sub_nak_delay(sub, event->epoch, event->index, event->attempt,
		                       sim_below(sim, UINT64_C(1000000000)), now);
		break;
	case SAY_WPI:
		err = nc_sub_wpi(sub, event->epoch, event->index, event->attempt, now);
		break;
	case SAY_TERM:
		err = nc_sub_term(sub, event->epoch, event->index, NC_SLICE("no good"), now);
		break;
	case SAY_NO_RESPONDERS:
		err = nc_sub_no_responders(sub, event->epoch, event->index, event->attempt, now);
		break;
	case SAY_NOBODY:
		nc_sub_nobody(sub, now);
		break;
	case SAY_HEARD:
		nc_sub_heard(sub, now);
		break;
	case SAY_FLOWED:
		nc_sub_flowed(sub, event->index, now);
		break;
	case SAY_PULL:
		pull(sim, machine);
		break;
	}
	nc_assert(err == NC_OK || err == NC_CONFLICT);
	if (moves)
		store_flights_check(sim, node, event, event->what == SAY_TERM, &flights);
	nc_buf_release(&flights);
	sim->counters.stale_answers += err == NC_CONFLICT;
	store_subs_step(sim, node, event->sub);
}

/* ---- A turn ---------------------------------------------------------------------------------- */

static void define(struct sim *sim, uint8_t number, bool make)
{
	struct sim_store *store = sim->store;
	const struct store_sub *sub = &store->subs[number];
	uint64_t command = store_command_new(sim, make ? STORE_CREATE : STORE_DELETE);
	struct store_command *of = &store->commands[command];
	of->sub = number;
	if (make && sub->exists && sim_chance(sim, 5000)) {
		of->policy = sub->policy;
	} else {
		store_policy_draw(sim, &of->policy);
	}
	store_start_draw(sim, of);
	store_spec_encode(store, command);
	store_send(sim, command);
}

void store_consumers_turn(struct sim *sim)
{
	struct sim_store *store = sim->store;
	uint8_t number = (uint8_t)sim_below(sim, STORE_SUBS);
	struct store_sub *sub = &store->subs[number];
	if (!store->quiet && sim_chance(sim, sub->exists ? 40 : 1000)) {
		bool make =
		        !sub->exists || sim_chance(sim, 2000); /* again, or another of the name */
		define(sim, number, make);
		if (!make && sim_chance(sim, 5000)) /* and anew at once */
			define(sim, number, true);
	}
	if (sim_chance(sim, 300))
		sub->mood = (uint8_t)sim_below(sim, 4);
	if (!store->quiet && sim_chance(sim, 100)) { /* too slow: the server cuts it off */
		sim->counters.consumers_cut++;
		sub->gone_until = sim->now + sim_below(sim, 2 * SIM_S);
	}
	if (store->quiet)
		sub->gone_until = 0;
	for (uint32_t i = 0; i < STORE_SUBS; i++) {
		if (store->subs[i].exists && !store->subs[i].policy.push && sim_chance(sim, 1500) &&
		    sim->now >= store->subs[i].gone_until)
			say(sim, i, SAY_PULL, NULL, 0);
	}
}
