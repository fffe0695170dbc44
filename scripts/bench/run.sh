#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# run.sh FILE NAME ROUND KERNEL PARAMETER...: boots KERNEL and writes its results to FILE.
set -eu
. "$(dirname "$0")/../common.sh"
file=$1 name=$2 round=$3 kernel=$4; shift 4
make_tmp
say "   round $round: $name"
# Shorten RCU grace periods to a tick or two. Run on one CPU, since UML and its processes only
# wait for each other.
TMPDIR=/dev/shm timeout --foreground 300 taskset -c "$(($(nproc) - 1))" "$kernel" mem=768M uml_dir="$tmp" loglevel=8 \
	rcutree.jiffies_till_first_fqs=0 rcutree.jiffies_till_next_fqs=0 "$@" >"$tmp/log" 2>&1 </dev/null || :
tr -d '\r' <"$tmp/log" >"$file.log"
grep -aq 'BENCH done' "$file.log" || die "kernel $name did not finish, see $file.log"
! grep -aE 'BENCH failed|BUG[: ]|WARNING[: ]|Oops|Kernel panic' "$file.log" || die "kernel $name failed, see $file.log"
sed -n "s,^.*BENCH \([^ ]*=.*\),kernel=$name round=$round \1,p" "$file.log" >"$tmp/results"
rm "$file.log"
mv "$tmp/results" "$file"
