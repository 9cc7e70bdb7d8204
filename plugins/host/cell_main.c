/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The cell's side: one plugin, asked over a socket until the node closes it. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "core/base/parent.h"
#include "plugins/host/cell.h"
#include "plugins/host/cell_confine.h"
#include "plugins/host/cell_wire.h"
#include "plugins/host/host_private.h"
#include "plugins/host/view.h"

/* A filter, where the plugin has compiled it. */
struct kept {
	void *compiled; /* NULL: a number that is not in use */
	uint32_t needs;
};

struct inmate {
	pid_t node;
	const uint8_t *in;
	uint8_t *out;
	const nacre_filter_plugin *plugin;
	struct kept *filters; /* [room], by the node's numbers */
	size_t room;
	struct nc_arena arena;
	struct nc_view_builder builder;
	struct nc_buf answer; /* what goes with the answer */
	char log[NC_CELL_LOG_SIZE];
	uint32_t log_size;
};

static void on_log(void *host_ctx, const char *message)
{
	struct inmate *inmate = host_ctx;
	size_t size = strlen(message);
	if (size + 1 > sizeof inmate->log - inmate->log_size)
		return; /* it says more than there is room for */
	memcpy(inmate->log + inmate->log_size, message, size);
	inmate->log[inmate->log_size + size] = '\n';
	inmate->log_size += (uint32_t)size + 1;
}

/* ---- The calls ------------------------------------------------------------------------------ */

static nacre_filter_slice text_of(const char *text)
{
	return (nacre_filter_slice){ (const uint8_t *)text, text == NULL ? 0 : strlen(text) };
}

static int32_t hello(struct inmate *inmate, const nacre_filter_host *host)
{
	char why[NC_PLUGIN_REASON_SIZE] = "";
	char path[32];
	bool good = nc_cell_confine(inmate->node, NC_CELL_FILE_FD, why, sizeof why);
	(void)snprintf(path, sizeof path, "/proc/self/fd/%d", NC_CELL_FILE_FD);
	if (good)
		inmate->plugin = nc_plugin_shake(path, host, why);
	if (inmate->plugin != NULL && !nc_cell_confine_more(why, sizeof why))
		inmate->plugin = NULL;
	if (inmate->plugin == NULL) {
		nc_cell_put_text(&inmate->answer, text_of(why));
		return NACRE_FILTER_FAILED;
	}
	nc_buf_put_u32(&inmate->answer, inmate->plugin->abi_minor);
	nc_cell_put_text(&inmate->answer, text_of(inmate->plugin->name));
	nc_cell_put_text(&inmate->answer, text_of(inmate->plugin->build));
	nc_cell_put_text(&inmate->answer, text_of(inmate->plugin->summary));
	return NACRE_FILTER_OK;
}

static bool filter_room(struct inmate *inmate, uint32_t number)
{
	if (number < inmate->room)
		return true;
	size_t room = inmate->room == 0 ? 64 : inmate->room * 2;
	if (room <= number)
		room = (size_t)number + 1;
	struct kept *filters = realloc(inmate->filters, room * sizeof *filters);
	if (filters == NULL)
		return false;
	memset(filters + inmate->room, 0, (room - inmate->room) * sizeof *filters);
	inmate->filters = filters;
	inmate->room = room;
	return true;
}

static void destroy(struct inmate *inmate, uint32_t number)
{
	if (number >= inmate->room || inmate->filters[number].compiled == NULL)
		return;
	inmate->plugin->destroy(inmate->filters[number].compiled);
	inmate->filters[number].compiled = NULL;
}

static void on_hint(void *emit_ctx, const nacre_filter_hint *hint)
{
	nc_cell_put_hint(emit_ctx, hint);
}

/* Put whether the hints are full, then the hints. If there are more than there is room for, put
 * none: then the filter is always asked. */
static void hints_put(struct inmate *inmate, const struct kept *kept)
{
	struct nc_buf hints = { 0 };
	int full = NACRE_FILTER_HINTS_LOOSE;
	if (inmate->plugin->hints != NULL)
		full = inmate->plugin->hints(kept->compiled, on_hint, &hints);
	bool good = full >= 0 && nc_buf_status(&hints) == NC_OK &&
	            hints.size < NC_CELL_OUT_SIZE - NC_CELL_LOG_SIZE - 64;
	nc_buf_put_u32(&inmate->answer, good ? (uint32_t)full : NACRE_FILTER_HINTS_LOOSE);
	if (good)
		nc_buf_put_slice(&inmate->answer, nc_buf_slice(&hints));
	nc_buf_release(&hints);
}

static void fault_put(struct inmate *inmate, nacre_filter_error *error)
{
	error->message[sizeof error->message - 1] = '\0';
	nc_buf_put_u32(&inmate->answer, error->source_offset);
	nc_cell_put_text(&inmate->answer, text_of(error->message));
}

