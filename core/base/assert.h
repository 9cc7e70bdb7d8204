/* SPDX-License-Identifier: Apache-2.0 */
/* assert.h -- claims about our own code, always compiled in, release too. For what cannot happen;
 * what others can cause is an error code. A claim that fails prints itself and aborts.
 */
#ifndef NC_CORE_BASE_ASSERT_H
#define NC_CORE_BASE_ASSERT_H

_Noreturn void nc_assert_failed(const char *claim, const char *file, int line);

#define nc_assert(claim) ((claim) ? (void)0 : nc_assert_failed(#claim, __FILE__, __LINE__))

#endif
