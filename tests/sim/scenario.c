/* SPDX-License-Identifier: GPL-3.0-or-later */
/* scenario.c -- runs scenarios: text scripts with their expected output. A line that begins with ">
 * " is a command, the lines up to the next one are what it must print; "#" begins a comment. With
 * --write the output is written anew.
 *
 *   cluster N               founders 1..N
 *   limit N                 entries of an append, of nodes that start from now on; else 4
 *   join ID                 a node that knows nothing
 *   campaign ID             propose ID [N]           tick ID [N]
 *   read ID CTX             transfer ID TO           unreachable ID X
 *   add ID X                promote ID X             remove ID X
 *   persist ID [N]          the disk completes N orders, or all
 *   deliver FROM TO [TYPE]  what is in flight; 0: anybody; says what is delivered
 *   repeat FROM TO [TYPE]   deliver, and keep it in flight for later
 *   drop FROM TO [TYPE]     lose it
 *   flight                  say what is in flight
 *   settle                  persist and deliver until all is quiet
 *   inject FROM TO TERM PREV PREVTERM COMMIT   an append without entries, lawful but not sent
 *   cut A B, heal           nothing passes between A and B
 *   lapse ID                no leader is heard for long; what it sends about that is lost
 *   crash ID [N]            N of the orders that were not complete are durable all the same
 *   restart ID [doubtful [N]]  with a log that has lost its last N entries
 *   disk_failed ID          status [ID]
 *   checkpoint ID           compact ID INDEX         install ID ok|fail
 */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "tests/sim/desk.h"

#define WORDS_MAX 8

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
			desk_start(desk, &desk->nodes[id], id, false);
		}
	} else if (strcmp(verb, "deliver") == 0) {
		(void)desk_carry(desk, a, b, type, DELIVER, true);
	} else if (strcmp(verb, "drop") == 0) {
		(void)desk_carry(desk, a, b, type, DROP, false);
	} else if (strcmp(verb, "repeat") == 0) {
		(void)desk_carry(desk, a, b, type, REPEAT, true);
	} else if (strcmp(verb, "inject") == 0) {
		const uint64_t *number = command->number;
		desk_step(desk, &(struct letter){ .message = { .type = NC_RAFT_APPEND,
		                                               .from = a,
		                                               .to = b % IDS,
		                                               .term = number[3],
		                                               .index = number[4],
		                                               .log_term = number[5],
		                                               .commit = number[6] } });
	} else if (strcmp(verb, "limit") == 0) {
		desk->limit = (uint32_t)a;
	} else if (strcmp(verb, "settle") == 0) {
		desk_settle(desk);
	} else if (strcmp(verb, "cut") == 0) {
		desk->cut[a % IDS][b % IDS] = desk->cut[b % IDS][a % IDS] = true;
	} else if (strcmp(verb, "heal") == 0) {
		memset(desk->cut, 0, sizeof desk->cut);
	} else if (strcmp(verb, "status") == 0) {
		say_status(desk, a);
	} else if (strcmp(verb, "flight") == 0) {
		struct nc_buf buf = { 0 };
		for (size_t i = 0; i < desk->flight_count; i++) {
			nc_buf_printf(&desk->out, "%s\n",
			              desk_type_name(&desk->flight[i].message, &buf));
		}
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
		desk_start(desk, node, id, false);
	} else if (strcmp(verb, "restart") == 0) {
		node->disk.last -= command->number[3];
		desk_start(desk, node, id, command->count > 2);
	} else if (node->raft == NULL) {
		return false;
	} else if (strcmp(verb, "crash") == 0) {
		desk_crash(desk, node, b);
	} else if (strcmp(verb, "persist") == 0) {
		(void)desk_persist(desk, node, command->count > 2 ? b : UINT64_MAX, true);
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
		desk_install(desk, node, command->count > 2 && strcmp(command->word[2], "ok") == 0);
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
			desk_pump(desk, node);
		}
	} else if (strcmp(verb, "propose") == 0) {
		for (uint64_t i = 0; i < (command->count > 2 ? b : 1) && err == NC_OK; i++)
			err = nc_raft_propose(raft, 10, &index, &term);
	} else if (strcmp(verb, "lapse") == 0) {
		for (int i = 0; i < 25 && err == NC_OK; i++)
			err = nc_raft_tick(raft);
		desk_pump(desk, node);
		(void)desk_carry(desk, command->number[1], 0, NULL, DROP, false);
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
	desk_pump(desk, node);
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
			desk_crash(desk, &desk->nodes[id], 0);
		free(desk->nodes[id].memory.at);
		free(desk->nodes[id].disk.at);
	}
	(void)desk_carry(desk, 0, 0, NULL, DROP, false);
	nc_buf_release(&desk->out);
	free(desk);
}

static bool same(FILE *script, const struct nc_buf *result)
{
	rewind(script);
	for (size_t i = 0; i < result->size; i++) {
		if (fgetc(script) != result->data[i])
			return false;
	}
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