static int32_t compile(struct inmate *inmate, const nacre_filter_host *host,
                       const struct nc_cell_call *call)
{
	const struct nc_slice source = nc_slice(inmate->in, (size_t)call->in_size);
	const nacre_filter_view *view =
	        nc_view_json(&inmate->builder, &inmate->arena, source, NULL);
	if (view == NULL || view->state < 0 || !filter_room(inmate, call->filter))
		return NACRE_FILTER_NO_MEMORY;
	const nacre_filter_selector selector = { .struct_size = sizeof selector,
		                                 .source = { source.data, source.size },
		                                 .view = view };
	nacre_filter_error error = { .struct_size = sizeof error };
	struct kept *kept = &inmate->filters[call->filter];
	destroy(inmate, call->filter);
	int answer = inmate->plugin->compile(host, &selector, &kept->compiled, &error);
	if (answer >= 0 && kept->compiled == NULL)
		answer = NACRE_FILTER_FAILED;
	if (answer < 0) {
		kept->compiled = NULL;
		fault_put(inmate, &error);
		return answer;
	}
	kept->needs = inmate->plugin->needs == NULL ? 0 : inmate->plugin->needs(kept->compiled);
	nc_buf_put_u32(&inmate->answer, kept->needs);
	hints_put(inmate, kept);
	return answer;
}

static nacre_filter_event *event_get(struct inmate *inmate, struct nc_reader *reader,
                                     uint32_t needs)
{
	nacre_filter_event *event = nc_cell_get_event(reader, &inmate->arena);
	if (event == NULL || (needs & NACRE_FILTER_NEEDS_VIEW) == 0)
		return event;
	event->view =
	        nc_view_data(&inmate->builder, &inmate->arena,
	                     nc_slice(event->content_type.data, (size_t)event->content_type.size),
	                     nc_slice(event->data.data, (size_t)event->data.size));
	return event->view == NULL ? NULL : event;
}

static int32_t match(struct inmate *inmate, const struct nc_cell_call *call)
{
	if (call->filter >= inmate->room || inmate->filters[call->filter].compiled == NULL)
		return NACRE_FILTER_FAILED;
	const struct kept *kept = &inmate->filters[call->filter];
	struct nc_reader reader = nc_reader(nc_slice(inmate->in, (size_t)call->in_size));
	size_t count = (size_t)call->count, bits = (count + 63) / 64 * 8;
	const nacre_filter_event **events =
	        nc_arena_take(&inmate->arena, count * sizeof(nacre_filter_event *));
	uint64_t *matched = nc_arena_take(&inmate->arena, bits);
	if (events == NULL || matched == NULL)
		return NACRE_FILTER_NO_MEMORY;
	for (size_t i = 0; i < count; i++) {
		events[i] = event_get(inmate, &reader, kept->needs);
		if (events[i] == NULL)
			return NACRE_FILTER_NO_MEMORY;
	}
	memset(matched, 0, bits);
	int answer = inmate->plugin->match(kept->compiled, events, count, matched);
	if (answer >= 0)
		nc_buf_put(&inmate->answer, matched, bits);
	return answer;
}

/* ---- The conversation ----------------------------------------------------------------------- */

static bool answer_send(struct inmate *inmate, const struct nc_cell_call *call, int32_t answer)
{
	size_t room = NC_CELL_OUT_SIZE - NC_CELL_LOG_SIZE;
	bool good = nc_buf_status(&inmate->answer) == NC_OK && inmate->answer.size <= room;
	const struct nc_cell_answer message = {
		.number = call->number,
		.answer = good ? answer : NACRE_FILTER_NO_MEMORY,
		.out_size = good ? (uint32_t)inmate->answer.size : 0,
		.log_size = inmate->log_size,
	};
	if (message.out_size > 0)
		memcpy(inmate->out, inmate->answer.data, message.out_size);
	memcpy(inmate->out + room, inmate->log, inmate->log_size);
	return write(NC_CELL_SOCKET_FD, &message, sizeof message) == (ssize_t)sizeof message;
}

static int32_t carry_out(struct inmate *inmate, const nacre_filter_host *host,
                         const struct nc_cell_call *call)
{
	switch ((enum nc_cell_op)call->op) {
	case NC_CELL_HELLO:
		return hello(inmate, host);
	case NC_CELL_COMPILE:
		return compile(inmate, host, call);
	case NC_CELL_MATCH:
		return match(inmate, call);
	}
	return NACRE_FILTER_FAILED;
}

int nc_cell_main(const char *node)
{
	static struct inmate inmate;
	struct nc_cell_call call;
	/* Close everything that the node had open and did not mark: none of it is for this
	 * process. */
	if (syscall(SYS_close_range, NC_CELL_FILE_FD + 1, ~0U, 0) != 0)
		return 71;
	inmate.node = nc_parent_get(node);
	inmate.in = mmap(NULL, NC_CELL_IN_SIZE, PROT_READ, MAP_SHARED, NC_CELL_MEMORY_FD, 0);
	inmate.out = mmap(NULL, NC_CELL_OUT_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED,
	                  NC_CELL_MEMORY_FD, NC_CELL_IN_SIZE);
	if (inmate.in == MAP_FAILED || inmate.out == MAP_FAILED)
		return 71;
	const nacre_filter_host host = { .struct_size = sizeof host,
		                         .abi_minor = NACRE_FILTER_ABI_MINOR,
		                         .host_ctx = &inmate,
		                         .log = on_log };
	while (read(NC_CELL_SOCKET_FD, &call, sizeof call) == (ssize_t)sizeof call) {
		inmate.log_size = 0;
		nc_buf_clear(&inmate.answer);
		nc_arena_clear(&inmate.arena);
		nc_cell_cpu_renew();
		if (!answer_send(&inmate, &call, carry_out(&inmate, &host, &call)))
			break;
	}
	/* Do not run a plugin's destructors. */
	_exit(0);
}
