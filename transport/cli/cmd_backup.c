/* SPDX-License-Identifier: GPL-3.0-or-later */
/* nacre backup: all that a store has, into a directory. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "transport/cli/backup_files.h"
#include "transport/cli/commands.h"
#include "transport/cli/json.h"
#include "transport/cli/progress.h"
#include "transport/cli/say.h"

#define RATE_MB 20u /* a second, unless it is said: appends beside it are as fast as without it */

static int fail_file(const struct nc_cli *cli, const struct nc_backup_files *files, int failed)
{
	if (failed == EEXIST) {
		return nc_cli_fail(cli, NC_EXIT_USAGE, "%s is there already; name a new directory",
		                   files->path);
	}
	if (failed == ENOTEMPTY) {
		return nc_cli_fail(cli, NC_EXIT_USAGE,
		                   "%s is there, and is not what a backup of yours has left; "
		                   "remove it, or name another directory",
		                   files->partial);
	}
	if (failed == EBUSY) {
		return nc_cli_fail(cli, NC_EXIT_USAGE, "%s is being written by another backup",
		                   files->partial);
	}
	return nc_cli_fail(cli, NC_EXIT_IO, "%s: %s", files->path, strerror(failed));
}

/* Check that there is room for all of it, and then write down what the node has told of it. */
static int begin(const struct nc_cli *cli, struct nc_backup_files *files, struct nc_slice info)
{
	uint64_t bytes = nc_cli_member_number(info, "bytes", 0);
	uint64_t room = nc_backup_files_room(files);
	if (room < bytes) {
		return nc_cli_fail(
		        cli, NC_EXIT_IO, "%s: it takes %llu bytes, and the disk has room for %llu",
		        files->path, (unsigned long long)bytes, (unsigned long long)room);
	}
	int failed = nc_backup_files_put(files, NC_BACKUP_INFO, info);
	if (failed == 0)
		failed = nc_backup_files_put(files, NC_BACKUP_INFO, NC_SLICE("\n"));
	return failed == 0 ? 0 : fail_file(cli, files, failed);
}

/* The node sends no faster than chunks are taken. */
static void slow_down(const struct nc_cli_progress *progress, uint64_t bytes, uint64_t rate_mb)
{
	double ahead_s = rate_mb == 0 ? 0
	                              : (double)bytes / ((double)rate_mb * 1e6) -
	                                        nc_cli_progress_seconds(progress);
	const struct timespec pause = { 0, (long)((ahead_s < 0.5 ? ahead_s : 0.5) * 1e9) };
	if (ahead_s > 0)
		(void)nanosleep(&pause, NULL);
}

/* Take all chunks, each checked by libnacre. NACRE_END is the only good end. */
static int chunks_take(const struct nc_cli *cli, struct nacre_backup *backup,
                       struct nc_backup_files *files, struct nc_cli_progress *progress)
{
	const struct nacre_backup_chunk *chunk;
	struct nacre_error error = { 0 };
	uint64_t bytes = 0, rate_mb = nc_cli_number(&cli->args, "rate", RATE_MB);
	int status = NACRE_OK, failed = 0;
	while (failed == 0 && (status = nacre_backup_next(backup, &chunk, &error)) == NACRE_OK) {
		if (nc_cli_signal() != 0)
			break;
		failed =
		        nc_backup_files_put(files, chunk->file, nc_slice(chunk->data, chunk->size));
		bytes += chunk->size;
		nc_cli_progress(progress, bytes);
		slow_down(progress, bytes, rate_mb);
	}
	nc_cli_progress_clear(progress);
	if (failed != 0)
		return fail_file(cli, files, failed);
	if (status != NACRE_END && nc_cli_signal() != 0)
		return 128 + nc_cli_signal(); /* also if it waited in vain */
	return status == NACRE_END ? 0 : nc_cli_fail_nacre(cli, status, &error, NULL);
}

