#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-3.0-or-later
# counts.sh -- tests/unit/run on made programs: each way to fail is counted as one and shown by name, what passes is counted exactly,
# and no program's lines are taken for another's, however they run at once.
set -euo pipefail
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
said=$place/said
faults=0
wrong() {
	echo "ERROR: $*; but:"
	cat "$said"
	faults=$((faults + 1))
}
says() { # says LINE
	grep -qxF -- "$1" "$said" || wrong "never said: $1"
}

cat >"$place/CTestTestfile.cmake" <<'made'
set(synthesis "[====] Synthesis: Tested:")
add_test(three_pass echo "${synthesis} 3 | Passing: 3 | Failing: 0 | Crashing: 0 ")
add_test(two_of_five_fail sh -c "echo 'a.c:7: Assertion failed'; printf '${synthesis} 5 | Passing: 3 | Failing: 1 | Crashing: 1 '; exit 1")
add_test(leaks_behind sh -c "echo '${synthesis} 2 | Passing: 2 | Failing: 0 | Crashing: 0 '; echo 'ERROR: leaked'; exit 1")
add_test(tries_nothing echo "${synthesis} 0 | Passing: 0 | Failing: 0 | Crashing: 0 ")
add_test(passes true)
add_test(fails sh -c "echo 'what it said last'; exit 3")
add_test(tells_of_others sh -c "echo ' 1/9 Test #1: three_pass ...   Passed    0.01 sec'; exit 1")
add_test(hangs sleep 60)
set_tests_properties(hangs PROPERTIES TIMEOUT 1)
add_test(dies sh -c "kill -SEGV $$")
add_test(is_absent /nonexistent/program)
add_test(comes_after_a_while sh -c "sleep 0.3; echo '${synthesis} 4 | Passing: 4 | Failing: 0 | Crashing: 0 '")
made
tests=$(dirname "$0")
if "$tests/run" "$place" >"$said" 2>&1; then wrong "it ended well"; fi
says "three_pass                   3 passed, 0 failed"
says "two_of_five_fail             3 passed, 2 failed"
says "a.c:7: Assertion failed"
says "leaks_behind                 2 passed, 1 failed"
says "ERROR: leaked"
says "tries_nothing                0 passed, 1 failed"
says "passes                       1 passed, 0 failed"
says "fails                        0 passed, 1 failed"
says "what it said last"
says "tells_of_others              0 passed, 1 failed"
says "hangs                        0 passed, 1 failed"
says "hangs: Timeout"
says "dies                         0 passed, 1 failed"
says "is_absent                    0 passed, 1 failed"
says "comes_after_a_while          4 passed, 0 failed"
says "RESULT 13 9 0"

# One that ends ctest itself: nobody knows how it or those behind it would have fared.
cat >"$place/CTestTestfile.cmake" <<'made'
add_test(passes true)
add_test(ends_ctest sh -c "kill -KILL $PPID")
set_tests_properties(ends_ctest PROPERTIES DEPENDS passes)
made
if "$tests/run" "$place" >"$said" 2>&1; then wrong "it ended well"; fi
says "ends_ctest: has not been run"
says "RESULT 1 1 0"

rm "$place/CTestTestfile.cmake"
if "$tests/run" "$place" >"$said" 2>&1; then wrong "it ended well"; fi
says "RESULT 0 1 0"
exit $((faults > 0))
