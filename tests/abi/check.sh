#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# check.sh SAYS CHECK PLUGIN.so ARGUMENT... -- the conformance program fails the plugin, and says why.
set -eu
says=$1
shift
if said=$("$@" 2>&1); then
	echo "it passes: $said" >&2
	exit 1
fi
echo "$said"
echo "$said" | grep -Eq "$says"
