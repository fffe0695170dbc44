#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Measures what the series costs and gains. Prints tables, and writes them to bench/*.txt,
# and plots to bench/*.svg. The parts, all of which are measured unless some are named:
#
#	stores		ns per store, pending reservations, memory (scripts/bench/maple_bench.c)
#	vma		what a user of VMAs sees (scripts/bench/vma_*.c)
#	users		the two users who asked for it (scripts/bench/users_bench.c)
#	readers		readers beside a writer, on two CPUs (scripts/bench/readers.c)
#	instructions	per store with an external lock (scripts/bench/instructions.c)
#	size		of lib/maple_tree.o
#
# Results are kept in build/bench/results.PART, so that the tables can be made of parts that
# were measured at other times; `bench.sh tables' makes them and measures nothing. A goal that
# is missed is no error. ROUNDS=N: how often all is measured, instead of 5.
set -eu
. "$(dirname "$0")/../common.sh"
rounds=${ROUNDS:-5} parts=${*:-stores vma users readers instructions size}
[ "$rounds" -gt 0 ] || die "ROUNDS=$rounds is not a number above 0"
[ "$(uname -m)" = x86_64 ] || die "this needs an x86-64 machine: UML has no other"
{ command -v valgrind && command -v gnuplot; } >/dev/null ||
	die "valgrind or gnuplot is missing: run \`make deps' first"
for part in $parts; do
	case $part in
	stores|vma|users|readers|instructions|size|tables) ;;
	*) die "usage: bench.sh [stores|vma|users|readers|instructions|size|tables]..." ;;
	esac
done
need_tree
make_tmp
work=$build/bench src=$build/bench/tree here=$top/scripts/bench
mkdir -p "$work/bin"

# The kernels: NAME COMMIT FLAGS NODES CAPACITY PARTS; - is what the commit has. FLAGS are for
# lib/maple_tree.o and mm/vma.o: base and series with other alignments show what comes of where
# the code happens to be. NODES are reserved, CAPACITY is that of the sheaves. `again' is the
# file of `base': what differs is noise. Each kernel has two copies of lib/maple_tree.c without
# the series, too, for maple_bench.c.
align='-falign-functions=64 -falign-loops=32'
kernels="base	base	-	-	-	stores vma
again	base	-	-	-	vma
series	series	-	-	-	stores vma users
base-64	base	$align	-	-	vma
series-64	series	$align	-	-	stores vma
28/32	series	-	28	-	stores
64/80	series	-	64	80	stores"

# for_kernels PART COMMAND...: with what is in the table after it
for_kernels()
{
	part=$1; shift
	say "$kernels" | while IFS='	' read -r name commit flags nodes capacity for; do
		case " $for " in *" $part "*) "$@" "$name" "$commit" "$flags" "$nodes" "$capacity" </dev/null ;; esac
	done
}

kmake() { nice -n 10 make -s -j"$(nproc)" -C "$src" ARCH=um O="$work/um" "$@"; }

# The kernel reads fragments in its own directory only.
configure()
{
	cp "$here/um.config" "$src/kernel/configs/bench.config"
	mkdir -p "$work/um"
	kmake tinyconfig bench.config >"$tmp/config"
	! grep -vxFf "$work/um/.config" "$here/um.config" || die "the kernel's configuration lacks these"
}

# edit START NEW: the line of lib/maple_tree.c that begins with START goes on with NEW
edit()
{
	case $2 in -*) return ;; esac
	sed -i "s/^\($1\).*/\1$2/" "$src/lib/maple_tree.c"
	grep -q "^$1$2\$" "$src/lib/maple_tree.c" || die "lib/maple_tree.c has no line \`$1'"
}

binary() { say "$work/bin/$(say "$1" | tr / -)"; }

# copy NAME: lib/maple_NAME.c, lib/maple_tree.c of base with other names, but the same cache
copy()
{
	{
		git -C "$tree" show base:lib/maple_tree.c | grep -vE '^static|^[^a-z]|;$' |
			sed -n 's/^[a-z].*[ *]\([a-z_]*\)(.*/\1/p' | grep -E '^(__)?m(as|t|tree|aple)_' | sort -u |
			sed "s/.*/#define & $1_&/"
		git -C "$tree" show base:lib/maple_tree.c | sed -e '/^EXPORT_SYMBOL/d' -e '/CREATE_TRACE_POINTS/d' \
			-e 's/^static struct kmem_cache \*maple_node_cache.*/extern struct kmem_cache *maple_node_cache;/' \
			-e 's/^#include <linux\/maple_tree.h>/#include "maple_base.h"/'
	} >"$src/lib/maple_$1.c"
}

