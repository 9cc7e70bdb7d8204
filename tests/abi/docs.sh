#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# docs.sh BUILD PLUGINS.md CHECK-DIR -- do what docs/plugins.md says: its files are written, its commands run.
set -eu
build=$1
page=$2
PATH=$3:$PATH
home=$(mktemp -d)
trap 'rm -rf "$home"' EXIT INT TERM

cmake --install "$build" --component sdk --prefix "$home/sdk" >/dev/null
PATH=$home/sdk/bin:$PATH
mkdir "$home/plugin"
# A fence with a name behind its language is a file; a fence of "sh" is commands.
awk -v home="$home" '
	/^```/ && !inside { inside = 1; file = $2 != "" ? home "/plugin/" $2 : $1 == "```sh" ? home "/commands" : "/dev/null"; next }
	/^```/ { inside = 0; next }
	inside { print > file }
' "$page"
cd "$home/plugin"
CMAKE_PREFIX_PATH=$home/sdk CFLAGS="-Wall -Wextra -Wpedantic -Werror" sh -eux "$home/commands"
