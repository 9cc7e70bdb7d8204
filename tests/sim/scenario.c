/* SPDX-License-Identifier: GPL-3.0-or-later */
/* scenario.c -- runs scenarios: text scripts with their expected output. A line that begins with ">
 * " is a command, the lines up to the next one are what it must print; "#" begins a comment. With
 * --write the output is written anew.
 *
 *   cluster N               founders 1..N            join ID            a node that knows nothing
 *   campaign ID             tick ID [N]              propose ID [N]     read ID CTX
 *   transfer ID TO          add|promote|remove ID X
 *   persist ID [N]          the disk completes N orders, or all
 *   deliver FROM TO [TYPE]  what is in flight; 0: anybody; says what is delivered
 *   drop FROM TO [TYPE]     repeat FROM TO [TYPE]: deliver, and keep it in flight for later
 *   inject FROM TO TERM PREV PREVTERM COMMIT        an append without entries, lawful but not sent
 *   limit N                 entries of an append of nodes that start from now on, at most;
 * otherwise 4 settle                  persist and deliver until all is quiet cut A B | heal nothing
 * passes between A and B lapse ID                no leader is heard for long; what it sends about
 * that is lost crash ID [N]            N of the orders that were not complete are durable all the
 * same restart ID [doubtful]   checkpoint ID            compact ID INDEX install ID ok|fail
 * disk_failed ID           status [ID]        flight
 */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "tests/sim/sim_private.h"

#define IDS       16
#define FLIGHT    4096
#define ORDERS    256
#define WORDS_MAX 8

struct letter {
	struct nc_raft_message message;
	struct nc_raft_entry *entries;
	struct nc_raft_members members;
};

struct order {
	struct nc_raft_ready ready;
	struct sim_entry *entries;
};

struct desk_node {
	struct nc_raft *raft;
	struct sim_log memory, disk;
	struct nc_log_hard hard;
	struct order orders[ORDERS];
	size_t order_count;
	uint64_t checkpoint, life;
};

struct desk {
	struct desk_node nodes[IDS];
	struct letter flight[FLIGHT];
	size_t flight_count;
	bool cut[IDS][IDS];
	struct nc_raft_members configs[256];
	size_t config_count;
	uint32_t limit;
	struct nc_buf out;
};

static const struct nc_raft_members *keep(struct desk *desk, const struct nc_raft_members *members)
{
	nc_assert(desk->config_count < 256);
	desk->configs[desk->config_count] = *members;
	return &desk->configs[desk->config_count++];
}

static const char *type_name(const struct nc_raft_message *message, struct nc_buf *buf)
{
	nc_buf_clear(buf);
	nc_raft_message_describe(message, buf);
	nc_buf_put_u8(buf, 0);
	return (const char *)buf->data;
}

/* ---- Out ------------------------------------------------------------------------------------- */

static void post(struct desk *desk, const struct nc_raft_message *message)
{
	struct desk_node *from = &desk->nodes[message->from];
	if (desk->cut[message->from][message->to])
		return;
	nc_assert(desk->flight_count < FLIGHT);
	struct letter *letter = &desk->flight[desk->flight_count++];
	*letter = (struct letter){ .message = *message };
	if (message->members != NULL)
		letter->members = *message->members;
	if (message->entry_count == 0)
		return;
	letter->entries = calloc(message->entry_count, sizeof *letter->entries);
	nc_assert(letter->entries != NULL);
	for (uint32_t i = 0; i < message->entry_count; i++) {
		const struct sim_entry *entry = &from->memory.at[message->index + 1 + i];
		letter->entries[i] = (struct nc_raft_entry){ entry->term, entry->size, entry->kind,
			                                     entry->members };
	}
}

/* Entries that the node made itself. */
static void own_entries(struct desk *desk, struct desk_node *node)
{
	while (node->memory.last < node->raft->trail.last) {
		uint64_t index = node->memory.last + 1, term = 0;
		(void)nc_raft_term_at(node->raft, index, &term);
		const struct nc_raft_members *members = nc_raft_config_at(node->raft, index);
		struct sim_entry entry = { .term = term,
			                   .kind = members != NULL ? NC_LOG_CONFIG : NC_LOG_COMMAND,
			                   .members =
			                           members == NULL ? NULL : keep(desk, members) };
		sim_log_put(&node->memory, index, &entry);
	}
}

