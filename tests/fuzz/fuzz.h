/* SPDX-License-Identifier: GPL-3.0-or-later */
/* fuzz.h -- what every target defines. A finding is an abort, or what a sanitizer says. */
#ifndef NC_TESTS_FUZZ_FUZZ_H
#define NC_TESTS_FUZZ_FUZZ_H

#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size);

#endif
