/* SPDX-License-Identifier: GPL-3.0-or-later */
/* R.batch in both forms: refused, or what comes of it is what the engine reads back. The first byte
 * says which form. */
#include <stdlib.h>

#include "core/base/assert.h"
#include "tests/fuzz/fuzz.h"
#include "transport/nats/request.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct nc_decoder decoder = { .store = "s",
		                             .event_size_max = 1 << 20,
		                             .payload_size_max = 1 << 20 };
	const struct nc_header header = { NC_SLICE("Content-Type"),
		                          NC_SLICE("application/msgpack") };
	if (size == 0)
		return 0;
	const struct nc_message message = { .subject = NC_SLICE("batch"),
		                            .data = nc_slice(data + 1, size - 1),
		                            .headers = &header,
		                            .header_count = data[0] == 'm' };
	struct nc_request request;
	struct nc_refusal refusal = { 0 };
	if (!nc_request_decode(&decoder, NC_OP_BATCH, false, &message, &request, &refusal)) {
		nc_assert(refusal.fault.code >= 400 && refusal.text[0] != '\0');
		return 0;
	}
	struct nc_buf body = { 0 };
	struct nc_batch read;
	nc_batch_put(&body, &request.batch);
	nc_assert(nc_batch_get(nc_buf_slice(&body), &read) == NC_OK);
	struct nc_slice list = read.events;
	struct nc_batch_event packed;
	struct nc_event event;
	while (nc_batch_event_next(&list, &packed))
		nc_assert(nc_event_record_get(packed.record, &event) == NC_OK);
	nc_buf_release(&body);
	return 0;
}