static void take_order(struct desk_node *node, const struct nc_raft_ready *ready)
{
	nc_assert(node->order_count < ORDERS);
	struct order *order = &node->orders[node->order_count++];
	*order = (struct order){ .ready = *ready };
	if (ready->first > ready->last)
		return;
	size_t count = ready->last - ready->first + 1;
	order->entries = calloc(count, sizeof *order->entries);
	nc_assert(order->entries != NULL);
	memcpy(order->entries, &node->memory.at[ready->first], count * sizeof *order->entries);
}

static void pump(struct desk *desk, struct desk_node *node)
{
	unsigned id = (unsigned)(node - desk->nodes);
	while (node->raft != NULL && nc_raft_has_ready(node->raft)) {
		own_entries(desk, node);
		struct nc_raft_ready ready;
		nc_raft_ready(node->raft, &ready);
		if (ready.mark.order != 0)
			take_order(node, &ready);
		for (size_t i = 0; i < ready.message_count; i++)
			post(desk, &ready.messages[i]);
		if (ready.apply_first <= ready.apply_last) {
			nc_buf_printf(&desk->out, "%u applies %llu..%llu\n", id,
			              (unsigned long long)ready.apply_first,
			              (unsigned long long)ready.apply_last);
			nc_raft_applied(node->raft, ready.apply_last);
		}
		for (size_t i = 0; i < ready.read_count; i++)
			nc_buf_printf(&desk->out, "%u read %llu %s %llu\n", id,
			              (unsigned long long)ready.reads[i].ctx,
			              ready.reads[i].err == NC_OK ? "at" : "failed",
			              (unsigned long long)ready.reads[i].index);
		if (ready.install.index != 0)
			nc_buf_printf(&desk->out, "%u is to install %llu from %llu\n", id,
			              (unsigned long long)ready.install.index,
			              (unsigned long long)ready.install.from);
	}
}

/* ---- In -------------------------------------------------------------------------------------- */

static bool matches(const struct letter *letter, uint64_t from, uint64_t to, const char *type)
{
	struct nc_buf buf = { 0 };
	char name[40] = "";
	(void)sscanf(type_name(&letter->message, &buf), "%*s %39s", name);
	nc_buf_release(&buf);
	return (from == 0 || letter->message.from == from) &&
	       (to == 0 || letter->message.to == to) && (type == NULL || strcmp(name, type) == 0);
}

static void step(struct desk *desk, const struct letter *letter)
{
	struct desk_node *node = &desk->nodes[letter->message.to];
	struct nc_raft_message message = letter->message;
	if (node->raft == NULL)
		return;
	message.entries = letter->entries;
	message.members = message.members == NULL ? NULL : &letter->members;
	int err = nc_raft_step(node->raft, &message);
	if (err != NC_OK)
		nc_buf_printf(&desk->out, "step: %s\n", nc_err_name(err));
	for (uint32_t i = 0; i < message.entry_count; i++) {
		uint64_t index = message.index + 1 + i, term = 0;
		if (nc_raft_term_at(node->raft, index, &term) != NC_OK ||
		    term != letter->entries[i].term || index <= node->memory.base ||
		    index > node->memory.last + 1 || sim_log_term(&node->memory, index) == term)
			continue;
		struct sim_entry entry = { .term = term,
			                   .size = letter->entries[i].size,
			                   .kind = letter->entries[i].kind,
			                   .members = letter->entries[i].members };
		sim_log_put(&node->memory, index, &entry);
	}
	if (node->memory.last > node->raft->trail.last)
		node->memory.last = node->raft->trail.last;
	pump(desk, node);
}

enum fate { DELIVER, DROP, REPEAT };

static bool carry(struct desk *desk, uint64_t from, uint64_t to, const char *type, enum fate fate,
                  bool say)
{
	size_t count = desk->flight_count, kept = 0;
	struct letter *now = calloc(count + 1, sizeof *now);
	nc_assert(now != NULL);
	size_t chosen = 0;
	for (size_t i = 0; i < count; i++) {
		if (matches(&desk->flight[i], from, to, type))
			now[chosen++] = desk->flight[i];
		if (!matches(&desk->flight[i], from, to, type) || fate == REPEAT)
			desk->flight[kept++] = desk->flight[i];
	}
	desk->flight_count = kept;
	for (size_t i = 0; i < chosen; i++) {
		struct nc_buf buf = { 0 };
		if (say)
			nc_buf_printf(&desk->out, "%s\n", type_name(&now[i].message, &buf));
		nc_buf_release(&buf);
		if (fate != DROP)
			step(desk, &now[i]);
		if (fate != REPEAT)
			free(now[i].entries);
	}
	free(now);
	return chosen > 0;
}

