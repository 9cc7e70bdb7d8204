/* SPDX-License-Identifier: GPL-3.0-or-later */
/* nacre batch: events from JSON Lines, so many at a time, each time all or nothing.
 *
 * A line is one member of R.batch's "events", and is sent as it is; only one without an id is given
 * the id "<key>-<line>". So a batch can be sent again, and a whole file too: with the same key and
 * the same --size the batches are the same, and the store recognises those that it has. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#include "core/base/digits.h"
#include "transport/cli/commands.h"
#include "transport/cli/input.h"
#include "transport/cli/json.h"
#include "transport/cli/progress.h"
#include "transport/cli/say.h"
#include "transport/cli/text.h"

enum { SIZE = 500, SIZE_MAX_EVENTS = 1000, BYTES_MAX = 512 * 1024, KEY_SIZE = 33 };

struct batch {
	struct nc_cli *cli;
	const char *name; /* of the file */
	const char *key;
	char made_key[KEY_SIZE];
	struct nc_buf body;
	uint64_t first_line, count; /* of the batch that is being gathered */
	uint64_t line;              /* last read */
	uint64_t size;              /* events a batch at most */
	uint64_t appended, known;   /* events, in all */
	struct nc_cli_progress progress;
};

static bool key_make(char key[KEY_SIZE])
{
	uint8_t bytes[(KEY_SIZE - 1) / 2];
	if (getrandom(bytes, sizeof bytes, 0) != (ssize_t)sizeof bytes)
		return false;
	nc_digits_hex_text(key, bytes, sizeof bytes);
	return true;
}

/* ---- A batch, sent -------------------------------------------------------------------------- */

static void show_results(const struct batch *batch, struct nc_slice results, bool known)
{
	struct nc_json items;
	struct nc_slice result;
	uint64_t line = batch->first_line;
	if (!batch->cli->json || !nc_cli_list_begin(&items, results))
		return;
	for (; nc_cli_list_next(&items, &result); line++) { /* {"stream":…,"seq":…,"pos":…} */
		(void)printf("{\"line\":%llu,%.*s%s}\n", (unsigned long long)line,
		             (int)result.size - 2, (const char *)result.data + 1,
		             known ? ",\"duplicate\":true" : "");
	}
}

static void say_how_to_go_on(const struct batch *batch)
{
	const struct nc_cli *cli = batch->cli;
	nc_cli_progress_clear(&batch->progress);
	nc_cli_note(cli, "%llu events are appended (%llu of them were there before).",
	            (unsigned long long)batch->appended, (unsigned long long)batch->known);
	if (batch->appended < batch->line) {
		nc_cli_note(cli, "To go on, the same again with: --ids %s --size %llu", batch->key,
		            (unsigned long long)batch->size);
	}
}

/* "events[3]…" is about the fourth line of the batch. */
static int refused(const struct batch *batch, int status, const struct nacre_error *error)
{
	char what[400];
	uint64_t index;
	unsigned long long first = batch->first_line;
	nc_cli_progress_clear(&batch->progress);
	if (nc_cli_number_behind(error->description, "events[", &index) && index < batch->count) {
		(void)snprintf(what, sizeof what, "%.200s, line %llu", batch->name, first + index);
	} else {
		(void)snprintf(what, sizeof what, "%.200s, lines %llu to %llu", batch->name, first,
		               first + batch->count - 1);
	}
	return nc_cli_fail_nacre(batch->cli, status, error, what);
}

static int send(struct batch *batch)
{
	struct nacre_error error = { 0 };
	struct nacre_reply *reply = NULL;
	struct nc_slice results;
	if (batch->count == 0)
		return 0;
	nc_buf_put_str(&batch->body, "]}");
	if (nc_buf_status(&batch->body) != NC_OK)
		return nc_cli_fail(batch->cli, NC_EXIT_FAILED, "out of memory");
	const struct nacre_request request = { .subject = "batch",
		                               .body = batch->body.data,
		                               .size = batch->body.size,
		                               .repeatable = true };
	int status = nacre_request(batch->cli->client, &request, &reply, &error);
	if (status != NACRE_OK) {
		nacre_reply_free(reply);
		return refused(batch, status, &error);
	}
	struct nc_slice answer = nc_cli_reply_slice(reply), duplicate;
	bool known =
	        nc_cli_member(answer, "duplicate", &duplicate) && nc_slice_is(duplicate, "true");
	if (nc_cli_member(answer, "results", &results))
		show_results(batch, results, known);
	nacre_reply_free(reply);
	batch->appended += batch->count;
	batch->known += known ? batch->count : 0;
	batch->count = 0;
	nc_cli_progress(&batch->progress, batch->appended);
	return 0;
}

