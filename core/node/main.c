/* SPDX-License-Identifier: GPL-3.0-or-later */
/* nacred: what it is asked to be. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "core/base/std_fds.h"
#include "core/node/common/config.h"
#include "core/node/common/exit_code.h"
#include "core/node/common/version.h"
#include "core/node/data/adopter.h"
#include "core/node/data/recover.h"
#include "core/node/data/restore.h"
#include "core/node/data/verifier.h"
#include "core/node/node.h"
#include "plugins/host/cell.h"

#ifdef NC_JEMALLOC
/* Read by jemalloc before main(). Few arenas, and what is freed soon goes back to the system:
 * memory is bounded by NACRE_CACHE_MB, not by how many threads there are (decision 0070). */
__attribute__((visibility("default"))) const char *malloc_conf =
        "narenas:4,background_thread:true,dirty_decay_ms:1000,muzzy_decay_ms:0";
#endif

/* nacred recover [settings] [--yes]: the words that are not settings are taken out. */
static bool recover_asked(int *argc, char **argv, bool *yes)
{
	if (*argc < 2 || strcmp(argv[1], NC_RECOVER_WORD) != 0)
		return false;
	int kept = 1;
	for (int i = 2; i < *argc; i++) {
		if (strcmp(argv[i], "--yes") == 0) {
			*yes = true;
		} else {
			argv[kept++] = argv[i];
		}
	}
	argv[kept] = NULL;
	*argc = kept;
	return true;
}

static void word_take(int *argc, char **argv, int at)
{
	for (int i = at; i < *argc; i++) /* the NULL with them */
		argv[i] = argv[i + 1];
	*argc -= 1;
}

/* nacred restore BACKUP [settings], in any order: likewise. `backup_out` is left alone where it is
 * not said. */
static bool restore_asked(int *argc, char **argv, const char **backup_out)
{
	if (*argc < 2 || strcmp(argv[1], NC_RESTORE_WORD) != 0)
		return false;
	word_take(argc, argv, 1);
	int at = 1, size;
	while (at < *argc && (size = nc_config_flag_size(argv, at)) > 0)
		at += size;
	if (at < *argc && argv[at][0] != '-') {
		*backup_out = argv[at];
		word_take(argc, argv, at);
	}
	return true;
}

int main(int argc, char **argv)
{
	struct nc_config config = { 0 };
	bool yes = false;
	int exit_code = NC_EXIT_OK;
	if (!nc_std_fds_hold())
		return NC_EXIT_RUNTIME;
	if (argc == 3 && strcmp(argv[1], "--plugin-host") == 0)
		return nc_cell_main(argv[2]);
	char fault[NC_CONFIG_FAULT_SIZE];
	if (argc == 4 && strcmp(argv[1], NC_ADOPTER_WORD) == 0)
		return nc_adopter_main(argv[2], argv[3]);
	bool recovers = recover_asked(&argc, argv, &yes);
	const char *backup = NULL;
	bool restores = restore_asked(&argc, argv, &backup);
	if (nc_config_read(argc, argv, environ, &config, fault) != NC_OK) {
		(void)fprintf(stderr, "nacred: %s\n", fault);
		return NC_EXIT_SETTINGS;
	}
	if (config.help) {
		nc_config_help(stdout);
	} else if (config.version) {
		(void)printf("nacred %s\n", NC_VERSION);
	} else if (config.verify) {
		exit_code = nc_exit_of_start(nc_verify_directory(&config));
	} else if (restores && backup == NULL) {
		(void)fprintf(stderr, "nacred: restore: name the backup's directory\n");
		exit_code = NC_EXIT_SETTINGS;
	} else if (restores) {
		exit_code = nc_exit_of_start(nc_restore(&config, backup));
	} else if (recovers) {
		exit_code = nc_exit_of_start(nc_recover(&config, yes));
	} else {
		exit_code = nc_node_run(&config, argv);
	}
	nc_config_release(&config);
	return exit_code;
}
