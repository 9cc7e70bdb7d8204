#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# new.sh BUILD CMAKE CTEST -- what nacre-plugin-new writes builds, tests and checks itself; what is there is not
# written over, and bad names are refused.
set -eu
build=$1
cmake=$2
ctest=$3
home=$(mktemp -d)
trap 'rm -rf "$home"' EXIT INT TERM

"$cmake" --install "$build" --component sdk --prefix "$home/sdk" >/dev/null
cd "$home"
sdk/bin/nacre-plugin-new my_filter
"$cmake" -S my_filter -B my_filter/build -DCMAKE_PREFIX_PATH="$home/sdk" -DCMAKE_C_FLAGS="-Wall -Wextra -Wpedantic -Werror" >/dev/null
"$cmake" --build my_filter/build >/dev/null
"$ctest" --test-dir my_filter/build --output-on-failure
if sdk/bin/nacre-plugin-new my_filter 2>said; then
	echo "it wrote over what was there" >&2
	exit 1
fi
grep -q "not empty" said
for bad in "" 9a a-b "a b" ../x; do
	if sdk/bin/nacre-plugin-new "$bad" 2>said; then
		echo "it took the name '$bad'" >&2
		exit 1
	fi
	grep -q usage said
done
