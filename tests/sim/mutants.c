/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Known bugs, put back one at a time: a program that has them is built from libraries of its own.
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/delivery/mutants_private.h"
#include "core/engine/mutants_private.h"
#include "core/node/replica/mutants_private.h"
#include "storage/log/mutants_private.h"
#include "tests/sim/sim_private.h"

#ifdef NC_RAFT_MUTANTS
#define CAUGHT_BY_ALARM_S 20 /* one that goes round in circles is caught, too */

enum layer { RAFT, REPLICA, LOG, ENGINE, DELIVERY };

struct mutant {
	enum layer layer;
	int number;
	const char *name, *what;
};

static const struct mutant mutants[] = {
#define OF_RAFT(name, what)     { RAFT, NC_RAFT_MUTANT_##name, #name, what },
#define OF_LOG(name, what)      { LOG, NC_LOG_MUTANT_##name, #name, what },
#define OF_ENGINE(name, what)   { ENGINE, NC_ENGINE_MUTANT_##name, #name, what },
#define OF_REPLICA(name, what)  { REPLICA, NC_REPLICA_MUTANT_##name, #name, what },
#define OF_DELIVERY(name, what) { DELIVERY, NC_DELIVERY_MUTANT_##name, #name, what },
	NC_RAFT_MUTANT_LIST(OF_RAFT) NC_LOG_MUTANT_LIST(OF_LOG) NC_ENGINE_MUTANT_LIST(OF_ENGINE)
	        NC_DELIVERY_MUTANT_LIST(OF_DELIVERY) NC_REPLICA_MUTANT_LIST(OF_REPLICA)
};

static void put_back(const struct mutant *mutant)
{
	if (mutant->layer == RAFT) {
		nc_raft_mutant = (enum nc_raft_mutant)mutant->number;
	} else if (mutant->layer == REPLICA) {
		nc_replica_mutant = (enum nc_replica_mutant)mutant->number;
	} else if (mutant->layer == LOG) {
		nc_log_mutant = (enum nc_log_mutant)mutant->number;
	} else if (mutant->layer == ENGINE) {
		nc_engine_mutant = (enum nc_engine_mutant)mutant->number;
	} else {
		nc_delivery_mutant = (enum nc_delivery_mutant)mutant->number;
	}
}

/* In a child, since an assertion may catch it. */
static bool is_caught(const struct sim_request *request, const struct mutant *mutant,
                      volatile uint64_t *at)
{
	struct sim_request own = *request;
	own.options.store = mutant->layer > LOG;
	own.options.files = mutant->layer == LOG;
	fflush(stdout);
	pid_t child = fork();
	nc_assert(child >= 0);
	if (child == 0) {
		put_back(mutant);
		alarm(CAUGHT_BY_ALARM_S);
		bool silent = freopen("/dev/null", "w", stdout) != NULL &&
		              freopen("/dev/null", "w", stderr) != NULL;
		nc_assert(silent);
		_exit(sim_run_seeds(&own, at));
	}
	int status = 0;
	nc_assert(waitpid(child, &status, 0) == child);
	sim_files_sweep(child);
	return !WIFEXITED(status) || WEXITSTATUS(status) != 0;
}

static int run_all(const struct sim_request *request)
{
	volatile uint64_t *at =
	        mmap(NULL, sizeof *at, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	nc_assert(at != MAP_FAILED);
	int survivors = 0;
	for (size_t i = 0; i < sizeof mutants / sizeof mutants[0]; i++) {
		const struct mutant *mutant = &mutants[i];
		double began = sim_real_now();
		if (is_caught(request, mutant, at)) {
			printf("| %s | %s | seed %llu | %.2f s |\n", mutant->name, mutant->what,
			       (unsigned long long)*at, sim_real_now() - began);
		} else {
			printf("| %s | %s | survived | |\n", mutant->name, mutant->what);
			survivors++;
		}
	}
	printf("%d survived\n", survivors);
	return survivors == 0 ? 0 : 1;
}

int sim_run_mutants(const struct sim_request *request)
{
	if (request->mutants)
		return run_all(request);
	for (size_t i = 0; i < sizeof mutants / sizeof mutants[0]; i++) {
		if (strcmp(request->mutant, mutants[i].name) == 0) {
			volatile uint64_t at = 0;
			struct sim_request own = *request;
			own.options.store &= mutants[i].layer > LOG;
			own.options.files |= mutants[i].layer == LOG;
			put_back(&mutants[i]);
			return sim_run_seeds(&own, &at);
		}
	}
	fprintf(stderr, "no mutant %s\n", request->mutant);
	return 2;
}
#else
int sim_run_mutants(const struct sim_request *request)
{
	(void)request;
	fprintf(stderr, "this build has no mutants\n");
	return 2;
}
#endif
