#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Builds demo.c on the kernel's own test harness, without the series (tag base) and with it (branch
# series), and prints what becomes of the store, side by side.
set -eu
. "$(dirname "$0")/../common.sh"
need_tree
make_tmp

# demo COMMIT KIND N
demo()
{
	(cd "$tmp/$1/tools/testing/radix-tree" &&
		ASAN_OPTIONS=detect_leaks=0 timeout --foreground 60 ./demo "$2" "$3") >"$tmp/out" 2>&1 || :
	sed -nE -e 's/.*AddressSanitizer: (heap-use-after-free|[a-z-]*overflow).*/\1/p' \
		-e 's/.*AddressSanitizer: SEGV on unknown address ([^ ]*).*/crash at \1/p' \
		-e '/^(BUG at|WARN at|stored|the store|other|error)/p' "$tmp/out" | grep -m 1 . || say 'no result'
}

say '== build the demo without and with the series'
radix_tree base "$tmp/base"
radix_tree series "$tmp/series"
mk="make -s -j$(nproc) -f $top/scripts/bench/harness.mk"
$mk -C "$tmp/base/tools/testing/radix-tree" EXTRA_CFLAGS=-DUNPATCHED demo
$mk -C "$tmp/series/tools/testing/radix-tree" demo

say '
Ten entries; mas_preallocate(); others store N times; mas_store_prealloc():
'
printf '  %-18s %6s   %-24s %s\n' tree N without with
kind=0
for name in regular allocation 'regular, RCU' 'allocation, RCU'; do
	for n in 0 1 50 5000; do
		printf '  %-18s %6s   %-24s %s\n' "$name" $n "$(demo base $kind $n)" "$(demo series $kind $n)"
	done
	kind=$((kind + 1))
done
