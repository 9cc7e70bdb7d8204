/* SPDX-License-Identifier: GPL-3.0-or-later */
/* quarantine.h -- data that do not hold are set aside, and the node comes back as another one
 * (decision 0051). Term and vote may be lost with them, so it must not be who it was: it gets
 * a new number, the leader removes the old one, takes the new one up as a learner, and it votes
 * when it is whole again.
 *
 * Only a node that has others does so. One that is alone says what is damaged and stops: there is
 * nobody to be made whole by.
 *
 *   <data dir>/damaged       a line that says why: what is here must not be used any more
 *   <data dir>/quarantine/   what was set aside, for people; the next one takes its place
 *
 * A node with a quarantine and without a cluster waits to be taken up, and founds none: else three
 * damaged nodes would quietly become an empty store.
 *
 * Threads: the loop's, or before there are others. Errors: NC_OK or a negative enum nc_err.
 */
#ifndef NC_CORE_NODE_DATA_QUARANTINE_H
#define NC_CORE_NODE_DATA_QUARANTINE_H

#include <stdbool.h>
#include <stddef.h>

/* Whether the directory belongs to a member of a cluster with other members. */
bool nc_quarantine_helps(const char *data_dir);

/* Mark the data as damaged: the next start sets them aside. Errors: NC_IO, NC_FULL. */
int nc_quarantine_mark(const char *data_dir, const char *why);

/* Whether the data are marked, or setting them aside was interrupted; `why` gets the reason. */
bool nc_quarantine_due(const char *data_dir, char *why, size_t why_size);

/* Set the data aside. If it is interrupted, the next start goes on. No nc_store may be open.
 * Errors: NC_BUSY, another process has the directory; NC_IO, NC_FULL. */
int nc_quarantine_do(const char *data_dir);

/* Whether something was set aside here. */
bool nc_quarantine_holds(const char *data_dir);

/* Remove what was set aside, to make room; nc_quarantine_holds() stays true. Errors: NC_IO. */
int nc_quarantine_remove(const char *data_dir);

#endif
