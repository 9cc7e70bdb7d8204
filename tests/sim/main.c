/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Run seeds and say what came of them; exit 0 only if all held. */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "tests/sim/store_private.h"

double sim_real_now(void)
{
	struct timespec now;
	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void add(struct sim_counters *sum, const struct sim_counters *more)
{
#define ADD(name) sum->name += more->name;
	SIM_COUNTERS(ADD)
	SIM_STORE_COUNTERS(ADD)
#undef ADD
}

static void print_counters(const struct sim_counters *counters, bool store)
{
	int column = 0;
#define PRINT(name)                                                         \
	printf("%-26s %12llu%s", #name, (unsigned long long)counters->name, \
	       ++column % 2 == 0 ? "\n" : "   ");
	SIM_COUNTERS(PRINT)
	if (store) {
		SIM_STORE_COUNTERS(PRINT)
	}
#undef PRINT
	if (column % 2 != 0)
		putchar('\n');
}

static void say_replay(const struct sim_request *request, uint64_t seed)
{
	printf("replay: tests/sim/run --first %llu --seeds 1 --seconds %llu --trace%s%s%s%s\n",
	       (unsigned long long)seed, (unsigned long long)request->options.seconds,
	       request->options.store ? "" : " --raft", request->options.files ? " --files" : "",
	       request->mutant != NULL ? " --mutant " : "",
	       request->mutant != NULL ? request->mutant : "");
}

/* The same seed gives the same trace: every 16th is run twice. */
static bool same_again(struct sim *sim, const struct sim_options *options, uint64_t hash)
{
	struct sim_options again = *options;
	again.trace = false;
	sim_run(sim, &again);
	bool same = sim->hash == hash;
	sim_release(sim);
	return same;
}

/* `at_out` is told of the seed before it is run: an assertion may end the process. */
int sim_run_seeds(const struct sim_request *request, volatile uint64_t *at_out)
{
	struct sim *sim = malloc(sizeof *sim);
	nc_assert(sim != NULL);
	struct sim_counters sum = { 0 };
	double simulated = 0, began = sim_real_now();
	int status = 0;
	uint64_t done = 0;
	for (uint64_t i = 0; i < request->seeds && status == 0; i++) {
		if (request->for_s != 0 && sim_real_now() - began >= (double)request->for_s)
			break;
		struct sim_options options = request->options;
		options.seed = *at_out = request->first + i;
		sim_run(sim, &options);
		simulated += (double)sim->now / 1e6;
		add(&sum, &sim->counters);
		done++;
		uint64_t hash = sim->hash;
		if (sim->violation[0] != '\0') {
			printf("seed %llu: %s\n", (unsigned long long)options.seed, sim->violation);
			status = 1;
		}
		sim_release(sim);
		if (status == 0 && i % 16 == 0 && !options.faultless &&
		    !same_again(sim, &options, hash)) {
			printf("seed %llu: not the same twice\n", (unsigned long long)options.seed);
			status = 1;
		}
		if (!request->quiet && (i + 1) % 500 == 0)
			fprintf(stderr, "%llu seeds\n", (unsigned long long)(i + 1));
	}
	free(sim);
	double took = sim_real_now() - began;
	if (status != 0)
		say_replay(request, *at_out);
	if (!request->quiet) {
		print_counters(&sum, request->options.store);
	}
	if (!request->quiet || request->for_s != 0) {
		printf("%llu seeds, %.0f simulated seconds in %.1f s: %.0f a second\n",
		       (unsigned long long)done, simulated, took, simulated / took);
	}
	fflush(stdout);
	return status;
}

static bool read_options(int argc, char **argv, struct sim_request *request)
{
	static const struct option known[] = { { "seeds", required_argument, NULL, 's' },
		                               { "first", required_argument, NULL, 'f' },
		                               { "for", required_argument, NULL, 'o' },
		                               { "seconds", required_argument, NULL, 't' },
		                               { "nodes", required_argument, NULL, 'n' },
		                               { "rate", required_argument, NULL, 'r' },
		                               { "mutant", required_argument, NULL, 'm' },
		                               { "mutants", no_argument, NULL, 'M' },
		                               { "trace", no_argument, NULL, 'v' },
		                               { "quiet", no_argument, NULL, 'q' },
		                               { "faultless", no_argument, NULL, 'z' },
		                               { "raft", no_argument, NULL, 'R' },
		                               { "files", no_argument, NULL, 'F' },
		                               { NULL, 0, NULL, 0 } };
	int option;
	while ((option = getopt_long(argc, argv, "", known, NULL)) != -1) {
		uint64_t value = optarg == NULL ? 0 : strtoull(optarg, NULL, 10);
		switch (option) {
		case 's':
			request->seeds = value;
			break;
		case 'o':
			request->for_s = value;
			request->seeds = UINT64_MAX;
			break;
		case 'f':
			request->first = value;
			break;
		case 't':
			request->options.seconds = value;
			break;
		case 'n':
			request->options.nodes = (uint32_t)value;
			break;
		case 'r':
			request->options.rate = (uint32_t)value;
			break;
		case 'm':
			request->mutant = optarg;
			break;
		case 'M':
			request->mutants = true;
			break;
		case 'v':
			request->options.trace = true;
			break;
		case 'q':
			request->quiet = true;
			break;
		case 'F':
			request->options.files = true;
			break;
		case 'R':
			request->options.store = false;
			break;
		case 'z':
			request->options.faultless = true;
			break;
		default:
			return false;
		}
	}
	return optind == argc && request->options.nodes <= SIM_SLOTS_MAX;
}

int main(int argc, char **argv)
{
	struct sim_request request = { .first = 1,
		                       .seeds = 100,
		                       .options = { .seconds = 20, .store = true } };
	if (!read_options(argc, argv, &request)) {
		fprintf(stderr,
		        "usage: run [--seeds N | --for SECONDS] [--first N] [--seconds N] [--nodes "
		        "N] [--rate N]\n"
		        "           [--raft] [--files] [--faultless] [--trace] [--quiet] [--mutant "
		        "NAME | "
		        "--mutants]\n");
		return 2;
	}
	if (request.mutants || request.mutant != NULL)
		return sim_run_mutants(&request);
	volatile uint64_t at = 0;
	return sim_run_seeds(&request, &at);
}
