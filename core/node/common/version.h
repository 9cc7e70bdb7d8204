/* SPDX-License-Identifier: GPL-3.0-or-later */
/* version.h -- the version of this build, as CMake knows it. */
#ifndef NC_CORE_NODE_COMMON_VERSION_H
#define NC_CORE_NODE_COMMON_VERSION_H

#ifndef NC_VERSION
#error "NC_VERSION is defined by the build"
#endif

#endif
