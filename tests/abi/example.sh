#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# example.sh BUILD EXAMPLES CMAKE NAME SELECTOR... -- an example builds against the installed header alone,
# exports one symbol, and passes the installed conformance program.
set -eu
build=$1
examples=$2
cmake=$3
name=$4
shift 4
home=$(mktemp -d)
trap 'rm -rf "$home"' EXIT INT TERM

"$cmake" --install "$build" --component sdk --prefix "$home/sdk" >/dev/null
headers=$(cd "$home/sdk/include" && find . -type f)
if [ "$headers" != "./nacre/nacre_filter.h" ]; then
	echo "the SDK installs more headers than one: $headers" >&2
	exit 1
fi

# A copy, so that nothing beside the folder can be found.
cp -r "$examples/$name" "$home/$name"
"$cmake" -S "$home/$name" -B "$home/build" -DCMAKE_PREFIX_PATH="$home/sdk" \
	-DCMAKE_C_FLAGS="-Wall -Wextra -Wpedantic -Wconversion -Wshadow -Werror" >/dev/null
"$cmake" --build "$home/build" >/dev/null

symbols=$(nm -D --defined-only "$home/build/$name.so" | awk '$2 == "T" { print $3 }')
if [ "$symbols" != "nacre_filter_plugin_v1" ]; then
	echo "$name.so exports: $symbols" >&2
	exit 1
fi
"$home/sdk/bin/nacre-plugin-check" "$home/build/$name.so" "$@"
