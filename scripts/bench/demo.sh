#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Builds demo.c on the kernel's own test harness, without the series (tag base) and
# with it (branch series), and prints what each does, side by side.
set -eu
. "$(dirname "$0")/common.sh"
need_tree
make_tmp
harness=tools/testing/radix-tree

# build_demo COMMIT FLAGS: $tmp/COMMIT/.../demo
build_demo()
{
	mkdir "$tmp/$1"
	git -C "$tree" archive "$1" tools lib include arch/x86/include scripts | tar -x -C "$tmp/$1"
	cp "$top/scripts/demo.c" "$tmp/$1/$harness"
	# The harness's own flags and objects; demo.o does not say what it depends on.
	# shellcheck disable=SC2016 # for make
	printf 'include Makefile\ndemo: $(SHARED_OFILES) demo.o\ndemo.o: $(SHARED_DEPS)\n' \
		>"$tmp/$1/$harness/demo.mk"
	make -s -j2 -C "$tmp/$1/$harness" -f demo.mk EXTRA_CFLAGS="$2" demo
}

# run_demo COMMIT KIND N: what became of the store
run_demo()
{
	ASAN_OPTIONS=detect_leaks=0 timeout 60 "$tmp/$1/$harness/demo" "$2" "$3" >"$tmp/out" 2>&1 || :
	sed -n -e 's/.*AddressSanitizer: \(heap-use-after-free\).*/\1/p' \
		-e 's/.*AddressSanitizer: SEGV on unknown address \([^ ]*\).*/crash at \1/p' \
		-e 's/.*AddressSanitizer: \([a-z-]*overflow\).*/\1/p' \
		-e '/^BUG at/p; /^WARN at/p; /^stored/p; /^the store/p; /^other/p; /^error/p' \
		"$tmp/out" | grep . || say 'no result'
}

compare()
{
	say
	say 'Ten entries; mas_preallocate(); others store N times; mas_store_prealloc():'
	say
	printf '  %-18s %6s   %-24s %s\n' tree N without with
	kind=0
	for name in regular allocation 'regular, RCU' 'allocation, RCU'; do
		for n in 0 1 50 5000; do
			printf '  %-18s %6s   %-24s %s\n' "$name" $n \
				"$(run_demo base $kind $n | head -n 1)" \
				"$(run_demo series $kind $n | head -n 1)"
		done
		kind=$((kind + 1))
	done
}

step "build the demo without the series" build_demo base -DUNPATCHED
step "build the demo with the series" build_demo series ''
compare
