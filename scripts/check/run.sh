#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# run.sh NAME COMMAND...: runs one test of Makefile, with its output in build/log/NAME.log, and
# keeps build/check/stamp/NAME if it has passed. NOT=PATTERN: no line of that may be in its output.
set -eu
. "$(dirname "$0")/../common.sh"
name=$1; shift
check=$build/check log=$build/log/$name.log

# One write for each message, since two tests write at the same time.
say "$name" >>"$check/started"
last=$(cut -d ' ' -f 1 "$check/time/$name" 2>/dev/null) || last=
n=$(grep -nxF -e "$name" "$check/started" | cut -d : -f 1)
say "[$n/$(wc -l <"$check/plan")] $name${last:+: $last s the last time}"

rm -f "$check/stamp/$name"
rc=0 start=$(date +%s)
"$@" >"$log" 2>&1 </dev/null || rc=$?
wrong=$(grep -aE -e "${NOT:-^not ok - }" "$log") && rc="$rc, but it has said what it must not"
seconds=$(($(date +%s) - start))
# And what the children of this shell have used of a CPU.
times >"$check/time/$name.new"
awk -F '[ms ]' -v s=$seconds 'NR == 2 { printf "%d %d\n", s, $1 * 60 + $2 + $4 * 60 + $5 }' \
	"$check/time/$name.new" >"$check/time/$name"
rm "$check/time/$name.new"
if [ "$rc" != 0 ]; then
	say "not ok - $name ($seconds s, exit status $rc)
$({ say "$wrong"; tail -n 20 "$log"; } | sed 's/^/    /')
    All of it: ${log#"$top"/}"
	exit 1
fi
say "ok - $name ($seconds s)"
say "$name" >"$check/stamp/$name"
