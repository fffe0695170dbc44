#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Measures what the series costs: time per store (scripts/bench/maple_bench.c in a UML
# kernel, and with two CPUs in an emulated x86-64 one), instructions with an external lock
# (scripts/bench/instructions.c, callgrind), memory, code size; and the two users who asked
# for it, as they are today and with a maple tree (scripts/bench/users_bench.c). Prints
# tables, and writes them to bench/numbers.txt and bench/users.txt, and plots to
# bench/stores.svg and bench/users.svg. A goal that is missed is no error. ROUNDS=N: how
# often each kernel is run, instead of 3. `bench.sh users' measures the users only;
# `bench.sh instructions' counts the instructions only, after each part, and prints them.
set -eu
. "$(dirname "$0")/common.sh"
rounds=${ROUNDS:-3} only=${1:-}
case $rounds in ''|*[!0-9]*|0*) die "ROUNDS=$rounds is not a number above 0" ;; esac
case $only in ''|users|instructions) ;; *) die "usage: bench.sh [users|instructions]" ;; esac
[ "$(uname -m)" = x86_64 ] || die "this needs an x86-64 machine: UML has no other"
for c in valgrind gnuplot qemu-system-x86_64; do
	command -v $c >/dev/null || die "$c is missing: run \`make deps' first"
done
need_tree
make_tmp
# shellcheck disable=SC3045 # dash and bash have it
ulimit -c 0
work=$build/bench src=$build/bench/tree

# The kernels: NAME COMMIT BOUND CAPACITY MACHINES; - is what the commit has. The bound is
# the nodes that are reserved, the capacity that of the sheaves.
kernels='base	base	-	-	um x86_64
series	series	-	-	um x86_64
64/32	series	-	32	um x86_64
94/32	series	94	32	um
64/64	series	-	64	um x86_64
64/96	series	-	96	um x86_64
64/124	series	-	124	um x86_64'

config()
{
	cat <<-EOF
	CONFIG_64BIT=y
	CONFIG_PREEMPT=y
	CONFIG_PRINTK=y
	CONFIG_BUG=y
	CONFIG_FUTEX=y
	CONFIG_CC_OPTIMIZE_FOR_PERFORMANCE=y
	# CONFIG_SLUB_TINY is not set
	EOF
	# UML: to disable interrupts is a system call with SMP, and next to nothing without.
	case $1 in
	um) cat <<-EOF ;;
	CONFIG_STDERR_CONSOLE=y
	EOF
	x86_64) cat <<-EOF ;;
	CONFIG_SMP=y
	CONFIG_NR_CPUS=2
	CONFIG_X86_MPPARSE=y
	CONFIG_KERNEL_GZIP=y
	CONFIG_TTY=y
	CONFIG_SERIAL_8250=y
	CONFIG_SERIAL_8250_CONSOLE=y
	EOF
	esac
}

kmake() { arch=$1; shift; nice -n 10 make -s -j"$(nproc)" -C "$src" ARCH="$arch" O="$work/$arch" "$@"; }

# The work tree has the files of `series', lib/, include/ and mm/ changing with the kernel.
checkout()
{
	work_tree "$src" series
}

configure()
{
	config "$1" >"$tmp/config"
	[ -f "$work/$1/.config" ] && cmp -s "$tmp/config" "$work/$1/bench.config" && return
	rm -rf "${work:?}/$1"
	mkdir -p "$work/$1"
	kmake "$1" tinyconfig
	(cd "$src" && scripts/kconfig/merge_config.sh -m -O "$work/$1" "$work/$1/.config" "$tmp/config") >/dev/null
	kmake "$1" olddefconfig
	if grep '=y' "$tmp/config" | grep -vxFf "$work/$1/.config" || grep -q '^CONFIG_SLUB_TINY' "$work/$1/.config"; then
		die "the configuration for $1 is not what it should be"
	fi
	cp "$tmp/config" "$work/$1/bench.config"
}

# prepare COMMIT BOUND CAPACITY: the source of one kernel
prepare()
{
	git -C "$src" checkout -q -f "$1" -- lib include mm
	[ "$2" = - ] || edit '#define MAPLE_PREALLOC_MAX	' "$2"
	[ "$3" = - ] || edit '		.sheaf_capacity = ' "$3,"
	cp "$top/scripts/bench/maple_bench.c" "$top/scripts/bench/users_bench.c" "$src/lib/"
	# The one that may have nothing to do comes first: the other stops the machine.
	# shellcheck disable=SC2016 # for make
	printf '%s\n' 'obj-$(USERS_BENCH) += users_bench.o' 'obj-$(MAPLE_BENCH) += maple_bench.o' >>"$src/lib/Makefile"
	# Everything includes this header, but only mm/ and lib/maple* use what differs in it.
	touch -d '2000-01-01' "$src/include/linux/maple_tree.h"
}