/* ---- Lines ---------------------------------------------------------------------------------- */

static int wrong_line(const struct batch *batch, size_t offset, const char *expected)
{
	nc_cli_progress_clear(&batch->progress);
	return nc_cli_fail(batch->cli, NC_EXIT_INPUT, "%.200s, line %llu, byte %zu: expected %s",
	                   batch->name, (unsigned long long)batch->line, offset, expected);
}

/* Put the line into the batch, with an id. */
static void line_put(struct batch *batch, struct nc_slice line, bool empty_object)
{
	struct nc_slice id;
	if (batch->count == 0) {
		nc_buf_clear(&batch->body);
		nc_buf_put_str(&batch->body, "{\"events\":[");
		batch->first_line = batch->line;
	} else {
		nc_buf_put_u8(&batch->body, ',');
	}
	if (nc_cli_member(line, "id", &id)) {
		nc_buf_put_slice(&batch->body, line);
	} else {
		char text[300];
		(void)snprintf(text, sizeof text, "%.200s-%llu", batch->key,
		               (unsigned long long)batch->line);
		nc_buf_put_str(&batch->body, "{\"id\":");
		nc_json_put_string(&batch->body, nc_slice_str(text));
		nc_buf_put_str(&batch->body, empty_object ? "" : ",");
		nc_buf_put_slice(&batch->body, nc_slice_from(line, 1));
	}
	batch->count++;
}

static int line_take(struct batch *batch, struct nc_slice line)
{
	struct nc_json json;
	struct nc_json_token token;
	size_t offset;
	const char *expected;
	batch->line++;
	while (line.size > 0 && strchr(" \t\r\n", line.data[line.size - 1]) != NULL)
		line.size--;
	while (line.size > 0 && (line.data[0] == ' ' || line.data[0] == '\t'))
		line = nc_slice_from(line, 1);
	if (line.size == 0) /* so that lines and results agree, nothing is passed over */
		return wrong_line(batch, 0, "an event; the line is empty");
	if (!nc_cli_json_valid(line, &offset, &expected))
		return wrong_line(batch, offset, expected);
	nc_json_init(&json, line);
	if (nc_json_next(&json, &token) != NC_OK || token.type != NC_JSON_OBJECT)
		return wrong_line(batch, 0, "an object: {\"stream\":…,\"type\":…,\"data\":…}");
	bool empty = nc_json_next(&json, &token) == NC_OK && token.type == NC_JSON_OBJECT_END;
	if (batch->count > 0 && batch->body.size + line.size > BYTES_MAX) {
		int exit_code = send(batch);
		if (exit_code != 0)
			return exit_code;
	}
	line_put(batch, line, empty);
	return batch->count == batch->size ? send(batch) : 0;
}

/* Read the next line with its end, or as much of it as may be read. False if there is none, or if
 * it cannot be read. */
static bool line_read(FILE *file, struct nc_buf *line)
{
	int byte = 0;
	nc_buf_clear(line);
	while (byte != '\n' && line->size <= NC_CLI_INPUT_MAX && !line->failed &&
	       (byte = getc_unlocked(file)) != EOF)
		nc_buf_put_u8(line, (uint8_t)byte);
	return line->size > 0 && ferror(file) == 0;
}

