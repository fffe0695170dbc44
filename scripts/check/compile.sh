#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# compile.sh COMMIT x86_64|arm64|arm: compiles what the series has changed in lib/ and mm/ up
# to COMMIT, and the objects that store most in maple trees, in a small configuration.
# Neither gcc at W=1 nor sparse may say anything. compile.sh COMMIT users: compiles all users
# of the maple tree that x86-64 has, without a warning.
set -eu
. "$(dirname "$0")/../common.sh"
commit=$1 arch=$2 cross=
sparse=$build/sparse/sparse
make_tmp

# Two of this script may run at the same time: each takes a work tree of its own.
slot=0
until
	slot=$((slot + 1))
	exec 9>"$build/check/slot-$slot.lock"
	flock -n 9
do :; done
work=$build/check/slot-$slot obj=$build/check/slot-$slot-$arch
git -C "$tree" show -s --format=%s "$commit"
work_tree "$work" "$commit"

case $arch in
users)
	# From: git grep -lE 'linux/maple_tree.h|(mas|mtree|vma_iter)_[a-z_]+\(', without
	# mm/nommu.c, fs/proc/task_nommu.c, arch/{arm64,xtensa}, rust.
	arch=x86_64 config=x86_64_defconfig flags=W=e
	options='BLK_DEV_UBLK BPF_SYSCALL BTRFS_FS DRM_NOUVEAU IOMMUFD KSM MEM_ALLOC_PROFILING MFD_SYSCON
		TRANSPARENT_HUGEPAGE UPROBE_EVENTS USERFAULTFD'
	objects='lib/maple_tree.o lib/interval_tree_test.o lib/region_alloc_benchmark.o
		mm/ fs/exec.o fs/coredump.o fs/libfs.o fs/proc/base.o fs/proc/task_mmu.o fs/btrfs/lru_cache.o
		ipc/shm.o kernel/fork.o kernel/bpf/task_iter.o kernel/irq/irqdesc.o kernel/sched/fair.o
		arch/x86/entry/vdso/vma.o arch/x86/kernel/uprobes.o kernel/events/uprobes.o
		drivers/base/regmap/regcache-maple.o drivers/block/ublk_drv.o drivers/iommu/iommufd/
		drivers/gpu/drm/nouveau/nouveau_uvmm.o drivers/gpu/drm/nouveau/nouveau_debugfs.o' ;;
*)
	[ -x "$sparse" ] || die "no build/sparse/sparse: run make tree first"
	# The checks of a debug kernel are code as well.
	config=allnoconfig flags='W=1e C=1'
	options='64BIT MMU SMP ARCH_MULTI_V7 TRANSPARENT_HUGEPAGE SHMEM DEBUG_KERNEL PROVE_LOCKING DEBUG_VM
		DEBUG_VM_MAPLE_TREE DEBUG_MAPLE_TREE RUNTIME_TESTING_MENU TEST_MAPLE_TREE KUNIT KUNIT_ALL_TESTS
		PROC_FS SYSFS MODULES MEM_ALLOC_PROFILING MAPLE_PREALLOC_KUNIT_TEST'
	objects="lib/maple_tree.o lib/test_maple_tree.o mm/vma.o mm/mmap.o
		$(git -C "$work" diff --name-only --diff-filter=d base HEAD -- 'lib/*.c' 'mm/*.c' | sed 's/c$/o/')" ;;
esac
case $arch in
x86_64) [ "$(uname -m)" = x86_64 ] || cross=x86_64-linux-gnu- ;;
arm64) cross=aarch64-linux-gnu- ;;
arm) cross=arm-linux-gnueabihf- ;;
esac

kmake() { make -s -C "$work" O="$obj" ARCH="$arch" CROSS_COMPILE="$cross" CHECK="$sparse" "$@"; }
mkdir -p "$obj"
# shellcheck disable=SC2086 # words
printf 'CONFIG_%s=y\n' $options >"$tmp/config"
kmake KCONFIG_ALLCONFIG="$tmp/config" $config
[ $config = allnoconfig ] || { cat "$tmp/config" >>"$obj/.config"; kmake olddefconfig; }
# shellcheck disable=SC2086 # words
kmake -j"$(nproc)" $flags $objects >"$tmp/out" 2>&1 || { cat "$tmp/out"; exit 1; }
# sparse does not stop make.
cat "$tmp/out"
! grep -qE '(warning|error):' "$tmp/out"
