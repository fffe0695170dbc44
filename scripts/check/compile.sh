#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# compile.sh COMMIT: compiles $OBJECTS of COMMIT, and the files in lib/ and mm/ that differ from base, for $ARCH, with
# $CROSS_COMPILE, $CONFIG and $OPTIONS, and with $FLAGS for make.
# shellcheck disable=SC2046,SC2086 # words
set -eu
. "$(dirname "$0")/../common.sh"
make_tmp

work=$build/check/compile obj=$build/check/compile-$ARCH
git -C "$tree" show -s --format=%s "$1"
work_tree "$work" "$1"

kmake() { make -s -C "$work" O="$obj" ARCH="$ARCH" CROSS_COMPILE="$CROSS_COMPILE" CHECK="$build/sparse/sparse" "$@"; }
changed=$(git -C "$work" diff --name-only --diff-filter=d base HEAD -- 'lib/*.c' 'mm/*.c' | sed 's/c$/o/')
# To configure takes as long as to compile a file: do it only if an option may differ.
mkdir -p "$obj"
printf 'CONFIG_%s=y\n' $OPTIONS >"$tmp/config"
{ say "$CONFIG"; cat "$tmp/config"; git -C "$work" ls-files -s '*Kconfig*'; } >"$tmp/options"
cmp -s "$tmp/options" "$obj/options" || {
	rm -f "$obj/options"
	kmake KCONFIG_ALLCONFIG="$tmp/config" "$CONFIG"
	[ "$CONFIG" = allnoconfig ] || {
		"$work/scripts/config" --file "$obj/.config" $(printf -- '-e %s ' $OPTIONS)
		kmake olddefconfig
	}
	mv "$tmp/options" "$obj"
}
# Linux 6.12 still lets sparse check lock contexts, but it cannot see that a lock is dropped under the same condition.
kmake $FLAGS CF="$([ "$version" != 6.12 ] || say -Wno-context)" $OBJECTS $changed
