/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Snapshots as messages. Content types and metadata hold no control characters: they were refused.
 */
#include "transport/nats/snap_message.h"

#include "core/base/json.h"

void nc_snap_message_put(struct nc_buf *message, const struct nc_snap *snap, struct nc_slice extra,
                         size_t *header_size_out)
{
	char time[NC_TIME_TEXT_SIZE];
	size_t start = message->size;
	nc_time_format(snap->time_ns, time);
	nc_buf_put_str(message, "NATS/1.0\r\nEs-Stream: ");
	nc_buf_put_slice(message, snap->stream);
	nc_buf_printf(message, "\r\nEs-Snapshot-Seq: %llu\r\nNats-Time-Stamp: %s\r\n",
	              (unsigned long long)snap->version, time);
	if (snap->content_type.size > 0) {
		nc_buf_put_str(message, "Content-Type: ");
		nc_buf_put_slice(message, snap->content_type);
		nc_buf_put_str(message, "\r\n");
	}
	struct nc_slice meta = snap->meta, name, value;
	while (nc_event_meta_next(&meta, &name, &value)) {
		nc_buf_put_slice(message, name);
		nc_buf_put_str(message, ": ");
		nc_buf_put_slice(message, value);
		nc_buf_put_str(message, "\r\n");
	}
	nc_buf_put_slice(message, extra);
	nc_buf_put_str(message, "\r\n");
	*header_size_out = message->size - start;
	nc_buf_put_slice(message, snap->data);
}

void nc_snap_head_json(struct nc_buf *out, const struct nc_snap_head *head)
{
	char time[NC_TIME_TEXT_SIZE];
	nc_time_format(head->time_ns, time);
	nc_buf_printf(out, "{\"seq\":%llu,\"size\":%llu,\"time\":\"%s\"",
	              (unsigned long long)head->version, (unsigned long long)head->size, time);
	if (head->content_type.size > 0) {
		nc_buf_put_str(out, ",\"content_type\":");
		nc_json_put_string(out, head->content_type);
	}
	nc_buf_put_u8(out, '}');
}

void nc_snap_summary_json(struct nc_buf *out, const struct nc_snap_summary *summary)
{
	nc_buf_put_str(out, "{\"stream\":");
	nc_json_put_string(out, summary->stream);
	nc_buf_printf(out, ",\"seq\":%llu,\"count\":%llu,\"bytes\":%llu}",
	              (unsigned long long)summary->newest, (unsigned long long)summary->count,
	              (unsigned long long)summary->bytes);
}

void nc_reply_snap_put(struct nc_buf *out, const struct nc_outcome *outcome)
{
	nc_buf_clear(out);
	nc_buf_put_str(out, "{\"stream\":");
	nc_json_put_string(out, outcome->stream);
	nc_buf_put_str(out, ",\"seq\":");
	nc_buf_put_decimal(out, outcome->version);
	if (outcome->removed > 0) {
		nc_buf_put_str(out, ",\"dropped\":");
		nc_buf_put_decimal(out, outcome->removed);
	}
	if (outcome->unkept)
		nc_buf_put_str(out, ",\"kept\":false");
	nc_buf_put_u8(out, '}');
}

void nc_reply_snap_delete(struct nc_buf *out, struct nc_slice stream, uint64_t deleted)
{
	nc_buf_clear(out);
	nc_buf_put_str(out, "{\"stream\":");
	nc_json_put_string(out, stream);
	nc_buf_put_str(out, ",\"deleted\":");
	nc_buf_put_decimal(out, deleted);
	nc_buf_put_u8(out, '}');
}
