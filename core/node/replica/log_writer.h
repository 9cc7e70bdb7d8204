/* SPDX-License-Identifier: GPL-3.0-or-later */
/* log_writer.h -- the stage that makes entries durable: one write and one fdatasync for all that
 * has come in meanwhile, hard state included. It also compacts, since the log has one writer.
 *
 * An entry comes out with err NC_OK, durable; NC_FULL, not written: no room; NC_IO, the log is
 * broken: stop the node. After a NC_FULL, entries that do not follow the log's last come out with
 * NC_FULL too, until the loop has taken all of them back and proposes anew.
 *
 * One that is marked (entry.at_once) and alone in its write is applied in the same go: prepared
 * while the disk is at work, committed when it is durable. Then it comes out applied. The loop
 * marks one only while the applier has nothing (decision 0133).
 */
#ifndef NC_CORE_NODE_REPLICA_LOG_WRITER_H
#define NC_CORE_NODE_REPLICA_LOG_WRITER_H

#include "core/node/replica/applier.h"

struct nc_log_writer;

/* `wake` as in stage.h. Log and applier are borrowed. Errors: as nc_stage_start(). */
int nc_log_writer_start(struct nc_log *log, struct nc_applier *applier,
                        void (*wake)(void *wake_ctx), void *wake_ctx,
                        struct nc_log_writer **writer_out);
struct nc_stage *nc_log_writer_stage(struct nc_log_writer *writer);
void nc_log_writer_stop(struct nc_log_writer *writer); /* NULL is a no-op */

#endif
