/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What other nodes tell, and what is wrong with some of them. */
#include <inttypes.h>
#include <stdio.h>

#include "core/node/cluster/cluster_private.h"
#include "core/node/common/say.h"

#define SAY_EACH_MS 10000u /* between two equal messages to people */
#define SKEW_MAX_MS 500
#define SKEW_SAY_MS 60000u

/* Once in a while; `when` remembers. */
static bool may_say(uint64_t *when, uint64_t each_ms)
{
	uint64_t now_ms = nc_clock_ms();
	if (*when != 0 && now_ms - *when < each_ms)
		return false;
	*when = now_ms;
	return true;
}

void nc_cluster_on_drop(void *ctx, enum nc_peer_drop why, struct nc_slice claim)
{
	struct nc_cluster *cluster = ctx;
	if (why == NC_PEER_DROP_EPOCH)
		cluster->hello_soon = true; /* it does not know that we have started anew */
	bool to_be_said = why == NC_PEER_DROP_UNSIGNED || why == NC_PEER_DROP_VERSION ||
	                  why == NC_PEER_DROP_MALFORMED;
	if (!to_be_said || !may_say(&cluster->drop_said_ms[why], SAY_EACH_MS))
		return;
	const char *name = claim.size == 0 ? "somebody" : (const char *)claim.data;
	int size = claim.size == 0 ? (int)strlen(name) : (int)claim.size;
	if (why == NC_PEER_DROP_UNSIGNED) {
		nc_say_warning("refused: a message of %.*s is not signed with this node's "
		               "NACRE_CLUSTER_SECRET",
		               size, name);
	} else {
		nc_say_warning("refused: a message of %.*s is not understood (%s)", size, name,
		               nc_peer_drop_name(why));
	}
}

/* ---- Namesakes ------------------------------------------------------------------------------ */

/* Another process has this node's name. The first one stays: a node that starts asks, and ends if
 * it is answered. */
static void hear_namesake(struct nc_cluster *cluster, const struct nc_hello *hello,
                          bool same_number)
{
	const char *name = cluster->options.config->node_id;
	bool starting = hello->phase == NC_HELLO_STARTING;
	if (hello->run == cluster->run)
		return; /* this node's own hello, come back by some way */
	cluster->twin |= same_number;
	bool they_yield = cluster->started ? starting : starting && cluster->run < hello->run;
	if (they_yield || cluster->started) {
		cluster->echo = hello->run;
		cluster->hello_soon = true;
		if (may_say(&cluster->namesake_said_ms, SAY_EACH_MS))
			nc_say_warning("refused: another process that calls itself %s", name);
	}
	bool they_answer = hello->echo == cluster->run;
	bool we_yield =
	        !cluster->started || (same_number && !starting && cluster->run > hello->run);
	if (they_answer && we_yield) {
		nc_cluster_refuse(cluster, NC_BUSY,
		                  "another process runs as node %s; give this one another "
		                  "NACRE_NODE_ID",
		                  name);
	}
}

/* ---- Others --------------------------------------------------------------------------------- */

static struct nc_cluster_other *other_of(struct nc_cluster *cluster, uint64_t number)
{
	struct nc_cluster_other *place = NULL;
	for (uint32_t i = 0; i < cluster->other_count; i++) {
		struct nc_cluster_other *other = &cluster->others[i];
		if (other->number == number)
			return other;
		if (place == NULL || other->heard_ms < place->heard_ms)
			place = other;
	}
	if (cluster->other_count < NC_PEER_NODES_MAX)
		place = &cluster->others[cluster->other_count++];
	*place = (struct nc_cluster_other){ .number = number };
	return place;
}

static int64_t skew_of(const struct nc_hello *hello)
{
	int64_t now_ms = (int64_t)(nc_clock_wall_ns() / 1000000);
	uint64_t their_ms = hello->clock_ns / 1000000;
	return their_ms > INT64_MAX ? INT64_MAX : (int64_t)their_ms - now_ms;
}

static void clocks_compare(struct nc_cluster *cluster, const struct nc_cluster_other *other)
{
	char members[192];
	bool far = other->skew_ms > SKEW_MAX_MS || other->skew_ms < -SKEW_MAX_MS;
	if (!far || !may_say(&cluster->skew_said_ms, SKEW_SAY_MS))
		return;
	nc_say_warning("the clock of %s is %" PRId64 " ms %s", other->name,
	               other->skew_ms < 0 ? -other->skew_ms : other->skew_ms,
	               other->skew_ms < 0 ? "behind" : "ahead");
	(void)snprintf(members, sizeof members, "\"other\":\"%s\",\"skew_ms\":%" PRId64,
	               other->name, other->skew_ms);
	if (cluster->advise != NULL)
		cluster->advise(cluster->advise_ctx, "clock_skew", members);
}

static void remember(struct nc_cluster_other *other, const struct nc_peer_node *from,
                     const struct nc_hello *hello, bool foreign)
{
	other->phase = hello->phase;
	other->foreign = foreign;
	other->heard_ms = from->heard_ms;
	other->epoch = from->epoch;
	other->term = hello->term;
	other->leader = hello->leader;
	other->commit = hello->commit;
	other->applied = hello->applied;
	other->engine_version = hello->engine_version;
	other->skew_ms = skew_of(hello);
	other->draining = hello->draining;
	memcpy(other->name, from->name, sizeof other->name);
	memcpy(other->version, hello->version, sizeof other->version);
}

