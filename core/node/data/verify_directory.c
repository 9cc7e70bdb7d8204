/* SPDX-License-Identifier: GPL-3.0-or-later */
/* nacred --verify: a closed data directory from end to end. */
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "core/base/digits.h"
#include "core/node/common/config.h"
#include "core/node/common/say.h"
#include "core/node/data/store.h"
#include "core/node/data/verifier.h"

#define SAY_EACH_S 5

/* A check must not make a store where there is none. */
static int is_there(const struct nc_config *config)
{
	static const char *const parts[] = { "identity", "identity.copy", "log", "state" };
	char path[PATH_MAX];
	for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
		(void)snprintf(path, sizeof path, "%s/%s", config->data_dir, parts[i]);
		if (access(path, F_OK) == 0)
			return NC_OK;
	}
	nc_say_error("verify: there is no store in %s", config->data_dir);
	return NC_NOTFOUND;
}

static void say_progress(const struct nc_verifier_report *report)
{
	if (report->phase == NC_VERIFIER_STATE) {
		nc_say_info("verify: state: event %" PRIu64 " of %" PRIu64, report->state.checked,
		            report->state.head);
	} else {
		nc_say_info("verify: log: entry %" PRIu64 " of %" PRIu64 " to %" PRIu64,
		            report->entry, report->entry_first, report->entry_last);
	}
}

static int say_end(const struct nc_verifier_report *report)
{
	char digest[2 * NC_SHA256_SIZE + 1];
	nc_digits_hex_text(digest, report->state.digest, NC_SHA256_SIZE);
	if (report->phase == NC_VERIFIER_GOOD) {
		nc_say_info("verify: good: %" PRIu64 " events, %" PRIu64
		            " marks of the digest, entries %" PRIu64 " to %" PRIu64 " of the log; "
		            "digest %s",
		            report->state.checked, report->state.marks, report->entry_first,
		            report->entry_last, digest);
		return NC_OK;
	}
	if (report->state.bad > 0) {
		nc_say_error("verify: bad: position %" PRIu64 ": %s", report->state.bad,
		             report->state.why);
	} else if (report->bad_entry > 0) {
		nc_say_error("verify: bad: entry %" PRIu64 " of the log: %s", report->bad_entry,
		             report->why);
	} else {
		nc_say_error("verify: cannot be carried through: %s", nc_err_name(report->err));
	}
	return report->err;
}

static int verify(const struct nc_store *store)
{
	struct nc_state_reader *reader;
	struct nc_verifier *verifier;
	struct nc_verifier_report report;
	time_t said = time(NULL);
	int err = nc_state_reader_open(store->state, &reader);
	if (err != NC_OK)
		return err;
	err = nc_verifier_new(store->log, &verifier);
	if (err != NC_OK) {
		nc_state_reader_close(reader);
		return err;
	}
	while (!nc_verifier_step(verifier, reader)) {
		if (time(NULL) - said < SAY_EACH_S)
			continue;
		said = time(NULL);
		nc_verifier_report(verifier, &report);
		say_progress(&report);
	}
	nc_verifier_report(verifier, &report);
	err = say_end(&report);
	nc_verifier_free(verifier);
	nc_state_reader_close(reader);
	return err;
}

int nc_verify_directory(const struct nc_config *config)
{
	struct nc_store store = { 0 };
	int err = is_there(config);
	if (err == NC_OK)
		err = nc_store_open(config, &store);
	if (err != NC_OK)
		return err;
	err = verify(&store);
	nc_store_close(&store);
	return err;
}