static void show(const struct nc_cli *cli, const struct nc_backup_files *files,
                 struct nc_slice info)
{
	struct nc_slice node;
	struct nc_buf name = { 0 };
	if (cli->json) {
		(void)printf("%.*s\n", (int)info.size, (const char *)info.data);
		return;
	}
	if (nc_cli_member(info, "node", &node))
		nc_cli_value_text(node, &name);
	(void)printf("%s: store %s as of position %llu, %llu events, %llu bytes, from %.*s\n",
	             files->path, cli->store,
	             (unsigned long long)nc_cli_member_number(info, "pos", 0),
	             (unsigned long long)nc_cli_member_number(info, "events", 0),
	             (unsigned long long)nc_cli_member_number(info, "bytes", 0), (int)name.size,
	             (const char *)name.data);
	nc_buf_release(&name);
}

static int write_all(struct nc_cli *cli, struct nacre_backup *backup, struct nc_backup_files *files)
{
	struct nc_cli_progress progress;
	struct nc_slice info = nc_slice_str(nacre_backup_info(backup));
	nc_cli_progress_begin(&progress, cli, "bytes", nc_cli_member_number(info, "bytes", 0));
	int exit_code = begin(cli, files, info);
	if (exit_code == 0)
		exit_code = chunks_take(cli, backup, files, &progress);
	if (exit_code != 0)
		return exit_code;
	int failed = nc_backup_files_end(files);
	if (failed != 0)
		return fail_file(cli, files, failed);
	show(cli, files, info);
	return 0;
}

static int run(struct nc_cli *cli)
{
	struct nc_backup_files files;
	struct nacre_backup *backup = NULL;
	struct nacre_error error = { 0 };
	nc_cli_signals_catch(); /* what is begun from here on is to be removed */
	int failed = nc_backup_files_open(&files, nc_cli_word(&cli->args, 0));
	int exit_code = failed == 0 ? nc_cli_connect(cli) : fail_file(cli, &files, failed);
	if (failed == 0 && nc_cli_signal() != 0)
		exit_code = 128 + nc_cli_signal();
	if (exit_code == 0) {
		int status = nacre_backup_open(cli->client, &backup, &error);
		if (status == NACRE_OK) {
			exit_code = write_all(cli, backup, &files);
		} else if (nc_cli_signal() != 0) {
			exit_code = 128 + nc_cli_signal();
		} else {
			exit_code = nc_cli_fail_nacre(cli, status, &error, NULL);
		}
	}
	nacre_backup_close(backup);
	nc_backup_files_close(&files);
	return exit_code;
}

static const struct nc_cli_option options[] = {
	{ "rate", 0, "N", "Megabytes a second at most; 20. 0: no limit.", false },
	{ NULL, 0, NULL, NULL, false },
};

static const struct nc_cli_example examples[] = {
	{ "what is there now", "nacre backup /backups/shop-monday" },
	{ "as fast as can be, where appends may wait",
	  "nacre backup /backups/shop-monday --rate 0" },
	{ "its position, for a program", "nacre backup /backups/shop-monday --json | jq .pos" },
	{ NULL, NULL },
};

const struct nc_cli_command nc_cli_backup = {
	.name = "backup",
	.words = "DIRECTORY",
	.words_min = 1,
	.words_max = 1,
	.summary = "Write all that a store has into a new directory.",
	.details =
	        "One of the nodes gives its state, beside its other work, as it is now: whatever "
	        "was "
	        "acknowledged before is in it, with streams, snapshots, subscriptions and the ids "
	        "of "
	        "all events. It is checked as it comes. DIRECTORY is there when all of it is, and "
	        "synced; until then it is DIRECTORY.partial, which goes if anything fails. "
	        "'sha256sum -c "
	        "SHA256SUMS' in it says later whether it still is what it was.\n\n"
	        "Exit code 64: DIRECTORY is there already, or what is called DIRECTORY.partial is "
	        "not what a backup has left that was killed. 74: it cannot be written, or the disk "
	        "has "
	        "no room. 75: nobody answers, the node gives a backup to somebody else, or it "
	        "ended "
	        "in the middle: try again.",
	.options = options,
	.examples = examples,
	.run = run,
};
