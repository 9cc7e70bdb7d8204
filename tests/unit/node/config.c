/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Settings from three places. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "core/base/err.h"
#include "core/node/common/config.h"

static char fault[NC_CONFIG_FAULT_SIZE];

static int read_args(struct nc_config *config, char **environment, char **args)
{
	char *argv[16] = { "nacred" };
	int argc = 1;
	for (; args[argc - 1] != NULL; argc++)
		argv[argc] = args[argc - 1];
	return nc_config_read(argc, argv, environment, config, fault);
}

#define ENV(...)  ((char *[]){ __VA_ARGS__, NULL })
#define ARGS(...) ((char *[]){ __VA_ARGS__, NULL })
#define NONE      ((char *[]){ NULL })

Test(config, is_a_working_store_with_no_settings)
{
	struct nc_config config;
	cr_assert_eq(read_args(&config, NONE, NONE), NC_OK);
	cr_expect_str_eq(config.store_id, "nacre");
	cr_expect_str_eq(config.db_type, "single");
	cr_expect_str_eq(config.nats_url, "");
	cr_expect_eq(config.timeout_ms, 4000u);
	cr_expect_eq(config.max_event_bytes, 1048576u);
	nc_config_release(&config);
}

Test(config, lets_flags_win_over_the_environment_and_that_over_the_file)
{
	char path[] = "/tmp/nacre_config_XXXXXX";
	int fd = mkstemp(path);
	cr_assert_geq(fd, 0);
	FILE *file = fdopen(fd, "w");
	(void)fputs("# a comment\n\nNACRE_STORE_ID=file\nNACRE_NODE_ID=\"file\"\n"
	            "NACRE_TIMEOUT_MS=100\n",
	            file);
	(void)fclose(file);
	struct nc_config config;
	int err = read_args(&config, ENV("NACRE_STORE_ID=env", "NACRE_NODE_ID=env", "HOME=/"),
	                    ARGS("--config", path, "--store-id=flag"));
	(void)unlink(path);
	cr_assert_eq(err, NC_OK, "%s", fault);
	cr_expect_str_eq(config.store_id, "flag");
	cr_expect_str_eq(config.node_id, "env");
	cr_expect_eq(config.timeout_ms, 100u);
	nc_config_release(&config);
}

static void refused(char **environment, char **args, const char *names)
{
	struct nc_config config;
	cr_expect_neq(read_args(&config, environment, args), NC_OK, "%s", names);
	cr_expect_not_null(strstr(fault, names), "'%s' does not name %s", fault, names);
}

Test(config, refuses_what_is_unknown_or_out_of_range_by_name)
{
	refused(ENV("NACRE_STORE=x"), NONE, "NACRE_STORE");
	refused(NONE, ARGS("--stor-id", "x"), "--stor-id");
	refused(NONE, ARGS("--store-id"), "--store-id");
	refused(NONE, ARGS("store"), "store");
	refused(ENV("NACRE_STORE_ID=a.b"), NONE, "NACRE_STORE_ID");
	refused(ENV("NACRE_STORE_ID=_a"), NONE, "NACRE_STORE_ID");
	refused(ENV("NACRE_NODE_ID="), NONE, "NACRE_NODE_ID");
	refused(ENV("NACRE_TIMEOUT_MS=fast"), NONE, "NACRE_TIMEOUT_MS");
	refused(ENV("NACRE_TIMEOUT_MS=-1"), NONE, "NACRE_TIMEOUT_MS");
	refused(ENV("NACRE_TIMEOUT_MS=1"), NONE, "NACRE_TIMEOUT_MS");
	refused(ENV("NACRE_NATS_PORT=70000"), NONE, "NACRE_NATS_PORT");
	refused(ENV("NACRE_DB_TYPE=both"), NONE, "NACRE_DB_TYPE");
	refused(ENV("NACRE_FEED=maybe"), NONE, "NACRE_FEED");
	refused(ENV("NATS_CERT=a.pem"), NONE, "NATS_CERT");
	refused(NONE, ARGS("--config", "/nonexistent/nacre"), "/nonexistent/nacre");
	refused(NONE, ARGS("--config", "/"), "--config /");
	refused(NONE, ARGS("--config"), "--config");
	refused(NONE, ARGS("--config", "/dev/null", "--config=/dev/null"), "--config");
}

