/* SPDX-License-Identifier: GPL-3.0-or-later */
/* expect.h -- what a client expects of a stream before it appends (PROTOCOL.md section 3). */
#ifndef NC_CORE_ENGINE_EXPECT_H
#define NC_CORE_ENGINE_EXPECT_H

#include "core/base/buf.h"

enum nc_expect_kind {
	NC_EXPECT_ANY = 0,
	NC_EXPECT_NONE = 1,   /* the stream must not exist */
	NC_EXPECT_EXISTS = 2, /* it must */
	NC_EXPECT_VERSION = 3 /* it must be at `version` */
};

struct nc_expect {
	enum nc_expect_kind kind;
	uint64_t version; /* of NC_EXPECT_VERSION; 0 is the same as NONE */
};

#endif