# build_kernel NAME COMMIT FLAGS NODES CAPACITY
build_kernel()
{
	[ "$1" != again ] || { ln -sf base "$(binary again)"; return; }
	bin=$(binary "$1")
	key=$({ say "$*"; cat "$here"/*.c "$here/um.config"; gcc --version
		git -C "$tree" rev-parse "$2:lib/maple_tree.c" "$2:include" "$2:mm" "$2:kernel" "$2:arch"; } | sha256sum)
	[ ! -f "$bin" ] || [ "$(cat "$bin.key" 2>/dev/null)" != "$key" ] || return 0
	say "   $1"
	rm -f "$bin.key"
	# All but this is the same in all of them.
	git -C "$src" checkout -q -f "$2" -- lib include mm
	edit '#define MAPLE_PREALLOC_NODES	' "$4"
	edit '		.sheaf_capacity = ' "$5,"
	for f in maple_bench users_bench vma_calls; do cp "$here/$f.c" "$src/lib/"; done
	git -C "$tree" show base:include/linux/maple_tree.h >"$src/lib/maple_base.h"
	copy base
	copy again
	sed -i 's/^static \(struct kmem_cache \*maple_node_cache\).*/\1;/' "$src/lib/maple_tree.c"
	say 'obj-y += maple_bench.o maple_base.o vma_calls.o maple_again.o' >>"$src/lib/Makefile"
	[ "$2" = base ] || say 'obj-y += users_bench.o' >>"$src/lib/Makefile"
	# Everything includes this header, but only mm/ and lib/maple* use what differs in it.
	touch -d '2000-01-01' "$src/include/linux/maple_tree.h"
	flags=${3#-}; [ "$3" != - ] || flags=
	kmake ${flags:+CFLAGS_maple_tree.o="$3"} ${flags:+CFLAGS_maple_base.o="$3"} \
		${flags:+CFLAGS_maple_again.o="$3"} ${flags:+CFLAGS_vma.o="$3"} linux
	cp "$work/um/linux" "$bin"
	say "$key" >"$bin.key"
}

build_kernels()
{
	# The work tree has the files of `series', lib/, include/ and mm/ changing with the kernel.
	work_tree "$src" series
	configure
	for_kernels "$1" build_kernel
	[ "$1" = vma ] || return 0
	gcc -Wall -Wextra -O2 -static -o "$work/init" "$here/vma_init.c"
	gcc -Wall -Wextra -O2 -static -nostdlib -fno-stack-protector -DTINY -o "$work/tiny" "$here/vma_init.c"
	printf '%s\n' 'dir /dev 0755 0 0' 'nod /dev/kmsg 0600 0 0 c 1 11' 'nod /dev/vma_calls 0600 0 0 c 10 200' \
		"file /init $work/init 0755 0 0" "file /tiny $work/tiny 0755 0 0" >"$tmp/list"
	"$work/um/usr/gen_init_cpio" "$tmp/list" >"$work/initramfs"
}

# run_kernel NAME: its results go to $tmp/results
run_kernel()
{
	say "   round $round of $rounds: $1"
	case $part in
	stores) params=maple_bench.run ;;
	users) params=users_bench.entries=500000 ;;
	vma) params="initrd=$work/initramfs printk.devkmsg=on norandmaps" ;;
	esac
	# RCU waits for a tick or two instead of many. On one CPU, since UML and its processes
	# only wait for each other.
	# shellcheck disable=SC2086 # words
	TMPDIR=/dev/shm timeout --foreground 300 taskset -c "$(($(nproc) - 1))" "$(binary "$1")" mem=768M uml_dir="$tmp" \
		loglevel=8 \
		rcutree.jiffies_till_first_fqs=0 rcutree.jiffies_till_next_fqs=0 $params >"$tmp/log" 2>&1 </dev/null || :
	tr -d '\r' <"$tmp/log" >"$tmp/log.txt"
	if ! grep -aq 'BENCH done' "$tmp/log.txt" ||
		grep -aE 'BENCH failed|BUG[: ]|WARNING[: ]|Oops|Kernel panic' "$tmp/log.txt"; then
		mkdir -p "$build/log"
		cp "$tmp/log.txt" "$build/log/bench.log"
		die "kernel $1 did not finish: see build/log/bench.log"
	fi
	sed -n "s,^.*BENCH \([^ ]*=.*\),kernel=$1 round=$round \1,p" "$tmp/log.txt" >>"$tmp/results"
}

