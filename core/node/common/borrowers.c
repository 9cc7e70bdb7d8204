/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Who uses something that is held for all. */
#include "core/node/common/borrowers.h"

void nc_borrowers_note(struct nc_borrowers *borrowers, uint64_t node, uint64_t now_s)
{
	size_t at = 0, oldest = 0;
	while (at < borrowers->count && borrowers->nodes[at].node != node) {
		if (borrowers->nodes[at].at_s < borrowers->nodes[oldest].at_s)
			oldest = at;
		at++;
	}
	if (at == NC_BORROWERS_MAX) {
		at = oldest;
	} else if (at == borrowers->count) {
		borrowers->count++;
	}
	borrowers->nodes[at].node = node;
	borrowers->nodes[at].at_s = now_s;
}

bool nc_borrowers_below(const struct nc_borrowers *borrowers, uint64_t node, uint64_t now_s,
                        uint64_t idle_s)
{
	for (size_t i = 0; i < borrowers->count; i++) {
		if (borrowers->nodes[i].node < node && now_s - borrowers->nodes[i].at_s <= idle_s)
			return true;
	}
	return false;
}

bool nc_borrowers_leave(struct nc_borrowers *borrowers, uint64_t node, uint64_t now_s,
                        uint64_t idle_s)
{
	size_t kept = 0;
	for (size_t i = 0; i < borrowers->count; i++) {
		if (borrowers->nodes[i].node != node && now_s - borrowers->nodes[i].at_s <= idle_s)
			borrowers->nodes[kept++] = borrowers->nodes[i];
	}
	borrowers->count = kept;
	return kept == 0;
}
