#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# kernel.sh KERNEL build: configures and builds a kernel with the series, and its initramfs,
# in build/check/KERNEL. kernel.sh KERNEL TEST: boots that, and looks at what it says.
# SEED=N: the seed of the test stress-random.
set -eu
. "$(dirname "$0")/../common.sh"
kernel=$1 test=$2
src=$build/check/tree out=$build/check/$kernel files=$top/scripts/check/kernel
# User-mode Linux; the same for x86-64, emulated; that with a search for data races, and with
# PREEMPT_RT; User-mode Linux with modules, and their allocation tags.
case $kernel in
um) arch=um configs='common stress um kasan' ;;
x86) arch=x86_64 configs='common stress x86 kasan' ;;
kcsan|rt) arch=x86_64 configs="common stress x86 $kernel" ;;
tags) arch=um configs='common um tags' ;;
*) die "there is no kernel $kernel" ;;
esac
target=bzImage stop=RB_AUTOBOOT
[ $arch != um ] || target=linux stop=RB_POWER_OFF
make_tmp

kmake() { make -s -j"$(nproc)" -C "$src" ARCH=$arch O="$out" "$@"; }

build()
{
	for c in $configs; do cat "$files/$c.config"; done >"$tmp/config"
	# The base has no KUnit suite of ours.
	[ -f "$src/lib/tests/maple_prealloc_kunit.c" ] || sed -i /KUNIT/d "$tmp/config"
	mkdir -p "$out"
	rm -f "$out/initramfs"
	kmake KCONFIG_ALLCONFIG="$tmp/config" allnoconfig
	! grep '=[ym]' "$tmp/config" | grep -vxFf "$out/.config" || die "kernel $kernel cannot have these options"
	kmake $target
	init=$files/init.c
	if [ "$kernel" = tags ]; then
		init=$files/tags/init.c
		kmake modules
		kmake M="$files/tags" MO="$out/tags" modules
	fi
	gcc -Wall -Wextra -O2 -static -DSTOP=$stop -o "$tmp/init" "$init"
	{
		printf '%s\n' 'dir /dev 0755 0 0' 'nod /dev/console 0600 0 0 c 5 1' 'dir /proc 0755 0 0' \
			'dir /sys 0755 0 0' "file /init $tmp/init 0755 0 0"
		for ko in "$out"/tags/*.ko "$out"/lib/tests/maple_*.ko; do
			[ ! -f "$ko" ] || say "file /$(basename "$ko") $ko 0644 0 0"
		done
	} >"$tmp/list"
	"$out/usr/gen_init_cpio" "$tmp/list" >"$tmp/initramfs"
	mv "$tmp/initramfs" "$out"
}

# boot SECONDS PARAMETERS INIT...: its console goes to stdout and to $tmp/log
boot()
{
	# On a loaded machine, a stall means nothing; that it does not end, the time limit sees.
	limit=$1 params="panic=-1 oops=panic rcupdate.rcu_cpu_stall_suppress=1 $2" rc=0; shift 2
	# One access in 4000 is too few for as short a run as this.
	[ "$kernel" != kcsan ] || params="$params kcsan.skip_watch=100"
	# shellcheck disable=SC2086 # words
	if [ $arch = um ]; then
		timeout --foreground "$limit" "$out/linux" mem=1G seccomp=on ncpus=2 uml_dir="$tmp" \
			initrd="$out/initramfs" $params -- "$@"
	else
		timeout --foreground "$limit" qemu-system-x86_64 -nodefaults -m 1024 -smp 2 -cpu max \
			-accel tcg,thread=multi -bios qboot.rom -display none -serial stdio -no-reboot \
			-kernel "$out/arch/x86/boot/bzImage" -initrd "$out/initramfs" \
			-append "console=ttyS0 $params -- $*"
	fi >"$tmp/console" 2>&1 </dev/null || rc=$?
	tr -d '\r' <"$tmp/console" | tee "$tmp/log"
	[ $rc -ne 124 ] || { say "It was still running after $limit s."; return 1; }
	[ $rc -eq 0 ] || { say "exit status $rc"; return 1; }
}

# without_selftest: what keeps lib/test_maple_tree.c from running at boot. By address as
# well, since kallsyms does not know the init functions of UML.
without_selftest()
{
	seed=$(nm "$out/vmlinux" | sed -n 's/^0*\([0-9a-f]*\) t maple_tree_seed$/,0x\1/p')
	say "initcall_blacklist=maple_tree_seed$seed"
}

# splats: but for the data races that a maple tree is known for: its readers go by plain
# loads through nodes that a writer takes out, marks as dead in their parent pointer, and
# gives to RCU; they look at that pointer afterwards, and begin anew. It takes both sides.
readers='mas_walk|mas_state_walk|mas_start|mtree_range_walk|mas_(next|prev)_(slot|node)'
readers="$readers|mas_rewalk|mas_ascend|mas_data_end"
writers='(mas_topiary_replace|mas_wr_node_store|mt_destroy_walk|mte_destroy_descend|mte_dead_leaves)(\.[a-z0-9.]*)?'
splats()
{
	grep -aE 'BUG:|WARNING:|INFO:|KASAN:|Oops|(BUG|WARN) at |general protection|Kernel panic' "$tmp/log" |
		grep -avE "BUG: KCSAN: data-race in (($readers) / $writers|$writers / ($readers))\$" || :
}

no_splat()
{
	splats >"$tmp/splats"
	[ ! -s "$tmp/splats" ] || { say "The kernel has said this:"; cat "$tmp/splats"; return 1; }
}

# init SECONDS PARAMETERS INIT...: boot, without what would run before init. Now and then,
# KASAN finds a "wild-memory-access in rcu_is_watching" in the first tenths of a second of
# an emulated boot, after which lockdep is off: again.
init()
{
	init_limit=$1 init_params="kunit.enable=0 $(without_selftest) $2"; shift 2
	for try in 1 2 3; do
		boot "$init_limit" "$init_params" "$@"
		sed '/Run \/init as init process/q' "$tmp/log" |
			grep -aq 'BUG: KASAN: wild-memory-access in rcu_is_watching' || return 0
		say "*** A known fault of the boot, attempt $try of 3. ***"
	done
	return 1
}

# passes CASE [SEED [PARAMETERS]]: a case of maple_stress.c that passes, without a splat
passes()
{
	init 400 "${3:-}" "$1" "${2:-0}"
	no_splat
	grep -aq "maple_stress: $1 passed" "$tmp/log" || { say "$1 has not passed"; return 1; }
}

# reported WHAT CASE [PARAMETERS]: one splat, which says WHAT. Where a lock is missing, RCU
# says so once more for each place that expects it.
reported()
{
	init 60 "${3:-}" "$2"
	grep -aq "maple_stress: $2 begins" "$tmp/log" || { say "$2 has not been run"; return 1; }
	splats >"$tmp/splats"
	if ! head -n 1 "$tmp/splats" | grep -q "$1" || tail -n +2 "$tmp/splats" | grep -v 'suspicious RCU usage'; then
		say "That must be one report of $1, and is:"
		cat "$tmp/splats"
		return 1
	fi
}

# With a sheaf capacity of 0 each node that is allocated goes through failslab; else, a
# sheaf that is full hides that there is an allocation.
no_sheaves='slab_debug=F,maple_node'

# One boot for each that must be reported: lockdep says one thing, and nothing after that.
case $test in
build) build ;;
kunit)		# all suites pass, and no test is skipped: these kernels have what they need
	boot 600 "$(without_selftest) kunit.enable=1 kunit.filter_glob=maple_*" nothing
	python3 "$src/tools/testing/kunit/kunit.py" parse "$tmp/log" >"$tmp/parsed" || { cat "$tmp/parsed"; exit 1; }
	tail -n 1 "$tmp/parsed"
	no_splat
	grep -q 'Testing complete.* passed: [1-9]' "$tmp/parsed"
	[ "$kernel" != um ] || ! grep -a '# SKIP' "$tmp/log" || exit 1 ;;
selftest)	# lib/test_maple_tree.c, which calls mt_validate() without the lock, as PROVE_RCU says
	boot 400 kunit.enable=0 nothing
	! splats | grep -v 'suspicious RCU usage' || exit 1
	grep -aq 'maple_tree: \([1-9][0-9]*\) of \1 tests passed' "$tmp/log" ;;
modules)	# without sheaves, each node is an allocation, which can fail
	boot 300 'sysctl.vm.mem_profiling=1 slab_nomerge slab_debug=F,maple_node'
	[ ! -f "$out/lib/tests/maple_prealloc_kunit.ko" ] ||
		[ "$(grep -acE '^ok [0-9]+ maple_(doc|prealloc)$' "$tmp/log")" -eq 2 ]
	! grep -a '^not ok' "$tmp/log" || exit 1
	no_splat
	grep -aqx 'tags: passed' "$tmp/log" ;;
mappings)	# of processes: they are in a maple tree
	init 300 '' boot
	no_splat
	grep -aq '^init: mappings passed' "$tmp/log" ;;
sheaves)	# from which nodes are reserved: some options switch them off
	passes sheaves
	grep -a 'maple_stress: maple_node has sheaves of [1-9]' "$tmp/log" ;;
stress) passes stress 1 ;;
stress-nosheaves) passes stress 2 "$no_sheaves" ;;
stress-iterate) passes iterate 3 ;;
stress-random) passes iterate "${SEED:-$(od -An -N4 -tu4 /dev/urandom | tr -d ' ')}" ;;
nowait) passes nowait 0 "$no_sheaves" ;;
fence-gfp) reported 'circular locking dependency' fence-gfp "$no_sheaves" ;;
fence-reserve) reported 'circular locking dependency' fence-reserve ;;
unlocked) reported 'at mas_\(store\|wr_check\)_prealloc' unlocked ;;
reserve-locked) reported 'sleeping function called from invalid context' reserve-locked ;;
extern-unlocked) reported 'suspicious RCU usage' extern-unlocked ;;
extern-changed) reported 'at mas_\(lock_check\|store_prealloc\)' extern-changed ;;
softirq|hardirq|softirq-reserve|softirq-destroy) reported 'inconsistent lock state' "$test" ;;
height|fence|irqsave|softirq-mas-store|hardirq-mas-store) passes "$test" ;;
*) die "there is no test $test of a kernel" ;;
esac
