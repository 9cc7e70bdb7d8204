/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The list of commands, the options that they share, and how one is found by its words. */
#include <string.h>

#include "transport/cli/commands.h"
#include "transport/cli/near.h"

const struct nc_cli_command *const nc_cli_commands[] = {
	&nc_cli_append,
	&nc_cli_batch,
	&nc_cli_read,
	&nc_cli_get,
	&nc_cli_load,
	&nc_cli_query,
	&nc_cli_tail,
	&nc_cli_stream_ls,
	&nc_cli_stream_info,
	&nc_cli_stream_delete,
	&nc_cli_stream_meta,
	&nc_cli_info,
	&nc_cli_stats,
	&nc_cli_health,
	&nc_cli_request,
	&nc_cli_sub_create,
	&nc_cli_sub_update,
	&nc_cli_sub_delete,
	&nc_cli_sub_ls,
	&nc_cli_sub_info,
	&nc_cli_sub_pause,
	&nc_cli_sub_resume,
	&nc_cli_sub_seek,
	&nc_cli_sub_next,
	&nc_cli_sub_ack,
	&nc_cli_sub_watch,
	&nc_cli_sub_run,
	&nc_cli_sub_parked,
	&nc_cli_sub_replay,
	&nc_cli_sub_explain,
	&nc_cli_snap_put,
	&nc_cli_snap_get,
	&nc_cli_snap_ls,
	&nc_cli_snap_rm,
	&nc_cli_filter_test,
	&nc_cli_plugin_ls,
	&nc_cli_cluster_status,
	&nc_cli_cluster_transfer,
	&nc_cli_cluster_remove,
	&nc_cli_cluster_promote,
	&nc_cli_cluster_join,
	&nc_cli_cluster_recover,
	&nc_cli_cluster_drain,
	&nc_cli_verify,
	&nc_cli_backup,
	&nc_cli_restore,
	&nc_cli_bench_append,
	&nc_cli_bench_latency,
	&nc_cli_bench_batch,
	&nc_cli_bench_read,
	&nc_cli_bench_sub,
	&nc_cli_bench_mixed,
	&nc_cli_completion,
	&nc_cli_manual,
	NULL,
};

const struct nc_cli_option nc_cli_common[] = {
	{ "json", 0, NULL, "Output for programs: JSON, one object a line.", false },
	{ "color", 0, "auto|always|never",
	  "Colours; auto: on a terminal, and not with NO_COLOR set.", false },
	{ "quiet", 'q', NULL, "Nothing on stderr but errors.", false },
	{ "help", 'h', NULL, "What the command does, with examples.", false },
	{ NULL, 0, NULL, NULL, false },
};

const struct nc_cli_option nc_cli_connection[] = {
	{ "store", 0, "NAME", "The store (NACRE_STORE_ID).", false },
	{ "prefix", 0, "PREFIX", "Of the store's subjects, \"es\" if not said (NACRE_PREFIX).",
	  false },
	{ "server", 's', "URL", "NATS servers, with commas between (NATS_URL).", false },
	{ "context", 0, "CONTEXT", "One of natscli's contexts (NATS_CONTEXT).", false },
	{ "user", 0, "NAME",
	  "User (NATS_USER). Passwords and tokens come by NATS_PASSWORD, NATS_TOKEN.", false },
	{ "creds", 0, "FILE", "Credentials, JWT and seed (NATS_CREDS).", false },
	{ "nkey", 0, "FILE", "The seed of an nkey (NATS_NKEY).", false },
	{ "ca", 0, "FILE", "TLS: certificates to trust (NATS_CA).", false },
	{ "cert", 0, "FILE", "TLS: one's own certificate (NATS_CERT).", false },
	{ "key", 0, "FILE", "TLS: its key (NATS_KEY).", false },
	{ "timeout", 0, "DURATION", "How long to ask again before giving up; 5s.", false },
	{ NULL, 0, NULL, NULL, false },
};

const struct nc_cli_option *nc_cli_options(const struct nc_cli_command *command, unsigned list)
{
	const struct nc_cli_option *lists[3];
	unsigned count = 0;
	if (command->options != NULL)
		lists[count++] = command->options;
	if (command->program == NULL)
		lists[count++] = nc_cli_common;
	if (command->program == NULL && !command->local)
		lists[count++] = nc_cli_connection;
	return list < count ? lists[list] : NULL;
}

/* How many words a name has: "sub create" has two. */
static size_t words_in(const char *name)
{
	return strchr(name, ' ') == NULL ? 1 : 2;
}

static bool named_by(const struct nc_cli_command *command, char *const *words, size_t count)
{
	const char *space = strchr(command->name, ' ');
	if (space == NULL)
		return strcmp(command->name, words[0]) == 0;
	size_t first = (size_t)(space - command->name);
	return count >= 2 && strlen(words[0]) == first &&
	       memcmp(command->name, words[0], first) == 0 && strcmp(space + 1, words[1]) == 0;
}

const struct nc_cli_command *nc_cli_find(char *const *words, size_t count, size_t *used_out)
{
	for (size_t i = 0; count > 0 && nc_cli_commands[i] != NULL; i++) {
		if (named_by(nc_cli_commands[i], words, count)) {
			*used_out = words_in(nc_cli_commands[i]->name);
			return nc_cli_commands[i];
		}
	}
	return NULL;
}

bool nc_cli_is_group(const char *word)
{
	size_t size = strlen(word);
	for (size_t i = 0; nc_cli_commands[i] != NULL; i++) {
		if (strncmp(nc_cli_commands[i]->name, word, size) == 0 &&
		    nc_cli_commands[i]->name[size] == ' ')
			return true;
	}
	return false;
}

const char *nc_cli_nearest(const char *typed)
{
	struct nc_cli_near near = nc_cli_near(typed);
	for (size_t i = 0; nc_cli_commands[i] != NULL; i++)
		nc_cli_near_try(&near, nc_cli_commands[i]->name);
	return near.word;
}
