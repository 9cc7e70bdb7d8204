#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# symbols.sh PLUGIN.so... -- each exports nothing but the one symbol of the ABI.
set -eu
for plugin in "$@"; do
	symbols=$(nm -D --defined-only "$plugin" | awk '{ print $3 }')
	if [ "$symbols" != "nacre_filter_plugin_v1" ]; then
		echo "$plugin exports: $symbols" >&2
		exit 1
	fi
done
