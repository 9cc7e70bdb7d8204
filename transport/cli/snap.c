/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A snapshot on the standard output. */
#include "transport/cli/snap.h"

#include <stdio.h>

#include "transport/cli/event.h"
#include "transport/cli/json.h"
#include "transport/cli/say.h"
#include "transport/cli/text.h"

static void show_json(const struct nacre_snapshot *snapshot)
{
	struct nc_buf line = { 0 };
	nc_buf_put_str(&line, "{\"stream\":");
	nc_json_put_string(&line, nc_slice_str(snapshot->stream));
	nc_buf_printf(&line, ",\"seq\":%llu,\"snapshot\":true,\"time\":",
	              (unsigned long long)snapshot->seq);
	nc_json_put_string(&line, nc_slice_str(snapshot->time));
	if (snapshot->content_type[0] != '\0') {
		nc_buf_put_str(&line, ",\"content_type\":");
		nc_json_put_string(&line, nc_slice_str(snapshot->content_type));
	}
	if (snapshot->meta_count > 0)
		nc_cli_meta_json(&line, snapshot->meta, snapshot->meta_count);
	nc_cli_data_json(&line, nc_slice(snapshot->data, snapshot->size));
	nc_buf_put_str(&line, "}\n");
	if (nc_buf_status(&line) == NC_OK) {
		(void)fwrite(line.data, 1, line.size, stdout);
	} else {
		(void)fputs("nacre: out of memory: a snapshot is not shown\n", stderr);
	}
	nc_buf_release(&line);
}

void nc_cli_show_snap(const struct nc_cli *cli, const struct nacre_snapshot *snapshot)
{
	if (nc_cli_has(&cli->args, "data")) {
		(void)fwrite(snapshot->data, 1, snapshot->size, stdout);
		return;
	}
	if (cli->json) {
		show_json(snapshot);
		return;
	}
	(void)fputs(nc_cli_colour(cli, NC_CYAN), stdout);
	nc_cli_put_clean(stdout, nc_slice_str(snapshot->stream));
	(void)printf("%s@%llu  %ssnapshot%s  ", nc_cli_colour(cli, NC_PLAIN),
	             (unsigned long long)snapshot->seq, nc_cli_colour(cli, NC_BOLD),
	             nc_cli_colour(cli, NC_PLAIN));
	nc_cli_put_time(cli, snapshot->time);
	(void)fputs("  ", stdout);
	nc_cli_put_clean(stdout, nc_slice(snapshot->data, snapshot->size));
	(void)putchar('\n');
}

void nc_cli_show_snap_before(const struct nc_cli *cli, const struct nacre_snapshot *snapshot)
{
	nc_cli_show_snap(cli, snapshot);
	if (nc_cli_has(&cli->args, "data"))
		(void)putchar('\n');
}