# In turn, so that what else the machine does hits all of them.
run_kernels()
{
	part=$1
	for round in $(seq "$rounds"); do
		for_kernels "$part" run_kernel
		# The next round is made backwards.
		kernels=$(say "$kernels" | tac)
	done
}

# harness COMMIT PROGRAM: built in $dir as it would be used, lib/maple_tree.c being of COMMIT, all
# else of `series'
harness()
{
	dir=$tmp/$1/tools/testing/radix-tree
	radix_tree series "$tmp/$1"
	for f in lib/maple_tree.c include/linux/maple_tree.h; do
		git -C "$tree" show "$1:$f" >"$tmp/$1/$f"
	done
	make -s -j"$(nproc)" -C "$dir" -f "$here/harness.mk" FAST=yes "$2" >"$tmp/cc" 2>&1 ||
		{ cat "$tmp/cc"; die "$2 does not build"; }
}

# count COMMIT: instructions
count()
{
	harness "$1" instructions
	valgrind -q --tool=callgrind --toggle-collect='store_*' --callgrind-out-file="$tmp/callgrind" \
		"$dir/instructions" >"$tmp/counts" 2>&1 || { cat "$tmp/counts"; die "callgrind: see above"; }
	callgrind_annotate --inclusive=yes --threshold=100 --auto=no "$tmp/callgrind" |
		sed -n 's/^ *\([0-9,]*\) (.*instructions\.c:store_\([a-z_]*\) .*/\2 \1/p' | tr -d , >"$tmp/instructions"
	# Its own output: how often each type was stored.
	awk -v c="$1" 'NR == FNR { n[$1] = $2; next } { print "commit=" c, "type=" $1, "stores=" n[$1], "instructions=" $2 }' \
		"$tmp/counts" "$tmp/instructions" >>"$tmp/results"
}

run_readers()
{
	[ "$(nproc)" -ge 2 ] || die "readers: this needs two CPUs"
	harness series readers
	for n in 1000 100000 500000; do
		say "   $n mappings"
		"$dir/readers" "$rounds" $n >>"$tmp/results"
	done
}

size()
{
	work_tree "$src" series
	rm -rf "$work/x86"
	mkdir -p "$work/x86"
	make -s -C "$src" ARCH=x86_64 O="$work/x86" defconfig
	for c in base series; do
		git -C "$src" checkout -q -f "$c" -- lib include mm
		nice -n 10 make -s -j"$(nproc)" -C "$src" ARCH=x86_64 O="$work/x86" lib/maple_tree.o
		mv "$work/x86/lib/maple_tree.o" "$tmp/$c.o"
	done
	python3 "$src/scripts/bloat-o-meter" "$tmp/base.o" "$tmp/series.o" |
		sed -n -e '/__UNIQUE_ID_/d' -e 's/^/size /p' >>"$tmp/results"
	grep -q '^size Total: Before=[1-9]' "$tmp/results" || die "bloat-o-meter gave no total"
}

tables()
{
	: >"$tmp/all"
	for part in stores vma users readers instructions size; do
		if [ -s "$work/results.$part" ]; then
			cat "$work/results.$part" >>"$tmp/all"
		else
			say "Not measured: $part"
		fi
	done
	mkdir -p "$top/bench"
	for file in numbers users; do
		{
			say "Written by \`make bench'; scripts/bench/bench.sh has the commands, and what the parts are."
			say "Linux $version, without the series (base) and with it. $(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo |
				head -n 1), $(nproc) CPUs; $(gcc --version | head -n 1)"
			awk -v file=$file -v plot="$tmp/plot" -f "$here/tables.awk" "$tmp/all"
		} >"$tmp/$file.txt" || { cat "$tmp/$file.txt"; die "not everything was measured"; }
		cp "$tmp/$file.txt" "$top/bench/"
		cat "$tmp/$file.txt"
	done
	for plot in stores pending readers users; do
		[ -s "$tmp/plot.$plot" ] || continue
		gnuplot -e "data='$tmp/plot.$plot'" "$here/$plot.gp" >"$tmp/$plot.svg"
		grep -q '</svg>' "$tmp/$plot.svg" || die "gnuplot drew nothing"
		cp "$tmp/$plot.svg" "$top/bench/"
	done
}

for measured in $parts; do
	: >"$tmp/results"
	case $measured in
	stores|vma|users)
		step "$measured: build the kernels" build_kernels "$measured"
		step "$measured: run the kernels" run_kernels "$measured" ;;
	readers) step "readers" run_readers ;;
	instructions)
		for c in base $(branches); do step "instructions of $c" count "$c"; done ;;
	size) step "size" size ;;
	tables) continue ;;
	esac
	cp "$tmp/results" "$work/results.$measured"
done
tables
