#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Writes branch `series' of build/linux-X.Y.y to the parts in patches/linux-X.Y.y/ and, by
# area, to lib-maple_tree-changes/, Documentation-core-api/ and testing-radix-tree/. Keeps the
# cover letter, and anything else but patches, in the directory of a part.
# --check: only compares.
set -eu
. "$(dirname "$0")/../common.sh"
need_tree
make_tmp
name=linux-$version.y
areas=patches/$name
# The directories by area show the newest series.
[ "$version" != "$newest" ] || areas="lib-maple_tree-changes Documentation-core-api testing-radix-tree $areas"
git="isolated_git -C $tree -c core.abbrev=12"

ranges >"$tmp/ranges"
base_name=$($git log -1 --format=%s base)
[ -z "$($git rev-list --merges base..series)" ] ||
	die "branch series of build/$name has a merge commit: make it linear (git rebase base)"

# No numbers in the subjects: adding a patch must not change the others.
new=$tmp/new
mkdir -p "$new/patches"
cp -R "$patches" "$new/patches"
find "$new/patches/$name" -name '*.patch' -exec rm {} +
while read -r part from to; do
	$git format-patch -q --zero-commit --no-signature --no-numbered -o "$new/patches/$name/$part" "$from..$to"
done <"$tmp/ranges"

# Write a new file in full, and a diff for a file that changes.
$git diff --no-renames --name-status base series >"$tmp/names"
while read -r status path; do
	case $path in
	Documentation/*) to=Documentation-core-api/${path#Documentation/core-api/} ;;
	tools/testing/*) to=testing-radix-tree/${path#tools/testing/} ;;
	*) to=lib-maple_tree-changes/$path ;;
	esac
	to=$new/$to
	mkdir -p "${to%/*}"
	if [ "$status" = A ]; then
		$git show "series:$path" >"$to"
	else
		$git diff --no-renames base series -- "$path" >"$to.diff"
	fi
done <"$tmp/names"

if [ "${1:-}" = --check ]; then
	# On another base than that of the patches, only line numbers and blob names may differ.
	set -- -I '^@@ ' -I '^index [0-9a-f]*\.\.'
	[ "$(cat "$patches.base")" != "$base_name" ] || set --
	[ -z "$(changes "$tree")" ] || die "build/$name has uncommitted changes: commit them, then run \`make export'"
	for d in $areas; do
		(cd "$top" && diff -rq "$@" "$d" "$new/$d") ||
			die "these differ. If branch series of build/$name is right: make export. If the patches are: make tree"
	done
	exit
fi

# Keep what is replaced until the next export.
old=build/before-export
rm -rf "${top:?}/$old"
mkdir -p "$top/$old/patches"
say "$base_name" >"$new/patches/$name.base"
for d in $areas "patches/$name.base"; do
	[ ! -e "$top/$d" ] || mv "$top/$d" "$top/$old/$d"
	[ ! -e "$new/$d" ] || mv "$new/$d" "$top/$d"
done
# The patches and the tree agree now: `make tree' has nothing to do.
mark_applied
say "Wrote $(wc -l <"$tree/.git/applied-patches") patches on $base_name to patches/$name. The old files are in $old."
[ -z "$(changes "$tree")" ] || say "build/$name has uncommitted changes, which are not in the patches."
