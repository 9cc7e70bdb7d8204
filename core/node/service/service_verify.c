/* SPDX-License-Identifier: GPL-3.0-or-later */
/* R.node.<id>.verify: the node checks itself, between what its readers do for others. `{}` shows
 * how far the check is, `{"start":true}` begins one unless one is running. */
#include <stdio.h>
#include <stdlib.h>

#include "core/base/digits.h"
#include "core/base/json.h"
#include "core/node/common/say.h"
#include "core/node/data/quarantine.h"
#include "core/node/data/verifier.h"
#include "core/node/service/service_private.h"
#include "transport/nats/body.h"
#include "transport/nats/reply.h"

#define REPAIR_AFTER_MS 5000u /* whoever asked for the check may still want to see its result */

struct nc_service_verify {
	struct nc_read_job job;
	struct nc_service *service;
	struct nc_verifier *verifier;
	atomic_bool with_readers; /* the pool has the job */
	bool told;                /* that something is bad */
	uint64_t told_ms;         /* when that was; 0: the repair has been started */
};

/* ---- The job -------------------------------------------------------------------------------- */

static bool step(struct nc_read_job *job, struct nc_state_reader *reader)
{
	struct nc_service_verify *verify = (struct nc_service_verify *)job;
	return nc_verifier_step(verify->verifier, reader);
}

static void give_back(struct nc_read_job *job)
{
	struct nc_service_verify *verify = (struct nc_service_verify *)job;
	nc_verifier_stop(verify->verifier); /* if it was not over, the node is stopping */
	atomic_store(&verify->with_readers, false);
}

void nc_service_verify_free(struct nc_service *service)
{
	if (service->check.verify == NULL)
		return;
	nc_verifier_free(service->check.verify->verifier);
	free(service->check.verify);
	service->check.verify = NULL;
}

/* It has found damage, and that was not told yet, or the repair that follows from it was not asked
 * for: who asks for another check would put that off. */
static bool is_wanted(const struct nc_service_verify *verify)
{
	struct nc_verifier_report report;
	nc_verifier_report(verify->verifier, &report);
	return report.phase == NC_VERIFIER_BAD && (!verify->told || verify->told_ms != 0);
}

/* Errors: NC_BUSY, NC_NOMEM. */
static int start(struct nc_service *service)
{
	if (service->check.verify != NULL &&
	    (atomic_load(&service->check.verify->with_readers) || is_wanted(service->check.verify)))
		return NC_OK; /* the check under way is shown */
	nc_service_verify_free(service);
	struct nc_service_verify *verify = calloc(1, sizeof *verify);
	if (verify == NULL)
		return NC_NOMEM;
	service->check.verify = verify;
	verify->job.step = step;
	verify->job.free = give_back;
	verify->service = service;
	int err = nc_verifier_new(service->options.log, &verify->verifier);
	if (err == NC_OK) {
		atomic_store(&verify->with_readers, true);
		err = nc_reader_pool_put(service->readers, &verify->job);
	}
	if (err == NC_OK)
		return NC_OK;
	nc_service_verify_free(service);
	return err;
}

/* ---- What it has come to -------------------------------------------------------------------- */

static void put_bad(const struct nc_verifier_report *report, struct nc_buf *out)
{
	if (report->state.bad > 0) {
		nc_buf_printf(out, ",\"bad\":{\"pos\":%llu,\"why\":",
		              (unsigned long long)report->state.bad);
	} else {
		nc_buf_printf(out, ",\"bad\":{\"entry\":%llu,\"why\":",
		              (unsigned long long)report->bad_entry);
	}
	nc_json_put_string(out,
	                   nc_slice_str(report->state.bad > 0 ? report->state.why : report->why));
	nc_buf_put_u8(out, '}');
}

