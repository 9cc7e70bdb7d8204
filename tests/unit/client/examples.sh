#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-3.0-or-later
# examples.sh URL FOLDER -- run the programs of transport/client/examples, built in FOLDER, and hold what they print
# against what they should.
set -uo pipefail
url=$1
at=$2
failed=0
expect() { # expect NAME WANTED COMMAND...
	local name=$1 wanted=$2 said
	shift 2
	said=$("$@" 2>&1)
	if [ "$said" = "$wanted" ]; then
		echo "$name: ok"
	else
		printf '%s: FAILED\nwanted: %s\nsaid: %s\n' "$name" "$wanted" "$said"
		failed=1
	fi
}

expect "append" 'paid
somebody came in between: wrong last sequence: 2
measured 5000 times
orders.42@1 OrderPlaced {"total":9}
orders.42@2 OrderPaid {"by":"card"}' "$at/append" "$url"

expect "booking, the first" "booked 12A" "$at/booking" "$url" 12A 7
expect "booking, the second of the same seat" "already taken: 12A" "$at/booking" "$url" 12A 8
expect "booking, another seat" "booked 12B" "$at/booking" "$url" 12B 8
race() { # of ten at once one wins
	local customer
	for customer in 1 2 3 4 5 6 7 8 9 10; do "$at/booking" "$url" 13C "$customer" | grep -v faster & done | sort
	wait
}
expect "booking, ten at once" "$(for _ in 1 2 3 4 5 6 7 8 9; do echo 'already taken: 13C'; done && echo 'booked 13C')" race

expect "consumer" 'orders.42@1, attempt 1: billed' "$at/consumer" "$url" 1
expect "exactly_once" "shipped 1" "$at/exactly_once" "$url" 1
exit $failed