static bool persist(struct desk *desk, struct desk_node *node, uint64_t count, bool tell)
{
	bool any = false;
	for (; count > 0 && node->order_count > 0; count--) {
		struct order order = node->orders[0];
		node->order_count--;
		memmove(node->orders, node->orders + 1, node->order_count * sizeof *node->orders);
		const struct nc_raft_ready *ready = &order.ready;
		if (ready->hard_changed)
			node->hard = ready->hard;
		if (ready->first <= ready->last && ready->first <= node->disk.last)
			node->disk.last = ready->first - 1;
		for (uint64_t i = ready->first; i <= ready->last; i++)
			sim_log_put(&node->disk, i, &order.entries[i - ready->first]);
		free(order.entries);
		any = true;
		if (tell) {
			nc_assert(nc_raft_appended(node->raft, ready->mark) == NC_OK);
			pump(desk, node);
		}
	}
	return any;
}

static void settle(struct desk *desk)
{
	bool any = true;
	for (int rounds = 0; any && rounds < 1000; rounds++) {
		any = false;
		for (unsigned id = 1; id < IDS; id++)
			any |= desk->nodes[id].raft != NULL &&
			       persist(desk, &desk->nodes[id], UINT64_MAX, true);
		any |= carry(desk, 0, 0, NULL, DELIVER, false);
	}
}

/* ---- Life ------------------------------------------------------------------------------------ */

static void start(const struct desk *desk, struct desk_node *node, uint64_t id, bool doubtful)
{
	struct nc_raft_options options = nc_raft_options_default(id, id * 1000 + node->life++);
	struct nc_raft_start start = { .hard = node->hard,
		                       .base_index = node->disk.base,
		                       .base_term = node->disk.base_term,
		                       .members = node->disk.base_members,
		                       .applied = node->checkpoint,
		                       .doubtful = doubtful };
	options.append_entries_max = desk->limit != 0 ? desk->limit : 4;
	nc_assert(nc_raft_new(&options, &start, &node->raft) == NC_OK);
	sim_log_reset(&node->memory, node->disk.base, node->disk.base_term,
	              &node->disk.base_members);
	for (uint64_t i = node->disk.base + 1; i <= node->disk.last; i++) {
		const struct sim_entry *entry = &node->disk.at[i];
		struct nc_raft_entry loaded = { entry->term, entry->size, entry->kind,
			                        entry->members };
		nc_assert(nc_raft_load(node->raft, &loaded) == NC_OK);
		sim_log_put(&node->memory, i, entry);
	}
	if (node->checkpoint > 0)
		nc_assert(nc_raft_snapshot_taken(node->raft, node->checkpoint) == NC_OK);
}

static void crash(struct desk *desk, struct desk_node *node, uint64_t kept)
{
	(void)persist(desk, node, kept, false);
	while (node->order_count > 0)
		free(node->orders[--node->order_count].entries);
	nc_raft_free(node->raft);
	node->raft = NULL;
}

static void install(struct desk *desk, struct desk_node *node, bool ok)
{
	struct nc_raft_install at = node->raft->install;
	if (!ok || at.index == 0) {
		nc_raft_snapshot_failed(node->raft);
		return;
	}
	(void)persist(desk, node, UINT64_MAX, true);
	sim_log_reset(&node->disk, at.index, at.term, &at.members);
	sim_log_reset(&node->memory, at.index, at.term, &at.members);
	node->checkpoint = at.index;
	nc_assert(nc_raft_snapshot_restored(node->raft, at.index) == NC_OK);
	pump(desk, node);
}

/* ---- Commands -------------------------------------------------------------------------------- */

struct command {
	const char *word[WORDS_MAX];
	uint64_t number[WORDS_MAX];
	int count;
};

static void say_result(struct desk *desk, int err)
{
	if (err != NC_OK)
		nc_buf_printf(&desk->out, "%s\n", nc_err_name(err));
}

static void say_status(struct desk *desk, uint64_t only)
{
	for (unsigned id = 1; id < IDS; id++) {
		if (desk->nodes[id].raft == NULL || (only != 0 && id != only))
			continue;
		nc_raft_describe(desk->nodes[id].raft, &desk->out);
		nc_buf_put_str(&desk->out, "\n");
	}
}

