/* SPDX-License-Identifier: GPL-3.0-or-later */
/* commands.h -- the commands, each described and done in a file of its name. */
#ifndef NC_TRANSPORT_CLI_COMMANDS_H
#define NC_TRANSPORT_CLI_COMMANDS_H

#include "transport/cli/command.h"

extern const struct nc_cli_command nc_cli_append, nc_cli_batch, nc_cli_read, nc_cli_get,
        nc_cli_query, nc_cli_tail, nc_cli_info, nc_cli_health, nc_cli_request, nc_cli_sub_create,
        nc_cli_sub_update, nc_cli_sub_delete, nc_cli_sub_ls, nc_cli_sub_info, nc_cli_sub_pause,
        nc_cli_sub_resume, nc_cli_sub_seek, nc_cli_sub_next, nc_cli_sub_ack, nc_cli_sub_watch,
        nc_cli_sub_run, nc_cli_sub_parked, nc_cli_sub_replay, nc_cli_sub_explain, nc_cli_snap_put,
        nc_cli_snap_get, nc_cli_snap_ls, nc_cli_snap_rm, nc_cli_load, nc_cli_stream_info,
        nc_cli_stream_ls, nc_cli_stream_delete, nc_cli_stream_meta, nc_cli_stats,
        nc_cli_filter_test, nc_cli_plugin_ls, nc_cli_cluster_status, nc_cli_cluster_transfer,
        nc_cli_cluster_remove, nc_cli_cluster_promote, nc_cli_cluster_drain, nc_cli_cluster_join,
        nc_cli_cluster_recover, nc_cli_completion, nc_cli_verify, nc_cli_backup, nc_cli_restore,
        nc_cli_bench_append, nc_cli_bench_latency, nc_cli_bench_batch, nc_cli_bench_read,
        nc_cli_bench_sub, nc_cli_bench_mixed, nc_cli_manual;

#endif
