#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# run.sh NAME COMMAND...: runs a test of Makefile, writes its output to build/log/NAME.log, and makes
# build/check/stamp/NAME if it passes. NOT=PATTERN: it fails if a line of the output matches PATTERN.
set -eu
. "$(dirname "$0")/../common.sh"
name=$1; shift
check=$build/check log=$build/log/$name.log

# Write each message in one go, since several tests write at the same time.
say "$name" >>"$check/started"
last=$(cut -d ' ' -f 1 "$check/time/$name" 2>/dev/null) || last=
n=$(grep -nxF -e "$name" "$check/started" | cut -d : -f 1)
say "[$n/$(wc -l <"$check/plan")] $name${last:+ (took $last s last time)}"

rm -f "$check/stamp/$name"
say "$name" >"$check/stamp/$name.new"	# as old as the start: a source may change during the test
rc=0 start=$(date +%s)
"$@" >"$log" 2>&1 </dev/null || rc=$?
wrong=$(grep -aE -e "${NOT:-^not ok - }" "$log") && rc="$rc, but its output has errors"
seconds=$(($(date +%s) - start))
# Keep the time that it took, and the CPU time of this shell's children.
times >"$check/time/$name.times"
awk -F '[ms ]' -v s=$seconds 'NR == 2 { printf "%d %d\n", s, $1 * 60 + $2 + $4 * 60 + $5 }' \
	"$check/time/$name.times" >"$check/time/$name"
if [ "$rc" != 0 ]; then
	say "not ok - $name ($seconds s, exit status $rc)
$({ say "$wrong"; tail -n 20 "$log"; } | sed 's/^/    /')
    Full output: ${log#"$top"/}"
	exit 1
fi
say "ok - $name ($seconds s)"
mv "$check/stamp/$name.new" "$check/stamp/$name"
