#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# kernel.sh FILE COMMIT FLAGS: builds the UML kernel FILE with the benchmarks. lib/, include/ and mm/ are from COMMIT,
# all else is from `series'. FLAGS are for lib/maple_tree.o and mm/vma.o. For maple_bench.c, there are two copies of
# lib/maple_tree.c of base, too.
# kernel.sh FILE COMMIT, where FILE ends in .o: builds lib/maple_tree.o for x86-64.
set -eu
. "$(dirname "$0")/../common.sh"
file=$1 commit=$2 flags=${3:-}
src=$build/bench/tree um=$build/bench/um here=$top/scripts/bench

kmake() { nice -n 10 make -s -j"$(nproc)" -C "$src" "$@"; }

# copy NAME: makes lib/maple_NAME.c, which is lib/maple_tree.c of base with other names, but the same cache
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

work_tree "$src" series
git -C "$src" checkout -q -f "$commit" -- lib include mm
case $file in
*.o)
	kmake ARCH=x86_64 O="$build/bench/x86" defconfig
	kmake ARCH=x86_64 O="$build/bench/x86" lib/maple_tree.o
	mv "$build/bench/x86/lib/maple_tree.o" "$file"
	exit ;;
esac
# The kernel's Makefile finds a config fragment only in the kernel's own directory.
cp "$here/um.config" "$src/kernel/configs/bench.config"
kmake ARCH=um O="$um" tinyconfig bench.config >"$file.config"
! grep -vxFf "$um/.config" "$here/um.config" || die "these options of um.config are not in the kernel's configuration"
cp "$here/maple_bench.c" "$here/users_bench.c" "$here/vma_calls.c" "$src/lib/"
git -C "$tree" show base:include/linux/maple_tree.h >"$src/lib/maple_base.h"
copy base
copy again
sed -i 's/^static \(struct kmem_cache \*maple_node_cache\).*/\1;/' "$src/lib/maple_tree.c"
say 'obj-y += maple_bench.o maple_base.o vma_calls.o maple_again.o' >>"$src/lib/Makefile"
[ "$commit" = base ] || say 'obj-y += users_bench.o' >>"$src/lib/Makefile"
# All files include this header, but only mm/ and lib/maple* use what differs in it: do not build the rest again.
touch -d '2000-01-01' "$src/include/linux/maple_tree.h"
kmake ARCH=um O="$um" CFLAGS_maple_tree.o="$flags" CFLAGS_maple_base.o="$flags" CFLAGS_maple_again.o="$flags" \
	CFLAGS_vma.o="$flags" linux
cp "$um/linux" "$file"