Test(config, says_what_is_wrong_in_a_sentence_and_shows_no_empty_value)
{
	refused(ENV("NACRE_FEED=maybe"), NONE, "NACRE_FEED 'maybe' is neither on nor off");
	refused(ENV("NACRE_DATA_DIR="), NONE, "NACRE_DATA_DIR is empty");
	refused(ENV("NACRE_DB_TYPE=cluster"), NONE, "NACRE_CLUSTER_SECRET is empty; ");
	refused(ENV("NACRE_NATS_URL=http://a:secret@h"), NONE, "NACRE_NATS_URL has a URL whose");
	refused(ENV("NATS_PASSWORD=secret"), NONE, "NATS_PASSWORD goes with NATS_USER");
	refused(ENV("NACRE_NATS_URL=nats://a:4222,h:4222x"), NONE,
	        "NACRE_NATS_URL has a URL whose");
	refused(ENV("NACRE_NATS_URL=h:"), NONE, "port is not a number from 1 to 65535");
	refused(ENV("NACRE_NATS_URL=u:p@h:0"), NONE, "port");
	refused(ENV("NACRE_NATS_URL=tls://[::1]:65536"), NONE, "port");
}

Test(config, leaf_nodes_go_with_servers_of_others_and_without_tls)
{
	refused(ENV("NACRE_NATS_LEAF_PORT=7422"), NONE,
	        "NACRE_NATS_LEAF_PORT goes with NACRE_NATS_URL");
	refused(ENV("NACRE_NATS_LEAF_PORT=7422", "NACRE_NATS_URL=tls://h"), NONE, "TLS");
	refused(ENV("NACRE_NATS_LEAF_PORT=7422", "NACRE_NATS_URL=h", "NATS_CA=a.pem"), NONE, "TLS");
	refused(ENV("NACRE_NATS_LEAF_PORT=70000"), NONE, "NACRE_NATS_LEAF_PORT");
	refused(ENV("NACRE_NATS_LEAF_USER=u"), NONE, "NACRE_NATS_LEAF_USER");
	refused(ENV("NACRE_NATS_LEAF_PASSWORD=secret"), NONE,
	        "NACRE_NATS_LEAF_PASSWORD goes with NACRE_NATS_LEAF_USER");
}

/* Else names of files in it would be cut off, and be others'. */
Test(config, refuses_a_directory_whose_files_would_have_no_names)
{
	static char flag[] = "--data-dir", at[NC_DATA_DIR_SIZE_MAX + 2], program[] = "nacred";
	char *argv[] = { program, flag, at, NULL };
	struct nc_config config;
	memset(at, 'd', NC_DATA_DIR_SIZE_MAX);
	cr_assert_eq(nc_config_read(3, argv, NONE, &config, fault), NC_OK, "%s", fault);
	nc_config_release(&config);
	at[NC_DATA_DIR_SIZE_MAX] = 'd';
	cr_expect_eq(nc_config_read(3, argv, NONE, &config, fault), NC_INVALID);
	cr_expect_not_null(strstr(fault, "NACRE_DATA_DIR"), "%s", fault);
	cr_expect_not_null(strstr(fault, "is longer than 3584 bytes"), "%s", fault);
}

Test(config, a_cluster_needs_a_secret_and_a_place_to_meet)
{
	refused(ENV("NACRE_DB_TYPE=cluster", "NACRE_NATS_URL=nats://h:1"), NONE,
	        "NACRE_CLUSTER_SECRET");
	refused(ENV("NACRE_DB_TYPE=cluster", "NACRE_CLUSTER_SECRET=s"), NONE, "NACRE_NATS_URL");
	refused(ENV("NACRE_DB_TYPE=cluster", "NACRE_CLUSTER_SECRET=s", "NACRE_GOSSIP=shout"), NONE,
	        "NACRE_GOSSIP");
	refused(ENV("NACRE_GOSSIP=multicast"), NONE, "NACRE_GOSSIP");
	refused(ENV("NACRE_BOOTSTRAP_EXPECT=0"), NONE, "NACRE_BOOTSTRAP_EXPECT");
	refused(ENV("NACRE_BOOTSTRAP_EXPECT=17"), NONE, "NACRE_BOOTSTRAP_EXPECT");
	refused(ENV("NACRE_AUTO_PROMOTE=yes"), NONE, "NACRE_AUTO_PROMOTE");
	refused(ENV("NACRE_GOSSIP_TTL=256"), NONE, "NACRE_GOSSIP_TTL");
}

Test(config, tells_a_flag_with_its_value_from_other_words)
{
	char *args[] = { "--data-dir", "--data-dir=x", "--config", "--config=x", "--verify", "-h",
		         "backup",     "--other",      "--",       "",           NULL };
	const int sizes[] = { 2, 1, 2, 1, 1, 1, 0, 0, 0, 0 };
	for (int at = 0; args[at] != NULL; at++)
		cr_expect_eq(nc_config_flag_size(args, at), sizes[at], "%s", args[at]);
}
