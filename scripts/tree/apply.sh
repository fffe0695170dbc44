#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Applies the series with git am.
# apply.sh: to build/linux-X.Y.y. Branch `series', and those at which the other parts end, become
# what the patches give, and are tagged applied-BRANCH. Does nothing if it has been done with
# these patches. Refuses where commits or changes of the developer's would be lost.
# apply.sh PATH: to HEAD of the kernel tree there, as a new branch. Nothing else of it is written:
# not its work tree, index, HEAD, configuration. If anything is in the way, nothing at all.
set -eu
. "$(dirname "$0")/../common.sh"

# idle REPOSITORY: refuses one where somebody is at work.
idle()
{
	git_dir=$(git -C "$1" rev-parse --absolute-git-dir)
	doing=$(cd "$git_dir" && ls -d rebase-apply rebase-merge MERGE_HEAD CHERRY_PICK_HEAD REVERT_HEAD 2>/dev/null) || :
	[ -z "$doing" ] ||
		die "$1 is in the middle of a git am, rebase, merge, cherry-pick or revert: finish or abort that, then try again"
	changed=$(changes "$1")
	[ -z "$changed" ] || die "$1 has uncommitted changes:
$(say "$changed" | head -n 5)
Commit them, or put them away (git -C $1 stash), then try again"
}

# am_series REPOSITORY COMMIT: the series on top of COMMIT, out of REPOSITORY's sight, in $tmp/am:
# the branches of our tree, the last one as `work', too.
am_series()
{
	say "== apply ${patches#"$top"/} to $1"
	# Without an identity (a CI machine), git am could not commit.
	name=$(git -C "$1" config user.name) || name=maple-prealloc
	email=$(git -C "$1" config user.email) || email=maple-prealloc@localhost
	export GIT_COMMITTER_NAME="${GIT_COMMITTER_NAME:-$name}" GIT_COMMITTER_EMAIL="${GIT_COMMITTER_EMAIL:-$email}"
	# shellcheck disable=SC2046 # words: kernel file names have no spaces
	borrow "$1" "$2" "$tmp/am" $(sed -n 's,^--- a/,,p; s,^+++ b/,,p' "$patches"/*/*.patch | sort -u) || return 1
	parts >"$tmp/parts"
	while read -r part branch; do
		set -- "$patches/$part"/*.patch
		# A new part has no patch yet.
		[ ! -e "$1" ] || isolated_git -C "$tmp/am" am -q --committer-date-is-author-date "$@" 1>&2 || return 1
		isolated_git -C "$tmp/am" branch -q -f --no-track "$branch"
	done <"$tmp/parts"
}

apply_user()
{
	user=$(cd "$1" && pwd -P) || die "KERNEL= must name a kernel tree"
	version=$(sed -n '1,9{s/^VERSION *= *//p; s/^PATCHLEVEL *= */./p}' "$user/Makefile" | tr -d '\n')
	series_versions | grep -qxF -e "$version" || die "$user is ${version:+Linux }${version:-not a kernel tree}.
KERNEL= must name one that there is a series for in patches/: $(series_versions | xargs)"
	patches=$top/patches/linux-$version.y
	# A repository of its own, not one further up that happens to contain it.
	found=$(git -C "$user" rev-parse --show-toplevel && git -C "$user" rev-parse -q --verify HEAD >/dev/null) || found=
	[ "$found" = "$user" ] || die "$user is not a git repository of its own with a commit. Make it one, there:
	git init && git add -A && git commit"
	idle "$user"

	new=maple-prealloc n=1
	while git -C "$user" show-ref -q --verify "refs/heads/$new"; do
		n=$((n + 1)) new=maple-prealloc-$n
	done
	am_series "$user" HEAD || die "the series does not apply to HEAD of $user, see above. The tree is as it was.
It is known to apply to: $(cat "$patches.base"). Check that out and try again, or, if it is
not in your tree already, merge by hand:
	cd $user && git switch -c maple-prealloc && git am -3 $patches/*/*.patch"
	# No configuration of the user's may make this do more than it says.
	git -C "$user" -c core.hooksPath=/dev/null -c protocol.file.allow=always -c fetch.writeCommitGraph=false \
		fetch -q --no-write-fetch-head --no-tags --no-prune --no-recurse-submodules --no-auto-maintenance \
		"$tmp/am" "work:refs/heads/$new"
	say "The series is on the new branch $new of $user; nothing else has changed there. Next:
	git -C $user switch $new
	cd $user/tools/testing/radix-tree && make && ./maple
(\`make deps' here installs what that needs. To undo: git -C $user branch -D $new)"
}

# moved: the branches that are not where they were applied.
moved()
{
	for branch in $(branches); do
		at=$(git -C "$tree" rev-parse -q --verify "refs/heads/$branch") || continue
		was=$(git -C "$tree" rev-parse -q --verify "refs/tags/applied-$branch^0") || was=$(git -C "$tree" rev-parse base^0)
		[ "$at" = "$was" ] || printf ' %s' "$branch"
	done
}

apply_ours()
{
	where=build/linux-$version.y
	moved=$(moved)
	if [ "$(patch_sums)" = "$(cat "$tree/.git/applied-patches" 2>/dev/null)" ]; then
		say "== the series is applied in $where: nothing to do"
		[ -z "$moved" ] || say "   there have been other commits since, on$moved: \`make export' writes them to the patches"
		return
	fi
	idle "$tree"
	[ -z "$moved" ] || die "the patches have changed, but what these branches of $where have is not from patches:$moved.
Write it to the patches (make export; the changed patches go to build/before-export), or put it
away, each BRANCH of them (git -C $where branch my-BRANCH BRANCH &&
git -C $where checkout -B BRANCH applied-BRANCH), then try again"
	# shellcheck disable=SC2046 # words
	other=$(git -C "$tree" for-each-ref --format='%(worktreepath) has %(refname:short)' \
		$(branches | sed 's,^,refs/heads/,') | grep '^/' | grep -vF "$tree has ") || :
	[ -z "$other" ] || die "another work tree of $where $other. Detach it there (git checkout --detach), then try again"
	am_series "$tree" base ||
		die "the series does not apply, see above: correct that patch, then run \`make tree' again"
	git -C "$tree" fetch -q --no-tags --no-write-fetch-head "$tmp/am" work
	git -C "$tree" checkout -q -B series "$(git -C "$tmp/am" rev-parse work)" ||
		die "the work tree $where could not be changed, see above"
	for branch in $(branches); do
		git -C "$tree" update-ref "refs/heads/$branch" "$(git -C "$tmp/am" rev-parse "$branch")"
	done
	mark_applied
	# `git rebase' moves the ends of the parts along.
	git -C "$tree" config rebase.updateRefs true
	say "The tree is $tree ($(git -C "$tree" log -1 --format=%s base)). Next:
	make check
	git -C $where log -p base..series
	cd $where/tools/testing/radix-tree && make && ./maple"
}

make_tmp
if [ $# -gt 0 ]; then
	apply_user "$1"
else
	apply_ours
fi
