#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# demo.sh WITHOUT WITH: compares the results of demo.c, built without the series and with it.
set -eu
. "$(dirname "$0")/../common.sh"
make_tmp

# demo PROGRAM KIND N: prints its result
demo()
{
	ASAN_OPTIONS=detect_leaks=0 timeout --foreground 60 "./$1" "$2" "$3" >"$tmp/out" 2>&1 || :
	sed -nE -e 's/.*AddressSanitizer: (heap-use-after-free|[a-z-]*overflow).*/\1/p' \
		-e 's/.*AddressSanitizer: SEGV on unknown address ([^ ]*).*/crash at \1/p' \
		-e '/^(BUG at|WARN at|stored|the store|other|error)/p' "$tmp/out" | grep -m 1 . || say 'no result'
}

printf '\n%s\n\n' 'A tree of ten entries; mas_preallocate(); then N other stores; then mas_store_prealloc():'
printf '  %-18s %6s   %-24s %s\n' tree N without with
kind=0
for name in regular allocation 'regular, RCU' 'allocation, RCU'; do
	for n in 0 1 50 5000; do
		printf '  %-18s %6s   %-24s %s\n' "$name" $n "$(demo "$1" $kind $n)" "$(demo "$2" $kind $n)"
	done
	kind=$((kind + 1))
done
