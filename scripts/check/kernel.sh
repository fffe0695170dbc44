#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# kernel.sh KERNEL FUNCTION...: boots build/check/KERNEL, which kernel.mk builds, and checks its output for Makefile.
set -eu
. "$(dirname "$0")/../common.sh"
kernel=$1; shift
src=$build/check/tree out=$build/check/$kernel
make_tmp

# boot SECONDS PARAMETERS INIT...: boots the kernel, also with $PARAMETERS; writes its console to stdout and $tmp/log.
boot()
{
	# A stall means nothing on a loaded machine. The time limit catches a kernel that hangs.
	limit=$1 params="panic=-1 oops=panic rcupdate.rcu_cpu_stall_suppress=1 ${PARAMETERS:-} $2" rc=0; shift 2
	# KCSAN's default, one access in 4000, is too little for such a short run.
	[ "$kernel" != kcsan ] || params="$params kcsan.skip_watch=100"
	# shellcheck disable=SC2086 # words
	if [ -x "$out/linux" ]; then
		timeout --foreground "$limit" "$out/linux" mem=512M seccomp=on ncpus=2 uml_dir="$tmp" \
			initrd="$out/initramfs" $params -- "$@"
	else
		timeout --foreground "$limit" qemu-system-x86_64 -nodefaults -m 1024 -smp 2 -cpu max \
			-accel tcg,thread=multi -bios qboot.rom -display none -serial stdio -no-reboot \
			-kernel "$out/arch/x86/boot/bzImage" -initrd "$out/initramfs" \
			-append "console=ttyS0 $params -- $*"
	fi >"$tmp/console" 2>&1 </dev/null || rc=$?
	tr -d '\r' <"$tmp/console" | tee "$tmp/log"
	[ $rc -ne 124 ] || { say "the kernel was still running after $limit s"; return 1; }
	[ $rc -eq 0 ] || { say "exit status $rc"; return 1; }
}

# without_selftest: prints the parameter that keeps lib/test_maple_tree.c from running at boot. It
# has the address as well, since kallsyms does not know the init functions of UML.
without_selftest()
{
	seed=$(nm "$out/vmlinux" | sed -n 's/^0*\([0-9a-f]*\) t maple_tree_seed$/,0x\1/p')
	say "initcall_blacklist=maple_tree_seed$seed"
}

# splats: lists the kernel's reports, except for the known data races of a maple tree: its readers use
# plain loads in nodes that a writer removes, marks as dead in their parent pointer, and frees by RCU;
# they check that pointer afterwards, and start again. Both functions of a race must be known.
readers='mas_walk|mas_state_walk|mas_start|mtree_range_walk|mas_(next|prev)_(slot|node)'
readers="$readers|mas_rewalk|mas_ascend|mas_data_end"
writers='(mas_topiary_replace|mas_wr_node_store|mt_destroy_walk|mte_destroy_descend|mte_dead_leaves)(\.[a-z0-9.]*)?'
splats()
{
	grep -aE 'BUG:|WARNING:|INFO:|KASAN:|Oops|(BUG|WARN) at |general protection|Kernel panic' "$tmp/log" |
		grep -avE "BUG: KCSAN: data-race in (($readers) / $writers|$writers / ($readers))\$" || :
}

no_splat() { ! splats | grep .; }

# init SECONDS PARAMETERS INIT...: boots without the tests that would run before init. Boots again if KASAN reports
# a "wild-memory-access in rcu_is_watching", as it may early in an emulated boot: that turns off lockdep.
init()
{
	init_limit=$1 init_params="kunit.enable=0 $(without_selftest) $2"; shift 2
	for try in 1 2 3; do
		boot "$init_limit" "$init_params" "$@"
		sed '/Run \/init as init process/q' "$tmp/log" |
			grep -aq 'BUG: KASAN: wild-memory-access in rcu_is_watching' || return 0
		say "*** This is a known problem of the boot (attempt $try of 3). ***"
	done
	return 1
}

# passes CASE [SEED [PARAMETERS]]: a case of init.c or maple_stress.c must pass, without a splat.
passes()
{
	init 400 "${3:-}" "$1" "${2:-0}"
	no_splat
	grep -aqE "(init|maple_stress): $1 passed" "$tmp/log"
	# Nodes are reserved from sheaves, which some options switch off.
	[ "$1" != sheaves ] || grep -aq 'maple_stress: maple_node has sheaves of [1-9]' "$tmp/log"
}

# reported WHAT CASE [PARAMETERS]: the case must cause one splat, which matches WHAT. If a lock is
# missing, RCU may also report each place that expects it. Each case needs its own boot, since lockdep
# turns itself off after its first report.
reported()
{
	init 60 "${3:-}" "$2"
	grep -aq "maple_stress: $2 begins" "$tmp/log"
	splats >"$tmp/splats"
	say "The first report must match \`$1', the others may only be about RCU:"
	cat "$tmp/splats"
	sed 1q "$tmp/splats" | grep -q "$1"
	! tail -n +2 "$tmp/splats" | grep -v 'suspicious RCU usage'
}

# kunit: all suites must pass, and in um, which has all they need, no test may be skipped.
kunit()
{
	boot 600 "$(without_selftest) kunit.enable=1 kunit.filter_glob=maple_*" nothing
	python3 "$src/tools/testing/kunit/kunit.py" parse "$tmp/log" >"$tmp/parsed" || { cat "$tmp/parsed"; return 1; }
	no_splat
	grep 'Testing complete.* passed: [1-9]' "$tmp/parsed"
	[ "$kernel" != um ] || ! grep -a '# SKIP' "$tmp/log"
}

# selftest: lib/test_maple_tree.c must pass. It calls mt_validate() without the lock, which PROVE_RCU reports, and
# runs as an initcall that never sleeps: on a slow machine that holds up RCU's own test, which waits for 30 s.
selftest()
{
	boot 400 kunit.enable=0 nothing
	! splats | grep -v 'suspicious RCU usage\| rcu_tasks_verify_work_fn+' || return 1
	grep -aq 'maple_tree: \([1-9][0-9]*\) of \1 tests passed' "$tmp/log"
}

# modules: tests allocation tags, and the KUnit suites as modules. Without sheaves, each node is an allocation.
modules()
{
	boot 300 'sysctl.vm.mem_profiling=1 slab_nomerge slab_debug=F,maple_node'
	[ ! -f "$out/lib/tests/maple_prealloc_kunit.ko" ] ||
		[ "$(grep -acE '\] ok [0-9]+ maple_(doc|prealloc)$' "$tmp/log")" -eq 2 ]
	! grep -aE '(^|\]) *not ok' "$tmp/log" || return 1
	no_splat
	grep -aqx 'tags: passed' "$tmp/log"
}

"$@"
