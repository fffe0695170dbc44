#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# apply-user.sh PATH: the series for the version of the kernel tree at PATH, as a
# new branch on top of its HEAD. Nothing else of it is written: not its work tree,
# index, HEAD, configuration. If anything is in the way, nothing at all.
set -eu
. "$(dirname "$0")/common.sh"
user=${1:?usage: apply-user.sh PATH}
make_tmp

[ -d "$user" ] || die "$user: there is no such directory. KERNEL= must name a kernel source tree."
user=$(cd "$user" && pwd -P)
version=
if [ -f "$user/Makefile" ] && [ -f "$user/Kbuild" ] && [ -d "$user/lib" ]; then
	version=$(sed -n 's/^VERSION *= *//p; s/^PATCHLEVEL *= */./p' "$user/Makefile" | head -n 2 | tr -d '\n')
fi
case $version in
[0-9]*.[0-9]*) ;;
*) die "$user is not a kernel tree. KERNEL= must name the top directory of one, with its Makefile." ;;
esac

# A repository of its own, not one further up that happens to contain it.
found=$(git -C "$user" rev-parse --show-toplevel 2>"$tmp/err") || found=
case $(cat "$tmp/err") in
*dubious*) die "$(cat "$tmp/err")" ;;
esac
[ "$found" = "$user" ] ||
	die "$user is not a git repository of its own${found:+ (only a part of $found)}. Make it one: git init && git add -A && git commit, there; then try again."
git -C "$user" rev-parse -q --verify HEAD >/dev/null ||
	die "$user has no commit yet. Make one: git add -A && git commit, there; then try again."

patches=$top/patches/linux-$version.y
ls "$patches"/*/*.patch >/dev/null 2>&1 ||
	die "$user is Linux $version, and there is no series for that. There is one for:$(
		cd "$top/patches" && for d in linux-*.y; do [ ! -d "$d" ] || printf ' %s' "${d#linux-}"; done). Take a tree of such a version."
doing=$(busy "$user")
[ -z "$doing" ] || die "$user is in the middle of $doing. Finish or abort that, then try again."
changed=$(changes "$user")
[ -z "$changed" ] || die "$user has uncommitted changes:
$(say "$changed" | head -n 5)
Commit or stash them (git -C $user stash), then try again."

branch=maple-prealloc
n=1
while git -C "$user" show-ref -q --verify "refs/heads/$branch"; do
	n=$((n + 1)) branch=maple-prealloc-$n
done

apply()
{
	am_series "$user" HEAD && return
	cat "$tmp/am.log" >&2
	known=$(cat "$top/patches/linux-$version.y.base" 2>/dev/null) || known="Linux $version, as released"
	die "$am_failed does not apply to HEAD of $user, because of: $(
		sed -n 's/^error: patch failed: \(.*\):[0-9]*$/\1/p; s/^error: \([^:]*\): \(does not\|already\) .*/\1/p' "$tmp/am.log" |
		sort -u | tr '\n' ' ')
The tree is as it was. The series is known to apply to: $known.
Check that out and try again, or, if the series is not in your tree already, merge by hand:
	cd $user && git switch -c maple-prealloc && git am -3 $patches/*/*.patch"
}
step "apply patches/linux-$version.y to $user" apply
# No configuration of the user's may make this do more than it says.
git -C "$user" -c core.hooksPath=/dev/null -c protocol.file.allow=always -c fetch.writeCommitGraph=false \
	fetch -q --no-write-fetch-head --no-tags --no-prune --no-recurse-submodules \
	--no-auto-maintenance "$tmp/am" "work:refs/heads/$branch"

say "The series is on the new branch $branch of $user; nothing else has changed there. Next:
	git -C $user switch $branch
	cd $user/tools/testing/radix-tree && make && ./maple"
if git -C "$user" cat-file -e "$branch:tools/testing/radix-tree/maple-prealloc.c" 2>/dev/null; then
	say "	./maple-prealloc"
fi
say "(\`make deps' here installs what that needs. To undo: git -C $user branch -D $branch)"
