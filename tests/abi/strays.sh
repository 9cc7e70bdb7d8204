#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# strays.sh SAYS CHECK PLUGIN.so ARGUMENT... -- the conformance program fails the plugin, says why, and leaves no process of it behind.
# Each process that comes of the check has our mark in its environment, whatever else it has let go of.
set -eu
says=$1
shift
mark=nctest-$$-$(od -An -N8 -tx1 /dev/urandom | tr -d ' \n')
said=$(mktemp)
marked() { # the ids of those that have it and have not ended
	grep -lsz "^NCTEST_MARK=$mark\$" /proc/[0-9]*/environ | sed 's,^/proc/,,;s,/environ$,,' || true
}
clean() {
	rm -f "$said"
	for left in $(marked); do
		kill -9 "$left" 2>/dev/null || true
	done
}
trap clean EXIT

# The search itself finds who has the mark.
NCTEST_MARK=$mark sleep 60 &
known=$!
tries=0
until [ "$(marked)" = "$known" ]; do
	tries=$((tries + 1))
	[ "$tries" -lt 100 ] || { echo "the search finds '$(marked)', not $known" >&2; exit 1; }
	sleep 0.05
done
kill -9 "$known"
wait "$known" 2>/dev/null || true

code=0
NCTEST_MARK=$mark "$@" >"$said" 2>&1 </dev/null || code=$?
left=$(marked)
cat "$said"
[ "$code" -eq 1 ] || { echo "it exits with $code" >&2; exit 1; }
[ -z "$left" ] || { echo "left behind: $left" >&2; exit 1; }
grep -Eq "$says" "$said"
