#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# check-build.sh LABEL TREE...: tests of one commit, which is checked out in the kernel tree
# TREE: checkpatch, and the x86-64 objects that use the maple tree, without a warning
# that the base does not give. With `base' for LABEL: builds only, and keeps what the
# compiler says as what the base gives. Objects stay in build/obj-x86_64.
set -eu
. "$(dirname "$0")/common.sh"
label=$1 work=$2
obj=$build/obj-x86_64
make_tmp

# From: git grep -lE 'linux/maple_tree.h|(mas|mtree|vma_iter)_[a-z_]+\(', without what
# x86-64 does not build: mm/nommu.c, fs/proc/task_nommu.c, arch/{arm64,xtensa}, rust.
objects='lib/maple_tree.o lib/test_maple_tree.o lib/interval_tree_test.o lib/region_alloc_benchmark.o
	mm/ fs/exec.o fs/coredump.o fs/libfs.o fs/proc/base.o fs/proc/task_mmu.o fs/btrfs/lru_cache.o
	ipc/shm.o kernel/fork.o kernel/bpf/task_iter.o kernel/irq/irqdesc.o kernel/sched/fair.o
	arch/x86/entry/vdso/vma.o arch/x86/kernel/uprobes.o kernel/events/uprobes.o
	drivers/base/regmap/regcache-maple.o drivers/block/ublk_drv.o drivers/iommu/iommufd/
	drivers/gpu/drm/nouveau/nouveau_uvmm.o drivers/gpu/drm/nouveau/nouveau_debugfs.o'
# What defconfig leaves out of these.
options='BLK_DEV_UBLK BPF_SYSCALL BTRFS_FS DRM_NOUVEAU IOMMUFD KSM MEM_ALLOC_PROFILING MFD_SYSCON
	TRANSPARENT_HUGEPAGE UPROBE_EVENTS USERFAULTFD'

kmake()
{
	[ "$(uname -m)" = x86_64 ] || set -- CROSS_COMPILE=x86_64-linux-gnu- "$@"
	make -s -C "$work" O="$obj" ARCH=x86_64 -j"$(nproc)" "$@"
}

configure()
{
	mkdir -p "$obj"
	kmake defconfig
	for o in $options; do say "CONFIG_$o=y"; done >>"$obj/.config"
	kmake olddefconfig
	say "$options" >"$obj/options"
}

build_objects()
{
	# What the base warns of shows in a full build only.
	[ "$label" != base ] || rm -rf "$obj"
	[ "$options" = "$(cat "$obj/options" 2>/dev/null)" ] || configure
	# A build that failed, or warned, must do so again.
	git -C "$work" diff --name-only --diff-filter=d -z HEAD^ HEAD 2>/dev/null | (cd "$work" && xargs -0r touch --)
	# Or the next checkout would write them again, and all would be built twice.
	git -C "$work" update-index -q --refresh
	# shellcheck disable=SC2086 # words
	kmake W=1 $objects >"$tmp/out" 2>&1 || { cat "$tmp/out"; return 1; }
	cat "$tmp/out"
	new_warnings "$label" objects "$tmp/out"
}

# Our tree has no history in which to look up the commits that a message names. And
# the python3 that has the modules for the check of licences is Debian's.
# MAINTAINERS has patterns for the new files.
checkpatch()
{
	git -C "$work" format-patch -1 --stdout | (cd "$work" && PATH=/usr/bin:/bin:$PATH perl scripts/checkpatch.pl --strict --ignore UNKNOWN_COMMIT_ID,FILE_PATH_CHANGES -)
}

[ "$label" = base ] || once "$label: checkpatch --strict" "$(git -C "$work" show -s --format='%T %B %an %ae' HEAD)" checkpatch
once "$label: x86-64 objects, W=1" "$(git -C "$work" ls-tree HEAD | grep -vw -e Documentation -e tools)" build_objects
