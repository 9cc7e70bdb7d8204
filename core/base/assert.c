/* SPDX-License-Identifier: Apache-2.0 */
/* What happens when a claim about our own code does not hold. */
#include "core/base/assert.h"

#include <stdio.h>
#include <stdlib.h>

_Noreturn void nc_assert_failed(const char *claim, const char *file, int line)
{
	(void)fprintf(stderr, "%s:%d: claim does not hold: %s\n", file, line, claim);
	abort();
}
