#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# run.sh NAME [-t] COMMAND...: runs one test of Makefile, with its output in
# build/log/NAME.log, and keeps build/check/stamp/NAME if it has passed. With -t, COMMAND
# reports tests of its own, as `ok - NAME' and `not ok - NAME': there must be one at least,
# and none that is `not ok'.
set -eu
. "$(dirname "$0")/../common.sh"
name=$1 tap=; shift
[ "$1" != -t ] || { tap=1; shift; }
check=$build/check log=$build/log/$name.log

# One write for each message, since two tests write at the same time.
say "$name" >>"$check/started"
last=$(cut -d ' ' -f 1 "$check/time/$name" 2>/dev/null) || last=
n=$(grep -nxF -e "$name" "$check/started" | cut -d : -f 1)
say "[$n/$(wc -l <"$check/plan")] $name${last:+: $last s the last time}"

rm -f "$check/stamp/$name"
rc=0 start=$(now)
"$@" >"$log" 2>&1 </dev/null || rc=$?
seconds=$(($(now) - start))
if [ "$rc" -eq 0 ] && [ "$tap" ]; then
	grep -q '^ok - ' "$log" || { rc=1; say "It has run no test." >>"$log"; }
	! grep -q '^not ok - ' "$log" || rc=1
fi
# And what the children of this shell have used of a CPU.
times >"$check/time/$name.new"
awk -F '[ms ]' -v s=$seconds 'NR == 2 { printf "%d %d\n", s, $1 * 60 + $2 + $4 * 60 + $5 }' \
	"$check/time/$name.new" >"$check/time/$name"
rm "$check/time/$name.new"
if [ "$rc" -ne 0 ]; then
	say "not ok - $name ($seconds s, exit status $rc)
$({ [ -z "$tap" ] || grep '^not ok - ' "$log"; tail -n 20 "$log"; } | sed 's/^/    /')
    All of it: ${log#"$top"/}"
	exit 1
fi
say "ok - $name ($seconds s)"
say "$name" >"$check/stamp/$name"
