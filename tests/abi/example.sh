#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# example.sh BUILD EXAMPLES CMAKE CHECK -- the examples build against the installed header alone, export
# one symbol, and pass the conformance program.
set -eu
build=$1
examples=$2
cmake=$3
check=$4
home=$(mktemp -d)
trap 'rm -rf "$home"' EXIT INT TERM

"$cmake" --install "$build" --component sdk --prefix "$home/sdk" >/dev/null
headers=$(cd "$home/sdk/include" && find . -type f)
if [ "$headers" != "./nacre/nacre_filter.h" ]; then
	echo "the SDK installs more headers than one: $headers" >&2
	exit 1
fi

# A copy, so that nothing beside the folder can be found.
cp -r "$examples/by_tag" "$home/by_tag"
"$cmake" -S "$home/by_tag" -B "$home/build" -DCMAKE_PREFIX_PATH="$home/sdk" \
	-DCMAKE_C_FLAGS="-Wall -Wextra -Wpedantic -Wconversion -Wshadow -Werror" >/dev/null
"$cmake" --build "$home/build" >/dev/null

symbols=$(nm -D --defined-only "$home/build/by_tag.so" | awk '$2 == "T" { print $3 }')
if [ "$symbols" != "nacre_filter_plugin_v1" ]; then
	echo "by_tag.so exports: $symbols" >&2
	exit 1
fi
"$check" "$home/build/by_tag.so" '"customer:7"' '["a","b"]' '"x"'
