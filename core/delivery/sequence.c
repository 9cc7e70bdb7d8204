/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Commands of owners, each after the one before. */
#include "core/delivery/sequence.h"

#include <stddef.h>

#include "core/delivery/mutants_private.h"

/* The sender's place, or one of an earlier term, which is free. NULL: there are more nodes than
 * there can be. */
static struct nc_sequence_at *place_of(struct nc_sequence *sequence,
                                       const struct nc_sequence_at *command)
{
	struct nc_sequence_at *place = NULL;
	for (size_t i = 0; i < NC_SEQUENCE_NODES_MAX; i++) {
		struct nc_sequence_at *at = &sequence->at[i];
		if (at->from == command->from)
			return at;
		if (place == NULL && (at->from == 0 || at->term < command->term))
			place = at;
	}
	return place;
}

bool nc_sequence_take(struct nc_sequence *sequence, struct nc_sequence_at command)
{
	struct nc_sequence_at *place = place_of(sequence, &command);
	if (place == NULL)
		return false;
	bool same = place->from == command.from && place->term == command.term;
	bool later = command.boot > place->boot ||
	             (command.boot == place->boot && command.number > place->number);
	if (same && !later && !NC_DELIVERY_MUTANT(COMMANDS_OUT_OF_ORDER))
		return false;
	*place = command;
	return true;
}
