#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Makes branch `series' of build/linux-X.Y.y, and those at which the other parts end, what the
# patches give (git am), and tags each applied-BRANCH. Does nothing if it has been done with
# these patches; refuses where commits or changes of the developer's would be lost, or a part
# that he lets end elsewhere.
set -eu
. "$(dirname "$0")/common.sh"
where=build/linux-$version.y
ls "$patches"/*/*.patch >/dev/null 2>&1 || die "there is no patch in the directories in patches/linux-$version.y"
! ls "$patches"/*.patch >/dev/null 2>&1 || die "there are patches in patches/linux-$version.y itself: each must be in one of the directories there"

state=$tree/.git/applied-patches	# what has been applied
begun=$tree/.git/applying		# we are changing the work tree
want=$(patch_sums)

next()
{
	say "The tree is $tree (tag base: $(git -C "$tree" log -1 --format=%s base), branch series: $(git -C "$tree" rev-list --count base..series) patches). Next:
	make check
	git -C $where log -p base..series
	cd $where/tools/testing/radix-tree && make && ./maple"
	! git -C "$tree" cat-file -e series:tools/testing/radix-tree/maple-prealloc.c 2>/dev/null || say "	./maple-prealloc"
}

# moved: the branches that are not where they were applied.
moved()
{
	for branch in $(branches); do
		at=$(git -C "$tree" rev-parse -q --verify "refs/heads/$branch") || continue
		# `applied': before there were parts.
		for was in "applied-$branch" applied base; do
			! was=$(git -C "$tree" rev-parse -q --verify "refs/tags/$was^0") || break
		done
		[ "$at" = "$was" ] || printf ' %s' "$branch"
	done
}

# `git rebase' moves the ends of the parts along.
git -C "$tree" config rebase.updateRefs true

if [ ! -e "$begun" ]; then
	moved=$(moved)
	if [ -f "$state" ] && [ "$want" = "$(cat "$state")" ]; then
		say "== the series is applied in $where: nothing to do"
		[ -z "$moved" ] || say "   there have been other commits since, on$moved: \`make export' writes them to the patches"
		next
		exit 0
	fi
	doing=$(busy "$tree")
	[ -z "$doing" ] || die "the patches have changed, but $where is in the middle of $doing: finish or abort that first."
	[ -z "$(changes "$tree")" ] || die "the patches have changed, but $where has uncommitted changes. Put them away (git -C $where stash), then try again."
	[ -z "$moved" ] || die "the patches have changed, but what these branches of $where have is not from patches:$moved.
Write it to the patches (make export; the changed patches go to build/before-export), or put it
away, each BRANCH of them (git -C $where branch my-BRANCH BRANCH &&
git -C $where checkout -B BRANCH applied-BRANCH), then try again."
	for branch in $(branches); do
		other=$(git -C "$tree" for-each-ref --format='%(worktreepath)' "refs/heads/$branch")
		case $other in
		''|"$tree") ;;
		*) die "the patches have changed, but branch $branch of $where is checked out in $other, too: detach it there (git -C $other checkout --detach), then try again." ;;
		esac
	done
fi

make_tmp
apply()
{
	am_series "$tree" base || { cat "$tmp/am.log" >&2; die "$am_failed does not apply to $(git -C "$tree" log -1 --format=%s base) in $where: correct it, then run \`make tree' again"; }
	git -C "$tree" fetch -q --no-tags --no-write-fetch-head "$tmp/am" '+refs/heads/*:refs/new/*'
	# From here on, what is changed in the work tree is ours, also after a crash.
	if [ -e "$begun" ]; then
		rm -f "$tree/.git/index.lock"
		force=yes
	fi
	: >"$begun"
	git -C "$tree" checkout -q ${force:+-f} -B series refs/new/work || { rm "$begun"; die "the patches are applied, but the work tree $where could not be changed"; }
	for branch in $(branches); do
		[ "$branch" = series ] || git -C "$tree" branch -q -f --no-track "$branch" "refs/new/$branch"
	done
	git -C "$tree" for-each-ref --format='delete %(refname)' refs/new | git -C "$tree" update-ref --stdin
	mark_applied "$want"
	rm "$begun"
}
step "apply patches/linux-$version.y to $where" apply
next
