#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# check-kernel.sh [stress|misuse|boot|kcsan|rt]...: tests in a running kernel, x86-64 with
# two CPUs, emulated. Without a name: stress, misuse and boot, with KASAN and lockdep.
#
#	stress	threads that reserve, store, allocate, erase and read; every allocation
#		under the lock fails, lockdep knows that a fence is being signalled
#	misuse	what must not be done is reported, exactly once; and what may be done, in
#		interrupts for instance, is not
#	boot	lib/test_maple_tree.c, the KUnit suite, and processes that change mappings
#	kcsan	stress, with a search for data races
#	rt	stress, misuse and boot with PREEMPT_RT
#
# SEED=N: the seed of the random stress. COMMIT=base: another commit than series, to see
# what fails there. With either, nothing is taken from an earlier run or remembered.
set -eu
. "$(dirname "$0")/common.sh"
commit=${COMMIT:-series}
seed=${SEED:-}
case $seed in *[!0-9]*) die "SEED=$seed is not a number" ;; esac
[ $# -gt 0 ] || set -- stress misuse boot
for part in "$@"; do
	case $part in
	stress|misuse|boot|kcsan|rt) ;;
	*) die "no such part: $part (there are stress, misuse, boot, kcsan, rt)" ;;
	esac
done
[ "$(uname -m)" = x86_64 ] || die "this needs an x86-64 machine: the init of the kernels is built for it"
for c in qemu-system-x86_64 python3; do
	command -v $c >/dev/null || die "$c is missing: run \`make deps' first"
done
need_tree
git -C "$tree" rev-parse -q --verify "$commit^0" >/dev/null || die "COMMIT=$commit: no such commit in build/linux-$version.y"
make_tmp
work=$build/kernel src=$build/kernel/tree files=$top/scripts/kernel

# The kernels have the same source; what is in the work tree is of $commit.
checkout()
{
	work_tree "$src" "$commit"
	# shellcheck disable=SC2016 # for make
	say 'obj-y += maple_stress.o' >>"$src/lib/Makefile"
	cp "$files/maple_stress.c" "$src/lib/"
}

kmake() { nice -n 10 make -s -j"$(nproc)" -C "$src" ARCH=x86_64 O="$work/$kernel" "$@"; }

config()
{
	cat "$files/base.config" "$files/$kernel.config"
	[ "$kernel" = kcsan ] || ! has_kunit || printf 'CONFIG_%s=y\n' KUNIT MAPLE_PREALLOC_KUNIT_TEST
}

has_kunit() { git -C "$tree" cat-file -e "$commit:lib/tests/maple_prealloc_kunit.c" 2>/dev/null; }

configure()
{
	config >"$tmp/config"
	mkdir -p "$work/$kernel"
	kmake tinyconfig
	(cd "$src" && scripts/kconfig/merge_config.sh -m -O "$work/$kernel" "$work/$kernel/.config" "$tmp/config") >/dev/null
	kmake olddefconfig
	if grep '=y' "$tmp/config" | grep -vxFf "$work/$kernel/.config"; then
		die "the configuration of kernel $kernel does not have these"
	fi
}

