#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# check.sh [all]: runs the tests, with `all' also those that take too long for every day, and
# counts their lines `ok - NAME', `not ok - NAME', `skip - NAME: why'. The last line is the
# result; the status is 0 if tests have passed and none failed. Logs are in build/log/.
set -eu
. "$(dirname "$0")/common.sh"
case ${1-} in
''|all) all=${1-} ;;
*) die "unknown argument $1" ;;
esac
make_tmp
: >"$tmp/all"
mkdir -p "$build/log"
rm -f "$build/log/result"
start=$(now)

# check SCRIPT ARGUMENT...: one that stops on its way has failed, and so has one that
# tests nothing. The others still run.
check()
{
	script=$1; shift
	{
		rc=0
		"$top/scripts/$script" "$@" 2>&1 || rc=$?
		say $rc >"$tmp/rc"
	} | tee "$tmp/out"
	rc=$(cat "$tmp/rc")
	if [ "$rc" -ne 0 ]; then
		say "not ok - $script (stopped with status $rc)" | tee -a "$tmp/out"
	elif ! grep -qE '^(ok|not ok|skip) - ' "$tmp/out"; then
		say "not ok - $script (ran no test)" | tee -a "$tmp/out"
	fi
	cat "$tmp/out" >>"$tmp/all"
}

for c in scripts export tree mbox; do
	check check-$c.sh
done
# shellcheck disable=SC2086 # no argument when it is empty
check check-patches.sh $all
if [ "$all" ]; then
	check check-kunit.sh
	check check-tags.sh
	check check-kernel.sh stress misuse boot kcsan rt
	check mutants.sh
else
	check check-kunit.sh debug
	check check-kernel.sh stress
fi

passed=$(grep -c '^ok - ' "$tmp/all") || :
failed=$(grep -c '^not ok - ' "$tmp/all") || :
skipped=$(grep -c '^skip - ' "$tmp/all") || :
if [ "$failed" -gt 0 ]; then
	say "What failed:"
	grep '^not ok - ' "$tmp/all"
fi
say "All of it took $(($(now) - start)) s."
result="$passed passed, $failed failed"
[ "$skipped" -eq 0 ] || result="$result, $skipped skipped"
say "$result" | tee "$build/log/result"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
