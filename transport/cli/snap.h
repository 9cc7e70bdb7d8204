/* SPDX-License-Identifier: GPL-3.0-or-later */
/* snap.h -- a snapshot on the standard output.
 *
 * For people one line: "orders.42@3  snapshot  2026-11-25T20:46:09.123Z  {"total":9}". --data: the
 * bytes alone. --json: one object: stream, seq, "snapshot":true, time, content_type, meta, and
 * data, or data_base64 if it is no JSON.
 */
#ifndef NC_TRANSPORT_CLI_SNAP_H
#define NC_TRANSPORT_CLI_SNAP_H

#include "transport/cli/cli.h"

void nc_cli_show_snap(const struct nc_cli *cli, const struct nacre_snapshot *snapshot);
/* The same, with a line's end behind the bytes of --data too, because events follow. */
void nc_cli_show_snap_before(const struct nc_cli *cli, const struct nacre_snapshot *snapshot);

#endif