/* A member of this cluster was heard: learn the names of the others, and whether this node still is
 * a member. */
static void hear_member(struct nc_cluster *cluster, const struct nc_peer_node *from,
                        const struct nc_hello *hello)
{
	bool changed = false;
	cluster->ours_heard = true;
	for (uint32_t i = 0; i < hello->node_count; i++) {
		const struct nc_hello_node *node = &hello->nodes[i];
		if ((node->flags & (NC_HELLO_VOTER | NC_HELLO_LEARNER)) != 0 &&
		    node->name[0] != '\0') {
			changed |= nc_cluster_record_name(&cluster->formation.record, node->number,
			                                  node->name);
		}
	}
	if (changed)
		nc_cluster_save_names(cluster);
	const struct nc_hello_node *me = nc_hello_find(hello, cluster->self);
	bool leads = hello->leader == from->number;
	bool counted = me != NULL && (me->flags & (NC_HELLO_VOTER | NC_HELLO_LEARNER)) != 0;
	if (leads && from->met && counted != !cluster->removed) {
		cluster->removed = !counted;
		if (cluster->removed) {
			nc_say_warning("this node is not a member of its cluster any more, says "
			               "%s; empty its data directory to let it join again",
			               from->name);
		}
	}
}

static void hear_foreign(struct nc_cluster *cluster, const struct nc_peer_node *from,
                         const struct nc_hello *hello)
{
	if (from->met && hello->leader != 0)
		cluster->foreign_leads = true;
	if (may_say(&cluster->foreign_said_ms, SAY_EACH_MS)) {
		nc_say_warning("refused: %s belongs to another cluster that calls its store %s as "
		               "well; a data directory of one cluster cannot serve another",
		               from->name, cluster->options.config->store_id);
	}
}

/* A member of ours has heard of a start of this node that is not in its directory: that is a copy
 * of an earlier day, put back. What was acknowledged and whom was voted for since it does not know.
 * (Or a copy of it was started beside it, and has been heard here as well.) */
static void hear_later_life(struct nc_cluster *cluster, const struct nc_peer_node *from,
                            const struct nc_hello_node *me)
{
	uint64_t epoch = nc_peer_gate(cluster->peer)->epoch;
	if (me == NULL || me->epoch <= epoch || cluster->twin)
		return;
	nc_cluster_refuse(cluster, NC_CORRUPT,
	                  "the data are of an earlier day: this is start %" PRIu64
	                  " of this node, and %s has heard start %" PRIu64,
	                  epoch, from->name, me->epoch);
}

static bool is_zero(const uint8_t *id)
{
	static const uint8_t zeros[NC_PEER_CLUSTER_ID_SIZE];
	return memcmp(id, zeros, sizeof zeros) == 0;
}

static void hear_other(struct nc_cluster *cluster, const struct nc_peer_frame *frame,
                       struct nc_peer_node *from, const struct nc_hello *hello)
{
	uint64_t now_ms = nc_clock_ms();
	const struct nc_gate *gate = nc_peer_gate(cluster->peer);
	const struct nc_hello_node *me = nc_hello_find(hello, cluster->self);
	struct nc_cluster_other *other = other_of(cluster, from->number);
	bool fresh = me != NULL && me->epoch == gate->epoch;
	bool known = other->epoch == from->epoch;
	bool member = hello->phase == NC_HELLO_MEMBER,
	     done = nc_formation_done(&cluster->formation);
	bool ours =
	        done && memcmp(frame->cluster_id, gate->cluster_id, NC_PEER_CLUSTER_ID_SIZE) == 0;
	if (fresh)
		nc_gate_meet(from);
	if (!fresh || !known)
		cluster->hello_soon = true; /* let it hear that it is heard */
	remember(other, from, hello, done && !ours && !is_zero(frame->cluster_id));
	clocks_compare(cluster, other);
	if (member && ours) {
		hear_later_life(cluster, from, me);
		hear_member(cluster, from, hello);
	} else if (done && !ours && !is_zero(frame->cluster_id)) {
		hear_foreign(cluster, from, hello);
	}
	if (!cluster->started || done)
		return;
	const struct nc_formation_from heard = { .name = from->name,
		                                 .number = from->number,
		                                 .cluster_id = frame->cluster_id,
		                                 .fresh = fresh };
	if (nc_formation_hear(&cluster->formation, &heard, hello, now_ms))
		nc_cluster_save(cluster);
}

void nc_cluster_on_hello(void *ctx, const struct nc_peer_frame *frame, struct nc_peer_node *from,
                         const struct nc_hello *hello)
{
	struct nc_cluster *cluster = ctx;
	bool same_name = nc_slice_is(frame->sender, cluster->options.config->node_id);
	if (from == NULL || same_name)
		hear_namesake(cluster, hello, from == NULL);
	if (from != NULL)
		hear_other(cluster, frame, from, hello);
}
