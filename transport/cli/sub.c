/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the commands of subscriptions share. */
#include "transport/cli/sub.h"

#include <stdio.h>
#include <string.h>

#include "transport/cli/event.h"
#include "transport/cli/json.h"
#include "transport/cli/say.h"

int nc_cli_sub_subject(const struct nc_cli *cli, const char *verb, char *to, size_t size)
{
	static const char allowed[] =
	        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-";
	const char *name = nc_cli_word(&cli->args, 0);
	size_t have = strlen(name);
	if (have == 0 || have > 64 || strspn(name, allowed) != have) {
		return nc_cli_fail(cli, NC_EXIT_USAGE,
		                   "'%.70s': a name has 1 to 64 of A-Z a-z 0-9 _ -", name);
	}
	(void)snprintf(to, size, "%s.%s", verb, name);
	return 0;
}

void nc_cli_show_delivery(const struct nc_cli *cli, const struct nacre_delivery *delivery)
{
	struct nc_buf more = { 0 };
	char note[48] = "";
	if (cli->json && delivery->reply[0] != '\0') {
		nc_buf_printf(&more, ",\"attempt\":%u", delivery->attempt);
		if (delivery->pending_known) {
			nc_buf_printf(&more, ",\"pending\":%llu",
			              (unsigned long long)delivery->pending);
		}
		nc_buf_put_str(&more, ",\"reply\":");
		nc_json_put_string(&more, nc_slice_str(delivery->reply));
	}
	nc_buf_put_u8(&more, 0);
	if (delivery->attempt > 1)
		(void)snprintf(note, sizeof note, "(attempt %u)", delivery->attempt);
	nc_cli_show_event(cli, delivery->event,
	                  nc_buf_status(&more) == NC_OK ? (char *)more.data : "", note);
	nc_buf_release(&more);
}