# edit START NEW: the line of lib/maple_tree.c that begins with START goes on with NEW
edit()
{
	sed -i "s/^\($1\).*/\1$2/" "$src/lib/maple_tree.c"
	grep -q "^$1$2\$" "$src/lib/maple_tree.c" || die "lib/maple_tree.c has no line \`$1'"
}

# build_kernel NAME COMMIT BOUND CAPACITY MACHINE: $work/bin/MACHINE-NAME
build_kernel()
{
	bin=$work/bin/$5-$(say "$1" | tr / -) users=
	# Only this kernel has the users, too.
	[ "$5-$1" != um-series ] || users=USERS_BENCH=y
	key=$({ say "$2 $3 $4"; config "$5"; cat "$top/scripts/bench/maple_bench.c" ${users:+"$top/scripts/bench/users_bench.c"}; gcc --version
		git -C "$tree" rev-parse "$2:lib/maple_tree.c" "$2:include" "$2:mm" "$2:kernel" "$2:arch"; } | sha256sum)
	[ ! -f "$bin" ] || [ "$(cat "$bin.key" 2>/dev/null)" != "$key" ] || return 0
	rm -f "$bin.key"
	mkdir -p "$work/bin"
	prepare "$2" "$3" "$4"
	case $5 in
	um)
		kmake um MAPLE_BENCH=y $users linux
		cp "$work/um/linux" "$bin" ;;
	x86_64)
		# Their sizes are compared without the benchmark.
		kmake x86_64 vmlinux
		cp "$work/x86_64/vmlinux" "$bin.vmlinux"
		cp "$work/x86_64/lib/maple_tree.o" "$bin.maple_tree.o"
		kmake x86_64 MAPLE_BENCH=y bzImage
		cp "$work/x86_64/arch/x86/boot/bzImage" "$bin" ;;
	esac
	say "$key" >"$bin.key"
}

build_kernels()
{
	checkout
	for machine in um x86_64; do
		configure $machine
		say "$kernels" | while IFS='	' read -r name commit bound capacity machines; do
			case " $machines " in *" $machine "*) ;; *) continue ;; esac
			say "   $name for $machine"
			build_kernel "$name" "$commit" "$bound" "$capacity" $machine </dev/null
		done
	done
}

# run_kernel NAME MACHINE [PARAMETER]: its results go to $tmp/results
run_kernel()
{
	bin=$work/bin/$2-$(say "$1" | tr / -)
	# RCU waits for a tick or two instead of many.
	params='rcutree.jiffies_till_first_fqs=0 rcutree.jiffies_till_next_fqs=0'
	case $2 in
	um)
		# shellcheck disable=SC2086 # words
		timeout --foreground 300 "$bin" mem=768M uml_dir="$tmp" $params ${3:-} >"$tmp/log" 2>&1 </dev/null || : ;;
	x86_64)
		# There is nothing to calibrate the TSC with; it is that of the host.
		khz=$(awk '/^cpu MHz/ { printf "%d", $4 * 1000; exit }' /proc/cpuinfo)
		timeout --foreground 300 qemu-system-x86_64 -nodefaults -m 768 -smp 2 -cpu max \
			-accel tcg,thread=multi -bios qboot.rom -display none -serial stdio -no-reboot \
			-kernel "$bin" -append "console=ttyS0 maple_bench.threads=2 maple_bench.entries=100000 $params tsc=reliable tsc_early_khz=$khz" \
			>"$tmp/log" 2>&1 </dev/null || : ;;
	esac
	tr -d '\r' <"$tmp/log" >"$tmp/log.txt"
	if ! grep -aq '^BENCH done' "$tmp/log.txt" || grep -aE 'BENCH failed|BUG:|WARNING:|Oops' "$tmp/log.txt"; then
		mkdir -p "$build/log"
		cp "$tmp/log.txt" "$build/log/bench-$(basename "$bin").log"
		die "kernel $1 for $2 did not finish: see build/log/bench-$(basename "$bin").log"
	fi
	sed -n "s,^BENCH \(.*=.*\),kernel=$1 machine=$2 \1,p" "$tmp/log.txt" >>"$tmp/results"
}

# In turn, so that what else the machine does hits all of them.
run_kernels()
{
	for round in $(seq "$rounds"); do
		say "$kernels" | while IFS='	' read -r name commit bound capacity machines; do
			for machine in $machines; do
				say "   round $round of $rounds: $name on $machine"
				run_kernel "$name" "$machine" </dev/null
			done
		done
	done
}

run_users()
{
	for round in $(seq "$rounds"); do
		say "   round $round of $rounds"
		run_kernel series um users_bench.entries=500000
	done
}

build_users()
{
	checkout
	configure um
	build_kernel series series - - um
}

