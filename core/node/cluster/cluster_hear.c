/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What other nodes tell, and what is wrong with some of them. */
#include <inttypes.h>
#include <stdio.h>

#include "core/node/cluster/cluster_private.h"
#include "core/node/common/say.h"

#define SAY_EACH_MS 10000u /* between two equal messages to people */
#define SKEW_MAX_MS 500
#define SKEW_SAY_MS 60000u

/* Whether it is time to tell of a trouble again; `when` remembers when it was last told. */
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
	/* It does not know that we have started anew; or it has started in an epoch that it has
	 * had before. */
	if (why == NC_PEER_DROP_EPOCH || why == NC_PEER_DROP_REPLAYED)
		cluster->hello_soon = true;
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

static bool is_member(const struct nc_hello_node *node)
{
	return (node->flags & (NC_HELLO_VOTER | NC_HELLO_LEARNER)) != 0;
}

/* End, if another node has taken this node's place: it has the name, and answers under it. */
static void yield_to_successor(struct nc_cluster *cluster, const struct nc_hello *hello)
{
	const char *name = cluster->options.config->node_id;
	for (uint32_t i = 0; i < hello->node_count; i++) {
		const struct nc_hello_node *node = &hello->nodes[i];
		if (is_member(node) && strcmp(node->name, name) == 0) {
			nc_cluster_refuse(cluster, NC_BUSY,
			                  "this node was removed, and %s is another process of the "
			                  "cluster now; empty its data directory, and give it "
			                  "another NACRE_NODE_ID, to let it join again",
			                  name);
		}
	}
}

/* Whether there is anything here by which the word of a leader that was superseded is known for
 * what it is. Before that nobody ends by it: the next one may count this node again. */
static bool knows_members(const struct nc_cluster *cluster)
{
	return cluster->replica != NULL &&
	       nc_replica_status(cluster->replica).raft.config_index > 0;
}

/* The leader's word on whether this node is counted among the members. */
static void membership_hear(struct nc_cluster *cluster, const struct nc_peer_node *from,
                            const struct nc_hello *hello)
{
	const struct nc_hello_node *me = nc_hello_find(hello, cluster->self);
	bool counted = me != NULL && is_member(me);
	if (counted == cluster->removed) {
		cluster->removed = !counted;
		if (cluster->removed) {
			nc_say_warning("this node is not a member of its cluster any more, says "
			               "%s; empty its data directory to let it join again",
			               from->name);
		}
	}
	if (cluster->removed && knows_members(cluster))
		yield_to_successor(cluster, hello);
}

/* Whether the member leads now. One that led and stood still does not know yet that it does no
 * more, and counts the members that it knew then. So who knows a later term believes it only while
 * there is no leader, and only if it knows all changes of the members that are known here: a leader
 * that was superseded commits none that came later. */
static bool is_leader(const struct nc_cluster *cluster, const struct nc_peer_node *from,
                      const struct nc_hello *hello)
{
	if (hello->leader != from->number || !from->met)
		return false;
	if (cluster->replica == NULL)
		return true;
	const struct nc_replica_status status = nc_replica_status(cluster->replica);
	if (hello->term >= status.term)
		return true;
	return status.raft.leader == 0 && hello->commit >= status.raft.config_index;
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
		if (is_member(node) && node->name[0] != '\0') {
			changed |= nc_cluster_record_name(&cluster->formation.record, node->number,
			                                  node->name);
		}
	}
	if (changed)
		nc_cluster_save_names(cluster);
	if (is_leader(cluster, from, hello))
		membership_hear(cluster, from, hello);
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

/* ---- Earlier days --------------------------------------------------------------------------- */

void nc_cluster_begin(struct nc_cluster *cluster)
{
	const char *data_dir = cluster->options.config->data_dir;
	nc_gate_cluster(nc_peer_gate(cluster->peer), nc_cluster_id(cluster));
	if (cluster->heard.count > 0)
		return;
	int err = nc_heard_read(data_dir, nc_cluster_id(cluster), &cluster->heard);
	if (err != NC_OK && err != NC_NOTFOUND) {
		nc_say_warning("%s/heard: %s: it is not known in which starts the others were",
		               data_dir, nc_err_name(err));
	}
}

/* A member of ours was heard, in one of its starts. False if that is an earlier start than is
 * known, or was another process: the member's directory is then an old copy, and it is told so. */
static bool hear_life(struct nc_cluster *cluster, const struct nc_peer_node *from, uint64_t run)
{
	const char *data_dir = cluster->options.config->data_dir;
	const struct nc_heard_life life = { .number = from->number,
		                            .epoch = from->epoch,
		                            .run = run };
	enum nc_heard_as as = nc_heard_put(&cluster->heard, &life);
	int err = as == NC_HEARD_LATER
	                  ? nc_heard_write(data_dir, nc_cluster_id(cluster), &cluster->heard)
	                  : NC_OK;
	if (err != NC_OK)
		nc_say_warning("%s/heard cannot be written: %s", data_dir, nc_err_name(err));
	if (as != NC_HEARD_OLDER)
		return true;
	cluster->hello_soon = true;
	if (may_say(&cluster->older_said_ms, SAY_EACH_MS)) {
		nc_say_warning("refused: %s is on data of an earlier day: a later start of it than "
		               "%" PRIu64 " was heard, or another one of that number",
		               from->name, from->epoch);
	}
	return false;
}

/* A member of ours has heard of a later start of this node than its directory knows, or of another
 * process in this start. So the directory is an old copy that was put back, and does not know what
 * was acknowledged, and for whom this node has voted, since it was made. (Or a copy of it was
 * started beside this node, and was heard here as well.) */
static void hear_later_life(struct nc_cluster *cluster, const struct nc_peer_node *from,
                            const struct nc_hello_node *me)
{
	uint64_t epoch = nc_peer_gate(cluster->peer)->epoch;
	bool other = me != NULL && me->epoch == epoch && me->run != 0 && me->run != cluster->run;
	if (me == NULL || (me->epoch <= epoch && !other) || cluster->twin)
		return;
	(void)snprintf(cluster->forgot, sizeof cluster->forgot,
	               "the data are of an earlier day: this is start %" PRIu64
	               " of this node, and %s has heard %s %" PRIu64,
	               epoch, from->name, other ? "another start" : "start", me->epoch);
	if (cluster->started)
		nc_cluster_refuse(cluster, NC_CORRUPT, "%s", cluster->forgot);
}

bool nc_cluster_may_start(struct nc_cluster *cluster)
{
	const struct nc_config *config = cluster->options.config;
	if (cluster->foreign_leads && !cluster->ours_heard) {
		/* Both would answer to the same subjects. */
		nc_cluster_refuse(cluster, NC_CONFLICT,
		                  "%s belongs to another cluster than the one that serves the "
		                  "store %s here; start the node with the directory of this one, "
		                  "or with an empty one",
		                  config->data_dir, config->store_id);
	} else if (cluster->forgot[0] != '\0' && !cluster->twin) {
		nc_cluster_refuse(cluster, NC_CORRUPT, "%s", cluster->forgot);
	}
	return cluster->refused == NC_OK;
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
	if (ours)
		hear_later_life(cluster, from, me);
	if (member && ours) {
		if (hear_life(cluster, from, hello->run))
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
