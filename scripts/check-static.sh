#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# check-static.sh LABEL TREE...: what programs say that only read the commit that is checked
# out in the kernel tree TREE: sparse for x86-64, arm64 and 32-bit arm, which are compiled,
# too (W=1), kernel-doc and coccicheck. They must not say what they do not say of the base.
# With `base' for LABEL: all that the series changes, to keep what they say as that; with
# `series': the same, of the series as a whole.
# (checkpatch, and W=1 for more of x86-64, are in check-build.sh.)
set -eu
. "$(dirname "$0")/common.sh"
label=$1 work=$2
sparse=$build/sparse/sparse
make_tmp

# changed PATTERN...: the files of the commit, or of the series.
changed()
{
	from=HEAD^ to=HEAD
	case $label in base|series) from=base to=series ;; esac
	git -C "$work" diff --no-renames --name-only --diff-filter=d $from $to -- "$@" |
		(cd "$work" && while read -r f; do [ ! -f "$f" ] || say "$f"; done)
}

# What the users of the tree's headers are, besides itself, and what there is for tests.
# As little as possible else; the checks of a debug kernel are code as well.
options='64BIT MMU SMP ARCH_MULTI_V7 TRANSPARENT_HUGEPAGE SHMEM DEBUG_KERNEL PROVE_LOCKING DEBUG_VM
	DEBUG_VM_MAPLE_TREE DEBUG_MAPLE_TREE RUNTIME_TESTING_MENU TEST_MAPLE_TREE KUNIT KUNIT_ALL_TESTS'
objects="lib/maple_tree.o lib/test_maple_tree.o mm/vma.o mm/mmap.o"

kmake()
{
	cross=
	case $arch in
	x86_64) [ "$(uname -m)" = x86_64 ] || cross=x86_64-linux-gnu- ;;
	arm64) cross=aarch64-linux-gnu- ;;
	arm) cross=arm-linux-gnueabihf- ;;
	esac
	make -s -C "$work" O="$obj" ARCH="$arch" CROSS_COMPILE=$cross -j"$(nproc)" "$@"
}

# compile ARCH: objects in build/obj-static-ARCH, from scratch for the base, since what is
# said of headers, and of what every build begins with, is only said then.
compile()
{
	arch=$1 obj=$build/obj-static-$1
	[ -x "$sparse" ] || { say "no build/sparse/sparse: run scripts/fetch-sparse.sh first"; return 1; }
	if [ "$label" = base ] || [ "$options" != "$(cat "$obj/options" 2>/dev/null)" ]; then
		rm -rf "$obj"
		mkdir -p "$obj"
		for o in $options; do say "CONFIG_$o=y"; done >"$tmp/$arch.config"
		kmake KCONFIG_ALLCONFIG="$tmp/$arch.config" tinyconfig
		say "$options" >"$obj/options"
	fi
	# And what the series adds, if it is built.
	more=$(changed 'lib/tests/*.c' 'mm/tests/*.c' | sed 's/\.c$/.o/')
	# A build that failed, or warned, must do so again.
	# shellcheck disable=SC2086 # words
	(cd "$obj" && rm -f $objects $more)
	# shellcheck disable=SC2086 # words
	kmake W=1 C=1 CHECK="$sparse" $objects $more >"$tmp/$arch" 2>&1 || { cat "$tmp/$arch"; return 1; }
	cat "$tmp/$arch"
	# An error of sparse does not stop make.
	sed -i -E 's/^([^ ]+:[0-9]+:[0-9]+:) error: /\1 warning: error: /' "$tmp/$arch"
	new_warnings "$label" "$arch" "$tmp/$arch"
}

kernel_doc()
{
	# shellcheck disable=SC2086 # words
	(cd "$work" && PATH=/usr/bin:/bin:$PATH scripts/kernel-doc -none -Wall $sources) >"$tmp/kernel-doc" 2>&1 || :
	cat "$tmp/kernel-doc"
	! grep -q '^Traceback' "$tmp/kernel-doc" || return 1
	sed -i -E 's/^(Warning|Error): ([^ :]+):[0-9]+ /\2: warning: /' "$tmp/kernel-doc"
	new_warnings "$label" kernel-doc "$tmp/kernel-doc"
}

# Not `make coccicheck', which takes a directory: all scripts that can report, on our files
# without the recorded stores of maple.c, 30000 lines. Only in the kernel is what can be
# called under a lock worth the minute that it takes to find out.
coccicheck()
{
	for f in $sources; do
		mkdir -p "$tmp/files/${f%/*}"
		sed -E '/^[[:space:]]*(STORE|ERASE|SNULL), *[0-9]+, *[0-9]+,$/d' "$work/$f" >"$tmp/files/$f"
	done
	# shellcheck disable=SC2016 # for the inner shell
	(cd "$work" && grep -rlE --include='*.cocci' 'virtual[[:space:]]+report' scripts/coccinelle) | sort |
		(cd "$tmp/files" && xargs -P "$(nproc)" -I COCCI sh -c '
			case $3 in
			*/call_kern.cocci) files=$2 ;;
			*) files=$1 ;;
			esac
			[ -n "$files" ] || exit 0
			spatch -D report --very-quiet --no-show-diff --timeout 120 --cocci-file "$4/$3" \
				$(sed -n "s,^// Options: *,,p" "$4/$3") -I "$4/include" -I "$4/include/uapi" $files 2>&1 ||
				echo "$3: warning: spatch has failed"' \
			sh "$sources" "$(changed '*.c' '*.h' ':!tools')" COCCI "$work") >"$tmp/cocci"
	cat "$tmp/cocci"
	sed -i -E -e 's/^([^ :]+):[0-9]+:[0-9]+-[0-9]+: /\1: warning: /' -e 's/ lines? [0-9]+.*//' -e 's/^(EXN|Fatal error)/coccicheck: warning: &/' "$tmp/cocci"
	new_warnings "$label" coccicheck "$tmp/cocci"
}

kernel=$(git -C "$work" ls-tree HEAD | grep -vw -e Documentation -e tools; "$sparse" --version 2>&1 || :)
if [ "$label" = base ] || [ -n "$(changed lib include mm arch kernel)" ]; then
	once "$label: sparse, x86-64" "$kernel" compile x86_64
	once "$label: sparse, W=1, arm64" "$kernel" compile arm64
	once "$label: sparse, W=1, arm" "$kernel" compile arm
fi
sources=$(changed '*.c' '*.h')
[ -n "$sources" ] || exit 0
# shellcheck disable=SC2086 # words
input=$(cd "$work" && sha256sum $sources)
once "$label: kernel-doc" "$input" kernel_doc
once "$label: coccicheck" "$input" coccicheck
