#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Writes branch `series' of build/linux-X.Y.y to the parts in patches/linux-X.Y.y/ and, by
# area, to lib-maple_tree-changes/, Documentation-core-api/ and testing-radix-tree/. What else
# is in the directory of a part, its cover letter, stays.
# --check: only compares; what differs goes to stdout, and the status is 1.
set -eu
. "$(dirname "$0")/common.sh"
need_tree
make_tmp
areas='lib-maple_tree-changes Documentation-core-api testing-radix-tree'
name=linux-$version.y
old=build/before-export

base=$(git -C "$tree" rev-parse base^0)
ranges >"$tmp/ranges"
borrow "$tree" series "$tmp/git"
git="isolated_git -C $tmp/git -c core.abbrev=12"
base_name=$($git log -1 --format=%s "$base")
[ -z "$($git rev-list --merges "$base..work")" ] || die "branch series of build/$name has a merge: a series must be linear (git rebase base)"

# No numbers in the subjects: a patch must not change when another is added.
while read -r part from to; do
	mkdir -p "$tmp/new/patches/$name"
	cp -R "$patches/$part" "$tmp/new/patches/$name"
	rm -f "$tmp/new/patches/$name/$part"/*.patch
	$git format-patch -q --zero-commit --no-signature --no-numbered \
		-o "$tmp/new/patches/$name/$part" "$from..$to"
done <"$tmp/ranges"
say "$base_name" >"$tmp/new/patches/$name.base"

# What the series adds is there whole, what it changes as a diff.
$git diff --no-renames --name-status "$base" work >"$tmp/names"
while read -r status path; do
	case $path in
	Documentation/*) to=Documentation-core-api/${path#Documentation/core-api/} ;;
	tools/testing/*) to=testing-radix-tree/${path#tools/testing/} ;;
	*) to=lib-maple_tree-changes/$path ;;
	esac
	to=$tmp/new/$to
	mkdir -p "${to%/*}"
	if [ "$status" = A ]; then
		$git show "work:$path" >"$to"
	else
		$git diff --no-renames "$base" work -- "$path" >"$to.diff"
	fi
done <"$tmp/names"

# Copies of both, without what moves when only the kernel below does.
without_positions()
{
	for d in "$@"; do
		find "$d" \( -name '*.patch' -o -name '*.diff' \) -exec \
			sed -i -e '/^index [0-9a-f]*\.\./d' -e 's/^@@ .*/@@/' {} +
	done
}

check()
{
	mkdir "$tmp/have"
	for d in $areas "patches/$name"; do
		mkdir -p "$tmp/have/$d" "$tmp/new/$d"
		[ ! -d "$top/$d" ] || cp -R "$top/$d/." "$tmp/have/$d"
	done
	exported=$(cat "$top/patches/$name.base" 2>/dev/null) || exported=nothing
	if [ "$base_name" != "$exported" ]; then
		say "Exported from $exported, compared with $base_name: line numbers are not looked at."
		without_positions "$tmp/have" "$tmp/new"
	fi
	[ -z "$(changes "$tree")" ] || { say "build/$name has uncommitted changes: commit them, then run \`make export'"; return 1; }
	rm "$tmp/new/patches/$name.base"
	(cd "$tmp" && LC_ALL=C diff -r -q have new) | sed 's/^/	/' >"$tmp/diff"
	[ -s "$tmp/diff" ] || { say "the exported files agree with branch series of build/$name"; return; }
	say "These differ (have: in the project, new: what branch series of build/$name gives):"
	cat "$tmp/diff"
	say "If the branch is right, run \`make export'; if the patches are, \`make tree'."
	return 1
}

write()
{
	# What is replaced is kept until the next time.
	rm -rf "${top:?}/$old"
	for d in $areas "patches/$name" "patches/$name.base"; do
		mkdir -p "$top/$old/patches" "$top/patches"
		[ ! -e "$top/$d" ] || mv "$top/$d" "$top/$old/$d"
		[ ! -e "$tmp/new/$d" ] || mv "$tmp/new/$d" "$top/$d"
	done
	# Patches and tree agree now: `make tree' has nothing to do.
	mark_applied "$(patch_sums)"
	say "patches/$name: $(find "$patches" -name '*.patch' | wc -l) patches on $base_name. What was there before is in $old."
	gone=$(cd "$top/$old" && find . -type f | while read -r f; do [ -e "$top/$f" ] || say "	$f"; done)
	[ -z "$gone" ] || say "no longer part of it:
$gone"
	[ -z "$(changes "$tree")" ] || say "build/$name has uncommitted changes: they are not in the patches."
}

case ${1:-} in
--check) check ;;
'') write ;;
*) die "usage: export.sh [--check]" ;;
esac
