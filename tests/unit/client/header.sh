#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# header.sh HEADER-DIR HEADER.c -- nacre.h alone, strictly, as every language that may include it; a compiler that is
# absent is said and left out, but cc.
set -eu
warnings="-Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wundef -Wcast-qual -Werror"
try() { # try WHAT COMPILER FLAG...
	what=$1
	shift
	if ! command -v "$1" >/dev/null 2>&1; then
		echo "absent: $1 ($what)"
		return 0
	fi
	# shellcheck disable=SC2086
	"$@" $warnings -I"$headers" -fsyntax-only "$program"
	echo "ok: $what by $1"
}
headers=$1
program=$2
cc -std=c99 -pedantic-errors -Wstrict-prototypes -I"$headers" -fsyntax-only "$program"
for compiler in gcc clang; do
	for standard in c99 c11 c17; do
		try $standard $compiler -std=$standard -pedantic-errors -Wstrict-prototypes
	done
done
for compiler in g++ clang++; do
	for standard in c++11 c++17; do
		try $standard $compiler -x c++ -std=$standard -pedantic-errors
	done
done
