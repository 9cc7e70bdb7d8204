/* SPDX-License-Identifier: Apache-2.0 */
/* unconst.h -- a pointer without its const: for the free() of what is const to everybody else, and
 * for interfaces that take a void pointer for either. What was defined const stays unwritten.
 */
#ifndef NC_CORE_BASE_UNCONST_H
#define NC_CORE_BASE_UNCONST_H

static inline void *nc_unconst(const void *pointer)
{
	union {
		const void *given;
		void *taken;
	} either = { .given = pointer };
	return either.taken;
}

#endif
