#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# header.sh HEADER-DIR LAYOUT.c -- nacre_filter.h alone, strictly, as every language that may include
# it; a language whose compiler is absent is said and left out, but C.
set -eu
headers=$1
layout=$2
warnings="-Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wundef -Werror"

compile() # what compiler flags...
{
	what=$1
	compiler=$2
	shift 2
	if ! command -v "$compiler" >/dev/null 2>&1; then
		echo "absent: $compiler ($what)"
		return 0
	fi
	# shellcheck disable=SC2086
	"$compiler" "$@" $warnings -I"$headers" -fsyntax-only "$layout"
	echo "ok: $what by $compiler"
}

for cc in gcc clang; do
	compile C99 $cc -std=c99 -Wstrict-prototypes -Wcast-qual
	compile C11 $cc -std=c11 -Wstrict-prototypes -Wcast-qual
done
for cxx in g++ clang++; do
	compile C++11 $cxx -x c++ -std=c++11
	compile C++17 $cxx -x c++ -std=c++17
done
