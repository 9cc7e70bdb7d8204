/* SPDX-License-Identifier: GPL-3.0-or-later */
/* nats.c's adapter for libuv: its header defines functions that are not static, so that one file
 * alone may include it. */
#include "transport/nats/bus_loop.h"

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wconversion"
#pragma GCC diagnostic ignored "-Wmissing-prototypes"
#pragma GCC diagnostic ignored "-Wpedantic"
#pragma GCC diagnostic ignored "-Wshadow"
#pragma GCC diagnostic ignored "-Wunused-parameter"
#pragma GCC diagnostic ignored "-Wstrict-prototypes"
#include <nats/adapters/libuv.h>
#pragma GCC diagnostic pop

void nc_bus_loop_thread(uv_loop_t *loop)
{
	natsLibuv_Init();
	natsLibuv_SetThreadLocalLoop(loop);
}

natsStatus nc_bus_loop_set(natsOptions *options, uv_loop_t *loop)
{
	return natsOptions_SetEventLoop(options, loop, natsLibuv_Attach, natsLibuv_Read,
	                                natsLibuv_Write, natsLibuv_Detach);
}