# count COMMIT: instructions of lib/maple_tree.c of COMMIT, all else being that of `series'
count()
{
	dir=$tmp/$1/tools/testing/radix-tree
	mkdir "$tmp/$1"
	git -C "$tree" archive series tools lib include arch/x86/include scripts | tar -x -C "$tmp/$1"
	for f in lib/maple_tree.c include/linux/maple_tree.h; do
		git -C "$tree" show "$1:$f" >"$tmp/$1/$f"
	done
	cp "$top/scripts/bench/instructions.c" "$dir"
	# shellcheck disable=SC2016 # for make
	printf '%s\n' 'include Makefile' 'CFLAGS := $(filter-out -fsanitize% -Og,$(CFLAGS)) -O2 -w' 'LDFLAGS :=' \
		'instructions: $(SHARED_OFILES) instructions.o' 'instructions.o: $(SHARED_DEPS)' >"$dir/bench.mk"
	make -s -j"$(nproc)" -C "$dir" -f bench.mk instructions >/dev/null
	valgrind -q --tool=callgrind --toggle-collect='store_*' --callgrind-out-file="$tmp/callgrind" \
		"$dir/instructions" >"$tmp/counts" 2>&1 || { cat "$tmp/counts"; die "callgrind: see above"; }
	callgrind_annotate --inclusive=yes --threshold=100 --auto=no "$tmp/callgrind" |
		sed -n 's/^ *\([0-9,]*\) (.*instructions\.c:store_\([a-z_]*\) .*/\2 \1/p' | tr -d , >"$tmp/instructions"
	# Its own output: how often each type was stored.
	awk -v c="$1" 'NR == FNR { n[$1] = $2; next } { print "commit=" c, "type=" $1, "stores=" n[$1], "instructions=" $2 }' \
		"$tmp/counts" "$tmp/instructions" >>"$tmp/results"
}

# instructions: per store of each type, and as a multiple of the base
instructions()
{
	awk '
	{ for (i = 1; i <= NF; i++) { split($i, f, "="); v[f[1]] = f[2] } }
	v["commit"] != last { commits[++n] = last = v["commit"] }
	n == 1 { types[++m] = v["type"]; stores[v["type"]] = v["stores"] }
	{ per[v["commit"], v["type"]] = v["instructions"] / v["stores"]; v["stores"] == stores[v["type"]] || mixed = 1 }
	END {
		printf "%-16s %8s", "instructions", "stores"
		for (c = 1; c <= n; c++) printf " %16s", commits[c]
		print ""
		for (t = 1; t <= m; t++) {
			printf "%-16s %8d", types[t], stores[types[t]]
			for (c = 1; c <= n; c++)
				printf " %8.1f (%5.3f)", per[commits[c], types[t]], per[commits[c], types[t]] / per[commits[1], types[t]]
			print ""
		}
		if (mixed) { print "the commits do not make the same stores"; exit 1 }
	}' "$tmp/results"
}

sizes()
{
	for f in maple_tree.o vmlinux; do
		say
		say "$f, x86-64, -O2, base and series (scripts/bloat-o-meter):"
		(cd "$work/bin" && python3 "$src/scripts/bloat-o-meter" x86_64-base.$f x86_64-series.$f) >"$tmp/bloat"
		# These are numbered anew, and of the same size.
		sed -e '/__UNIQUE_ID_/d' -e 's/^/    /' "$tmp/bloat"
		grep -q '^Total: Before=[1-9]' "$tmp/bloat" || die "bloat-o-meter gave no total"
	done
}

# report PART: stores or users
report()
{
	by=${only:+scripts/bench.sh $only}
	say "Written by \`${by:-make bench}' (ROUNDS=$rounds) on $(date -u +%Y-%m-%d); scripts/bench.sh has the commands."
	say "Linux $(kmake um kernelversion), without the series (base) and with it"
	say "$(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -n 1), $(nproc) CPUs; $(gcc --version | head -n 1)"
	awk -v rounds="$rounds" -v part="$1" -v plot="$tmp/plot" \
		-f "$top/scripts/bench/tables.awk" "$tmp/results"
}

# write PART TABLES: both, and the plot
write()
{
	report "$1" >"$tmp/$2.txt" || { cat "$tmp/$2.txt"; die "not everything was measured"; }
	[ "$1" = users ] || sizes >>"$tmp/$2.txt"
	gnuplot -e "data='$tmp/plot'" "$top/scripts/bench/$1.gp" >"$tmp/$1.svg"
	grep -q '</svg>' "$tmp/$1.svg" || die "gnuplot drew nothing"
	mkdir -p "$top/bench"
	cp "$tmp/$2.txt" "$tmp/$1.svg" "$top/bench/"
	cat "$tmp/$2.txt"
}

: >"$tmp/results"
if [ "$only" = instructions ]; then
	for c in base $(branches); do step "count instructions of $c" count "$c"; done
	instructions
	exit
fi
if [ -n "$only" ]; then
	step "build the kernel" build_users
	step "run the users" run_users
	cp "$tmp/results" "$work/users.results"
	write users users
	exit
fi
step "build the kernels" build_kernels
step "run the kernels" run_kernels
step "run the users" run_users
step "count instructions without the series" count base
step "count instructions with the series" count series
cp "$tmp/results" "$work/results"
write stores numbers
write users users