key()
{
	git -C "$tree" ls-tree "$commit" | grep -vw -e Documentation -e tools -e MAINTAINERS
	config
	cat "$files"/*.c
	gcc --version
}

# build_kernel: $kernel, and its initramfs, unless they are there
build_kernel()
{
	key >"$tmp/key"
	! cmp -s "$tmp/key" "$work/$kernel.key" || return 0
	rm -f "$work/$kernel.key"
	checkout
	configure
	kmake bzImage
	gcc -Wall -Wextra -O2 -static -o "$work/$kernel.init" "$files/init.c"
	printf '%s\n' 'dir /dev 0755 0 0' 'nod /dev/console 0600 0 0 c 5 1' \
		"file /init $work/$kernel.init 0755 0 0" >"$tmp/initramfs"
	"$work/$kernel/usr/gen_init_cpio" "$tmp/initramfs" >"$work/$kernel.initramfs"
	cp "$tmp/key" "$work/$kernel.key"
}

# boot_kernel SECONDS PARAMETERS INIT...: its console goes to stdout and to $tmp/log
boot_kernel()
{
	limit=$1 params=$2; shift 2
	# One access in 4000 is too few for as short a run as this.
	[ "$kernel" != kcsan ] || params="$params kcsan.skip_watch=100"
	rc=0
	timeout --foreground "$limit" qemu-system-x86_64 -nodefaults -m 1024 -smp 2 -cpu max \
		-accel tcg,thread=multi -bios qboot.rom -display none -serial stdio -no-reboot \
		-kernel "$work/$kernel/arch/x86/boot/bzImage" -initrd "$work/$kernel.initramfs" \
		-append "console=ttyS0 panic=-1 oops=panic $params -- $*" >"$tmp/console" 2>&1 </dev/null || rc=$?
	tr -d '\r' <"$tmp/console" | tee "$tmp/log"
	[ $rc -ne 124 ] || { say "It was still running after $limit s."; return 1; }
	[ $rc -eq 0 ] || { say "qemu: exit status $rc"; return 1; }
}

# What is not built as a module runs at boot, unless it is told not to.
no_tests='initcall_blacklist=maple_tree_seed kunit.enable=0'

splats() { grep -aE 'BUG:|WARNING:|INFO:|Oops|(BUG|WARN) at |general protection|Kernel panic' "$tmp/log" || :; }

no_splat()
{
	splats | not_explained >"$tmp/splats"
	[ ! -s "$tmp/splats" ] || { say "The kernel has said this:"; cat "$tmp/splats"; return 1; }
}

# not_explained: without the data races that a maple tree is known for: its readers go by
# plain loads through nodes that a writer takes out, marks as dead in their parent pointer,
# and gives to RCU; they look at that pointer afterwards, and begin anew. It takes both
# sides: a reader, and where nodes are marked.
readers='mas_walk|mas_state_walk|mas_start|mtree_range_walk|mas_(next|prev)_(slot|node)|mas_rewalk|mas_ascend|mas_data_end'
writers='(mas_topiary_replace|mas_wr_node_store|mt_destroy_walk|mte_destroy_descend|mte_dead_leaves)(\.[a-z0-9.]*)?'
not_explained()
{
	if [ "$kernel" = kcsan ]; then
		grep -avE "BUG: KCSAN: data-race in (($readers) / $writers|$writers / ($readers))\$" || :
	else
		cat
	fi
}

# boot_case SECONDS PARAMETERS INIT...: boot_kernel, without what would run before init. Now
# and then, KASAN finds a "wild-memory-access in rcu_is_watching" in the first tenths of a
# second of an emulated boot, after which lockdep is off: again.
boot_case()
{
	case_limit=$1 case_params="$no_tests $2"; shift 2
	for try in 1 2 3; do
		boot_kernel "$case_limit" "$case_params" "$@"
		sed '/Run \/init as init process/q' "$tmp/log" | grep -aq 'BUG: KASAN: wild-memory-access in rcu_is_watching' || return 0
		say "*** A known fault of the boot, attempt $try of 3. ***"
	done
	return 1
}

# passes SECONDS PARAMETERS INIT...: a case that passes, without a splat
passes()
{
	boot_case "$1" "$2" "$3" ${4:+"$4"}
	no_splat
	grep -aq "maple_stress: $3 passed" "$tmp/log" || { say "$3 has not passed"; return 1; }
}

# reported WHAT CASE [PARAMETERS]: one splat, which says WHAT. Where a lock is missing, RCU
# says so once more for each place that expects it.
reported()
{
	boot_case 60 "${3:-}" "$2"
	grep -aq "maple_stress: $2 begins" "$tmp/log" || { say "$2 has not been run"; return 1; }
	splats >"$tmp/splats"
	if ! head -n 1 "$tmp/splats" | grep -q "$1" || tail -n +2 "$tmp/splats" | grep -v 'suspicious RCU usage'; then
		cat "$tmp/splats"
		say "That must be one report: $1"
		return 1
	fi
}

# With a sheaf capacity of 0 each node that is allocated goes through failslab; else, a
# sheaf that is full hides that there is an allocation.
no_sheaves='slab_debug=F,maple_node'

# The sheaves from which the nodes are reserved are off with some options: not here.
sheaves()
{
	passes 60 '' sheaves
	grep -a 'maple_stress: maple_node has sheaves of [1-9]' "$tmp/log"
}

mappings()
{
	boot_case 300 '' boot
	no_splat
	grep -aq '^init: mappings passed' "$tmp/log"
}

# check_deficient_node() there calls mt_validate() without the lock, which PROVE_RCU says.
test_maple_tree()
{
	boot_kernel 400 kunit.enable=0 nothing
	! splats | grep -v 'suspicious RCU usage' || return 1
	grep -aq 'maple_tree: \([1-9][0-9]*\) of \1 tests passed' "$tmp/log"
}

kunit()
{
	boot_kernel 600 'initcall_blacklist=maple_tree_seed kunit.enable=1' nothing
	python3 "$src/tools/testing/kunit/kunit.py" parse <"$tmp/log" >"$tmp/parsed" || { cat "$tmp/parsed"; return 1; }
	cat "$tmp/parsed"
	no_splat
	grep -q 'Testing complete. Ran [1-9]' "$tmp/parsed"
}

random_stress()
{
	say "the seed is $seed"
	passes 400 '' iterate "$seed"
}

# check NAME COMMAND...: remembered, if it is what `make check' would do
check()
{
	name=$1; shift
	if [ "$commit" = series ] && [ -z "${SEED:-}" ]; then
		once "kernel, $kernel: $name" "$(cat "$tmp/key")" "$@"
	else
		run_test "kernel, $kernel, $commit: $name" "$@"
	fi
}

check_stress()
{
	check "nodes come from sheaves" sheaves
	check "stress, seed 1" passes 400 '' stress 1
	check "stress, seed 2, no sheaves" passes 400 "$no_sheaves" stress 2
	check "stress, readers iterate, seed 3" passes 400 '' iterate 3
	check "stress, random seed" random_stress
}

check_races()
{
	check "reservations while the height changes" passes 100 '' height
}

# One boot each: lockdep says one thing, and nothing after that.
check_misuse()
{
	check "store while a fence is being signalled" passes 60 '' fence
	check "fails without a reservation" passes 60 "$no_sheaves" nowait
	check "store with interrupts off" passes 60 '' irqsave
	check "report: allocation while a fence is being signalled" reported 'circular locking dependency' fence-gfp "$no_sheaves"
	check "report: reservation while a fence is being signalled" reported 'circular locking dependency' fence-reserve
	check "report: store without the lock" reported 'at mas_store_prealloc' unlocked
	check "report: reservation that may sleep, with the lock" reported 'sleeping function called from invalid context' reserve-locked
	check "report: external lock, store without it" reported 'suspicious RCU usage' extern-unlocked
	check "report: external lock, changed in between" reported 'at mas_lock_check' extern-changed
	[ "$kernel" = rt ] || check_interrupts
}

# With PREEMPT_RT, the lock of a tree cannot be taken in an interrupt at all.
check_interrupts()
{
	check "mas_store() in a softirq" passes 60 '' softirq-mas-store
	check "mas_store() in a hard interrupt" passes 60 '' hardirq-mas-store
	check "report: mas_store_prealloc() in a softirq" reported 'inconsistent lock state' softirq
	check "report: mas_store_prealloc() in a hard interrupt" reported 'inconsistent lock state' hardirq
	check "report: mas_preallocate() in a softirq" reported 'inconsistent lock state' softirq-reserve
	check "report: mas_destroy() in a softirq" reported 'inconsistent lock state' softirq-destroy
}

check_boot()
{
	[ "$kernel" = rt ] || check "lib/test_maple_tree.c" test_maple_tree
	! has_kunit || check "KUnit" kunit
	check "processes that change mappings" mappings
}

# with KERNEL PART...: the parts on that kernel, built if it has to be
with()
{
	kernel=$1; shift
	step "kernel $kernel" build_kernel
	key >"$tmp/key"
	for part in "$@"; do
		"check_$part"
	done
}

[ -n "$seed" ] || seed=$(od -An -N4 -tu4 /dev/urandom | tr -d ' ')
say "   the random seed is $seed"
kasan=
for part in "$@"; do
	case $part in
	kcsan) others="${others:-} kcsan" ;;
	rt) others="${others:-} rt" ;;
	*) kasan="$kasan $part" ;;
	esac
done
# shellcheck disable=SC2086 # words
[ -z "$kasan" ] || with kasan $kasan
for other in ${others:-}; do
	case $other in
	kcsan) with kcsan stress races ;;
	rt) with rt stress misuse boot ;;
	esac
done