static bool whole_commands(struct desk *desk, const struct command *command)
{
	const char *verb = command->word[0];
	const char *type = command->count > 3 ? command->word[3] : NULL;
	uint64_t a = command->number[1], b = command->number[2];
	if (strcmp(verb, "cluster") == 0) {
		struct nc_raft_members members = { .count = (uint32_t)a };
		for (uint32_t i = 0; i < a; i++)
			members.at[i] = (struct nc_raft_member){ i + 1, true };
		for (uint64_t id = 1; id <= a; id++) {
			sim_log_reset(&desk->nodes[id].disk, 0, 0, &members);
			start(desk, &desk->nodes[id], id, false);
		}
	} else if (strcmp(verb, "deliver") == 0) {
		(void)carry(desk, a, b, type, DELIVER, true);
	} else if (strcmp(verb, "drop") == 0) {
		(void)carry(desk, a, b, type, DROP, false);
	} else if (strcmp(verb, "repeat") == 0) {
		(void)carry(desk, a, b, type, REPEAT, true);
	} else if (strcmp(verb, "inject") == 0) {
		const uint64_t *number = command->number;
		step(desk, &(struct letter){ .message = { .type = NC_RAFT_APPEND,
		                                          .from = a,
		                                          .to = b % IDS,
		                                          .term = number[3],
		                                          .index = number[4],
		                                          .log_term = number[5],
		                                          .commit = number[6] } });
	} else if (strcmp(verb, "limit") == 0) {
		desk->limit = (uint32_t)a;
	} else if (strcmp(verb, "settle") == 0) {
		settle(desk);
	} else if (strcmp(verb, "cut") == 0) {
		desk->cut[a % IDS][b % IDS] = desk->cut[b % IDS][a % IDS] = true;
	} else if (strcmp(verb, "heal") == 0) {
		memset(desk->cut, 0, sizeof desk->cut);
	} else if (strcmp(verb, "status") == 0) {
		say_status(desk, a);
	} else if (strcmp(verb, "flight") == 0) {
		struct nc_buf buf = { 0 };
		for (size_t i = 0; i < desk->flight_count; i++)
			nc_buf_printf(&desk->out, "%s\n",
			              type_name(&desk->flight[i].message, &buf));
		nc_buf_release(&buf);
	} else {
		return false;
	}
	return true;
}

static bool disk_commands(struct desk *desk, struct desk_node *node, const struct command *command)
{
	const char *verb = command->word[0];
	uint64_t id = command->number[1], b = command->number[2], through = 0;
	if (strcmp(verb, "join") == 0) {
		start(desk, node, id, false);
	} else if (strcmp(verb, "restart") == 0) {
		start(desk, node, id, command->count > 2);
	} else if (node->raft == NULL) {
		return false;
	} else if (strcmp(verb, "crash") == 0) {
		crash(desk, node, b);
	} else if (strcmp(verb, "persist") == 0) {
		(void)persist(desk, node, command->count > 2 ? b : UINT64_MAX, true);
	} else if (strcmp(verb, "checkpoint") == 0) {
		node->checkpoint = node->raft->applied;
		say_result(desk, nc_raft_snapshot_taken(node->raft, node->checkpoint));
	} else if (strcmp(verb, "compact") == 0) {
		say_result(desk, nc_raft_compact(node->raft, b, &through));
		nc_buf_printf(&desk->out, "%llu compacted through %llu\n", (unsigned long long)id,
		              (unsigned long long)through);
		sim_log_base(&node->disk, through);
		sim_log_base(&node->memory, through);
	} else if (strcmp(verb, "install") == 0) {
		install(desk, node, command->count > 2 && strcmp(command->word[2], "ok") == 0);
	} else if (strcmp(verb, "disk_failed") == 0) {
		nc_raft_disk_failed(node->raft);
	} else {
		return false;
	}
	return true;
}