static int lines_take(struct batch *batch, FILE *file)
{
	struct nc_buf line = { 0 };
	int exit_code = 0;
	errno = 0;
	while (exit_code == 0 && nc_cli_signal() == 0 && !nc_cli_output_lost() &&
	       line_read(file, &line)) {
		if (line.failed) {
			exit_code = nc_cli_fail(batch->cli, NC_EXIT_FAILED, "out of memory");
		} else if (line.size > NC_CLI_INPUT_MAX) {
			batch->line++;
			exit_code = wrong_line(batch, NC_CLI_INPUT_MAX, "the line's end before");
		} else {
			exit_code = line_take(batch, nc_buf_slice(&line));
		}
	}
	if (exit_code == 0 && ferror(file) != 0 && nc_cli_signal() == 0)
		exit_code = nc_cli_input_fail(batch->cli, batch->name, errno);
	if (exit_code == 0 && nc_cli_signal() == 0)
		exit_code = send(batch);
	nc_buf_release(&line);
	return exit_code != 0 || nc_cli_signal() == 0 ? exit_code : 128 + nc_cli_signal();
}

static int run(struct nc_cli *cli)
{
	struct batch batch = { .cli = cli,
		               .name = nc_cli_word(&cli->args, 0),
		               .key = nc_cli_value(&cli->args, "ids"),
		               .size = nc_cli_number(&cli->args, "size", SIZE) };
	if (batch.size < 1 || batch.size > SIZE_MAX_EVENTS)
		return nc_cli_fail(cli, NC_EXIT_USAGE, "--size: from 1 to %d", SIZE_MAX_EVENTS);
	if (batch.key == NULL && !key_make(batch.made_key))
		return nc_cli_fail(cli, NC_EXIT_FAILED, "no random bytes for ids; say --ids KEY");
	if (batch.key == NULL)
		batch.key = batch.made_key;
	FILE *file = nc_cli_input_open(cli, batch.name);
	if (file == NULL)
		return NC_EXIT_IO;
	int exit_code = nc_cli_connect(cli);
	if (exit_code == 0) {
		nc_cli_signals_catch();
		nc_cli_progress_begin(&batch.progress, cli, "events", 0);
		exit_code = lines_take(&batch, file);
		if (exit_code != 0) {
			say_how_to_go_on(&batch);
		} else {
			double seconds = nc_cli_progress_seconds(&batch.progress);
			nc_cli_progress_clear(&batch.progress);
			nc_cli_note(cli,
			            "%llu events appended (%llu of them were there before), %.0f/s",
			            (unsigned long long)batch.appended,
			            (unsigned long long)batch.known,
			            seconds > 0 ? (double)batch.appended / seconds : 0.0);
		}
	}
	if (file != stdin)
		(void)fclose(file);
	nc_buf_release(&batch.body);
	return exit_code;
}

static const struct nc_cli_option options[] = {
	{ "size", 0, "N", "Events a batch at most, 1 to 1000; 500.", false },
	{ "ids", 0, "KEY",
	  "Lines without an id get KEY-<line>: the same KEY goes on where it ended.", false },
	{ NULL, 0, NULL, NULL, false },
};

static const struct nc_cli_example examples[] = {
	{ "a file", "nacre batch events.jsonl" },
	{ "so that it can be run again, whatever happens",
	  "nacre batch events.jsonl --ids import-1" },
	{ "one event from a pipe",
	  "echo '{\"stream\":\"orders.42\",\"type\":\"OrderPlaced\",\"data\":{\"total\":9}}' | "
	  "nacre batch -" },
	{ NULL, NULL },
};

const struct nc_cli_command nc_cli_batch = {
	.name = "batch",
	.words = "FILE|-",
	.words_min = 1,
	.words_max = 1,
	.summary = "Append events from JSON Lines, many at a time.",
	.details =
	        "Each line is one event: {\"stream\",\"type\",\"data\"}, and if need be \"id\", "
	        "\"expect\", "
	        "\"tags\", \"meta\", \"content_type\", or \"data_base64\" for data that is not "
	        "JSON. --size of "
	        "them go at a time, and each time all or nothing.\n\n"
	        "When it fails or is interrupted it says how to go on: the same once more with the "
	        "same --ids "
	        "and --size, and what is in the store is recognised, not appended again.\n\n"
	        "With --json each event's place is printed: {\"line\",\"stream\",\"seq\",\"pos\"}.",
	.options = options,
	.examples = examples,
	.run = run,
};