static void put_report(const struct nc_service *service, struct nc_buf *out)
{
	static const char *const states[] = { [NC_VERIFIER_STATE] = "running",
		                              [NC_VERIFIER_LOG] = "running",
		                              [NC_VERIFIER_GOOD] = "good",
		                              [NC_VERIFIER_BAD] = "bad",
		                              [NC_VERIFIER_FAILED] = "failed" };
	const char *node = service->options.config->node_id;
	if (service->check.verify == NULL) {
		nc_buf_printf(out, "{\"node\":\"%s\",\"state\":\"none\"}", node);
		return;
	}
	struct nc_verifier_report report;
	char digest[2 * NC_SHA256_SIZE + 1];
	nc_verifier_report(service->check.verify->verifier, &report);
	nc_digits_hex_text(digest, report.state.digest, NC_SHA256_SIZE);
	nc_buf_printf(out,
	              "{\"node\":\"%s\",\"state\":\"%s\",\"pos\":%llu,\"head\":%llu,\"marks\":%llu,"
	              "\"digest\":\"%s\",\"log\":{\"first\":%llu,\"entry\":%llu,\"last\":%llu}",
	              node, states[report.phase], (unsigned long long)report.state.checked,
	              (unsigned long long)report.state.head, (unsigned long long)report.state.marks,
	              digest, (unsigned long long)report.entry_first,
	              (unsigned long long)report.entry, (unsigned long long)report.entry_last);
	if (report.phase == NC_VERIFIER_BAD)
		put_bad(&report, out);
	if (report.phase == NC_VERIFIER_FAILED)
		nc_buf_printf(out, ",\"reason\":\"%s\"", nc_err_name(report.err));
	nc_buf_put_u8(out, '}');
}

/* A node of a cluster is made whole by the others. A single node goes on, and a person has to
 * decide. */
static void repair(struct nc_service *service)
{
	struct nc_service_verify *verify = service->check.verify;
	if (verify->told_ms == 0 || nc_clock_ms() - verify->told_ms < REPAIR_AFTER_MS)
		return;
	verify->told_ms = 0;
	if (service->options.cluster != NULL &&
	    nc_quarantine_helps(service->options.config->data_dir)) {
		service->options.on_fatal(service->options.ctx, NC_CORRUPT,
		                          "a check has found damage");
	}
}

/* Begin a check that nobody asked for, if one is due, so that damage is found even where nobody
 * reads. */
static void begin_if_due(struct nc_service *service)
{
	uint64_t now_ms = nc_clock_ms(), period_ms = service->options.config->check_s * 1000;
	if (service->check.begun_ms == 0)
		service->check.begun_ms = now_ms;
	if (period_ms == 0 || now_ms - service->check.begun_ms < period_ms)
		return;
	service->check.begun_ms = now_ms;
	int err = start(service);
	if (err != NC_OK)
		nc_say_warning("verify: no check can be begun now: %s", nc_err_name(err));
}

/* Publish an advisory when the check finds damage, since nobody may be waiting for its result. */
void nc_service_verify_tick(struct nc_service *service)
{
	begin_if_due(service);
	struct nc_service_verify *verify = service->check.verify;
	struct nc_verifier_report report;
	if (verify != NULL && verify->told)
		repair(service);
	if (verify == NULL || verify->told)
		return;
	nc_verifier_report(verify->verifier, &report);
	if (report.phase != NC_VERIFIER_BAD)
		return;
	struct nc_buf members = { 0 };
	put_bad(&report, &members);
	nc_buf_put_u8(&members, 0);
	verify->told = true;
	verify->told_ms = nc_clock_ms();
	nc_say_error(
	        "verify: bad: %s %llu: %s", report.state.bad > 0 ? "position" : "entry of the log",
	        (unsigned long long)(report.state.bad > 0 ? report.state.bad : report.bad_entry),
	        report.state.bad > 0 ? report.state.why : report.why);
	if (nc_buf_status(&members) == NC_OK)
		nc_service_advise(service, "storage", "corruption", (const char *)members.data + 1);
	nc_buf_release(&members);
}

/* ---- The request ---------------------------------------------------------------------------- */

void nc_service_verify(struct nc_service *service, struct nc_slice body, struct nc_slice reply,
                       int endpoint)
{
	const char *to = nc_service_reply_str(reply);
	struct nc_srv_stats *stats = &service->srv.endpoints[endpoint].stats;
	struct nc_refusal refusal;
	bool begin;
	if (!nc_body_flag(body, "start", &begin, &refusal)) {
		nc_service_error(service, &service->out, to, stats,
		                 &(struct nc_service_refusal){ .fault = refusal.fault,
		                                               .text = refusal.text });
		return;
	}
	if (begin && (service->drain.begun || start(service) != NC_OK)) {
		nc_service_error(service, &service->out, to, stats,
		                 &(struct nc_service_refusal){
		                         .fault = NC_FAULT_BUSY,
		                         .text = service->drain.begun
		                                         ? "this node is drained, and begins no "
		                                           "check until it is started again"
		                                         : nc_fault_text(NC_FAULT_BUSY) });
		return;
	}
	nc_buf_clear(&service->out);
	put_report(service, &service->out);
	nc_service_send_buf(service, to, &service->out, 0);
}