static bool node_commands(struct desk *desk, struct desk_node *node, const struct command *command)
{
	const char *verb = command->word[0];
	uint64_t b = command->number[2], index = 0, term = 0;
	struct nc_raft *raft = node->raft;
	int err = NC_OK;
	if (raft == NULL)
		return false;
	if (strcmp(verb, "campaign") == 0) {
		err = nc_raft_campaign(raft);
	} else if (strcmp(verb, "tick") == 0) {
		for (uint64_t i = 0; i < (command->count > 2 ? b : 1) && err == NC_OK; i++) {
			err = nc_raft_tick(raft);
			pump(desk, node);
		}
	} else if (strcmp(verb, "propose") == 0) {
		for (uint64_t i = 0; i < (command->count > 2 ? b : 1) && err == NC_OK; i++)
			err = nc_raft_propose(raft, 10, &index, &term);
	} else if (strcmp(verb, "lapse") == 0) {
		for (int i = 0; i < 25 && err == NC_OK; i++)
			err = nc_raft_tick(raft);
		pump(desk, node);
		(void)carry(desk, command->number[1], 0, NULL, DROP, false);
	} else if (strcmp(verb, "read") == 0) {
		err = nc_raft_read_index(raft, b);
	} else if (strcmp(verb, "transfer") == 0) {
		err = nc_raft_transfer(raft, b);
	} else if (strcmp(verb, "add") == 0) {
		err = nc_raft_add_learner(raft, b, &index);
	} else if (strcmp(verb, "promote") == 0) {
		err = nc_raft_promote(raft, b, &index);
	} else if (strcmp(verb, "remove") == 0) {
		err = nc_raft_remove(raft, b, &index);
	} else if (strcmp(verb, "unreachable") == 0) {
		nc_raft_unreachable(raft, b);
	} else {
		return false;
	}
	say_result(desk, err);
	return true;
}

static void execute(struct desk *desk, char *line)
{
	struct command command = { 0 };
	for (char *save = NULL, *word = strtok_r(line, " \n", &save);
	     word != NULL && command.count < WORDS_MAX; word = strtok_r(NULL, " \n", &save)) {
		command.number[command.count] = strtoull(word, NULL, 10);
		command.word[command.count++] = word;
	}
	if (command.count == 0 || whole_commands(desk, &command))
		return;
	struct desk_node *node = &desk->nodes[command.number[1] % IDS];
	if (!disk_commands(desk, node, &command) && !node_commands(desk, node, &command))
		nc_buf_printf(&desk->out, "cannot: %s\n", command.word[0]);
	pump(desk, node);
}

static void run(FILE *script, struct nc_buf *result)
{
	struct desk *desk = calloc(1, sizeof *desk);
	nc_assert(desk != NULL);
	char line[512];
	while (fgets(line, sizeof line, script) != NULL) {
		if (line[0] == '#' || line[0] == '\n')
			nc_buf_put_str(result, line);
		if (line[0] != '>')
			continue;
		nc_buf_put_str(result, line);
		nc_buf_clear(&desk->out);
		execute(desk, line + 1);
		nc_buf_put_slice(result, nc_buf_slice(&desk->out));
	}
	for (unsigned id = 1; id < IDS; id++) {
		if (desk->nodes[id].raft != NULL)
			crash(desk, &desk->nodes[id], 0);
		free(desk->nodes[id].memory.at);
		free(desk->nodes[id].disk.at);
	}
	(void)carry(desk, 0, 0, NULL, DROP, false);
	nc_buf_release(&desk->out);
	free(desk);
}

static bool same(FILE *script, const struct nc_buf *result)
{
	rewind(script);
	for (size_t i = 0; i < result->size; i++)
		if (fgetc(script) != result->data[i])
			return false;
	return fgetc(script) == EOF;
}

int main(int argc, char **argv)
{
	bool write = argc > 1 && strcmp(argv[1], "--write") == 0;
	int wrong = 0;
	for (int i = write ? 2 : 1; i < argc; i++) {
#ifdef NC_RAFT_MUTANTS
		if (strncmp(argv[i], "--mutant=", 9) == 0) {
			nc_raft_mutant = (enum nc_raft_mutant)atoi(argv[i] + 9);
			continue;
		}
#endif
		FILE *script = fopen(argv[i], "r+");
		if (script == NULL) {
			perror(argv[i]);
			return 2;
		}
		struct nc_buf result = { 0 };
		run(script, &result);
		if (write) {
			rewind(script);
			nc_assert(ftruncate(fileno(script), 0) == 0);
			(void)fwrite(result.data, 1, result.size, script);
		} else if (!same(script, &result)) {
			printf("%s: not as expected; this is what came:\n%.*s\n", argv[i],
			       (int)result.size, (const char *)result.data);
			wrong++;
		}
		nc_buf_release(&result);
		(void)fclose(script);
	}
	return wrong == 0 ? 0 : 1;
}
