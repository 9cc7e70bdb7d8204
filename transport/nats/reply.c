/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Answers. */
#include "transport/nats/reply.h"

#include "core/base/json.h"

void nc_reply_append(struct nc_buf *out, const struct nc_outcome *outcome)
{
	nc_buf_clear(out);
	nc_buf_put_str(out, "{\"stream\":");
	nc_json_put_string(out, outcome->stream);
	nc_buf_put_str(out, ",\"seq\":");
	nc_buf_put_decimal(out, outcome->version);
	nc_buf_put_str(out, ",\"pos\":");
	nc_buf_put_decimal(out, outcome->position);
	if (outcome->duplicate)
		nc_buf_put_str(out, ",\"duplicate\":true");
	nc_buf_put_u8(out, '}');
}

size_t nc_reply_error(struct nc_buf *out, struct nc_fault fault, const char *text,
                      struct nc_slice extra)
{
	nc_buf_clear(out);
	nc_buf_printf(out, "NATS/1.0\r\nNats-Service-Error: %s\r\nNats-Service-Error-Code: %u\r\n",
	              text, fault.code);
	nc_buf_put_slice(out, extra);
	nc_buf_put_str(out, "\r\n");
	size_t header_size = out->size;
	nc_buf_printf(out, "{\"error\":{\"code\":%u,\"err_code\":%u,\"description\":", fault.code,
	              fault.err_code);
	nc_json_put_string(out, nc_slice_str(text));
	nc_buf_put_str(out, "}}");
	return header_size;
}

const char *nc_fault_text(struct nc_fault fault)
{
	switch (fault.err_code) {
	case 10059:
		return "stream not found";
	case 10037:
		return "event not found";
	case 40901:
		return "event id is used already, for another type or other data";
	case 41001:
		return "stream tombstoned";
	case 10023:
		return "too much is pending; nothing was done, try again";
	case 10008:
		return "not done within the timeout; the outcome is unknown, retry with the same "
		       "id";
	case 50701:
		return "disk full: the store is read-only until there is room";
	default:
		return "refused";
	}
}

size_t nc_reply_end(struct nc_buf *out, const struct nc_query_end *end, struct nc_slice extra)
{
	nc_buf_clear(out);
	nc_buf_put_str(out, "NATS/1.0 204 EOB\r\n");
	if (end->pending_known)
		nc_buf_printf(out, "Nats-Num-Pending: %llu\r\n", (unsigned long long)end->pending);
	if (end->next != 0)
		nc_buf_printf(out, "Es-Next: %llu\r\n", (unsigned long long)end->next);
	nc_buf_printf(out, "Es-Head: %llu\r\n", (unsigned long long)end->head);
	nc_buf_put_slice(out, extra);
	nc_buf_put_str(out, "\r\n");
	return out->size;
}
