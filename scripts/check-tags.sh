#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# check-tags.sh: tests of mm/alloc_tag.c in UML: modules are loaded and unloaded while the
# allocation of maple tree nodes fails (scripts/kernel/tags_init.c), and so are the KUnit
# suites. COMMIT=base: another commit than series, to see what fails there; nothing is
# remembered then.
set -eu
. "$(dirname "$0")/common.sh"
commit=${COMMIT:-series}
if [ "$(uname -m)" != x86_64 ]; then
	say 'skip - alloc_tag on UML: UML needs an x86-64 machine'
	exit 0
fi
need_tree
git -C "$tree" rev-parse -q --verify "$commit^0" >/dev/null || die "COMMIT=$commit: no such commit in build/linux-$version.y"
make_tmp
work=$build/tags src=$build/tags/tree files=$top/scripts/kernel
options='64BIT PRINTK BUG KALLSYMS BINFMT_ELF BLK_DEV_INITRD STDERR_CONSOLE PROC_FS SYSFS DEBUG_FS MODULES
	MODULE_UNLOAD SLUB_DEBUG FAULT_INJECTION FAILSLAB FAULT_INJECTION_DEBUG_FS DEBUG_KERNEL PROVE_LOCKING
	DEBUG_ATOMIC_SLEEP MEM_ALLOC_PROFILING'

kmake() { nice -n 10 make -s -j"$(nproc)" -C "$src" ARCH=um O="$work/um" "$@"; }

has_suites() { git -C "$tree" cat-file -e "$commit:lib/tests/maple_prealloc_kunit.c" 2>/dev/null; }

configure()
{
	# shellcheck disable=SC2086 # words
	printf 'CONFIG_%s=y\n' $options >"$tmp/config"
	say '# CONFIG_SLUB_TINY is not set' >>"$tmp/config"
	! has_suites || printf '%s\n' CONFIG_RUNTIME_TESTING_MENU=y CONFIG_KUNIT=y CONFIG_MAPLE_PREALLOC_KUNIT_TEST=m >>"$tmp/config"
	mkdir -p "$work/um"
	kmake tinyconfig
	(cd "$src" && scripts/kconfig/merge_config.sh -m -O "$work/um" "$work/um/.config" "$tmp/config") >/dev/null
	kmake olddefconfig
	if grep '=[ym]' "$tmp/config" | grep -vxFf "$work/um/.config"; then
		die "the configuration does not have these"
	fi
}

# module NAME ALIGNMENT SPACE
module()
{
	cp "$files/tags.c" "$tmp/modules/$1_00.c"
	printf '%s\n' "obj-m += $1_00.o" "CFLAGS_$1_00.o := -DTAGS_ALIGN=$2 -DTAGS_SPACE=$3" >>"$tmp/modules/Makefile"
}

build_kernel()
{
	work_tree "$src" "$commit"
	configure
	kmake linux modules
	rm -rf "$tmp/modules"
	mkdir "$tmp/modules"
	module plain 8 160
	module align 64 40
	# More than half of what there is for tags.
	module large 8 2600000
	kmake M="$tmp/modules" modules
	gcc -Wall -Wextra -O2 -static -o "$tmp/init" "$files/tags_init.c"
	{
		printf '%s\n' 'dir /dev 0755 0 0' 'nod /dev/console 0600 0 0 c 5 1' 'dir /proc 0755 0 0' \
			'dir /sys 0755 0 0' "file /init $tmp/init 0755 0 0"
		for ko in "$tmp"/modules/*.ko "$work"/um/lib/tests/maple_*.ko; do
			[ ! -f "$ko" ] || say "file /$(basename "$ko") $ko 0644 0 0"
		done
	} >"$tmp/list"
	"$work/um/usr/gen_init_cpio" "$tmp/list" >"$work/initramfs"
}

tags()
{
	build_kernel
	# Without sheaves each node is an allocation, which can fail.
	timeout --foreground 300 "$work/um/linux" mem=512M uml_dir="$tmp" initrd="$work/initramfs" \
		sysctl.vm.mem_profiling=1 slab_nomerge slab_debug=F,maple_node panic=-1 >"$tmp/console" 2>&1 </dev/null || :
	tr -d '\r' <"$tmp/console" | tee "$tmp/log"
	! has_suites || [ "$(grep -acE '^ok [0-9]+ maple_(doc|prealloc)$' "$tmp/log")" -eq 2 ] || return 1
	! grep -aE '^not ok|BUG:|WARNING:|INFO:|(BUG|WARN) at |Kernel panic' "$tmp/log" || return 1
	grep -aqx 'tags: passed' "$tmp/log"
}

if [ "$commit" = series ]; then
	once 'alloc_tag on UML' "$(git -C "$tree" ls-tree series | grep -vw -e Documentation -e tools -e MAINTAINERS
		cat "$files"/tags*.c)" tags
else
	run_test "alloc_tag on UML, $commit" tags
fi
