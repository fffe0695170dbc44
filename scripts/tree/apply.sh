#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Applies the series with git am.
# apply.sh: to build/linux-X.Y.y. Branch `series' and the branches that end the other parts become
# what the patches give, and are tagged applied-BRANCH. Does nothing if these patches are already
# applied. Refuses if the developer would lose commits or changes.
# apply.sh PATH: to HEAD of the kernel tree in PATH, as a new branch. Leaves its work tree, index,
# HEAD and configuration as they are. If anything is in the way, it changes nothing at all.
# shellcheck disable=SC2046 # words: kernel file names have no spaces
set -eu
. "$(dirname "$0")/../common.sh"

# idle REPOSITORY: fails if it has uncommitted changes, or is in the middle of a git am or the like.
idle()
{
	git_dir=$(git -C "$1" rev-parse --absolute-git-dir)
	doing=$(cd "$git_dir" && ls -d rebase-apply rebase-merge MERGE_HEAD CHERRY_PICK_HEAD REVERT_HEAD 2>/dev/null) || :
	[ -z "$doing" ] ||
		die "$1 is in the middle of a git am, rebase, merge, cherry-pick or revert: finish or abort it, then try again"
	changed=$(changes "$1")
	[ -z "$changed" ] || die "$1 has uncommitted changes:
$(say "$changed" | head -n 5)
Commit or stash them (git -C $1 stash), then try again"
}

# am_series REPOSITORY COMMIT: applies the series to COMMIT in a clone, $tmp/am, so that REPOSITORY
# does not change. The clone has the branches of our tree; `work' is the same as the last of them.
am_series()
{
	say "== apply ${patches#"$top"/} to $1"
	# git am needs an identity, which a CI machine may not have.
	name=$(git -C "$1" config user.name) || name=maple-prealloc
	email=$(git -C "$1" config user.email) || email=maple-prealloc@localhost
	export GIT_COMMITTER_NAME="${GIT_COMMITTER_NAME:-$name}" GIT_COMMITTER_EMAIL="${GIT_COMMITTER_EMAIL:-$email}"
	borrow "$1" "$2" "$tmp/am" $(sed -n 's,^--- a/,,p; s,^+++ b/,,p' "$patches"/*/*.patch | sort -u) || return 1
	parts >"$tmp/parts"
	while read -r part branch; do
		set -- "$patches/$part"/*.patch
		# A new part may have no patches yet.
		[ ! -e "$1" ] || isolated_git -C "$tmp/am" am -q --committer-date-is-author-date "$@" 1>&2 || return 1
		isolated_git -C "$tmp/am" branch -q -f --no-track "$branch"
	done <"$tmp/parts"
}

apply_user()
{
	user=$(cd "$1" && pwd -P) || die "KERNEL= must be the path of a kernel tree"
	version=$(sed -n '1,9{s/^VERSION *= *//p; s/^PATCHLEVEL *= */./p}' "$user/Makefile" | tr -d '\n')
	series_versions | grep -qxF -e "$version" || die "$user is ${version:+Linux }${version:-not a kernel tree}.
KERNEL= must be a tree of a version that patches/ has a series for: $(series_versions | xargs)"
	patches=$top/patches/linux-$version.y
	# It must be a repository itself, not a directory in another one.
	found=$(git -C "$user" rev-parse --show-toplevel && git -C "$user" rev-parse -q --verify HEAD >/dev/null) || found=
	[ "$found" = "$user" ] || die "$user is not a git repository of its own with a commit. Make it one:
	cd $user && git init && git add -A && git commit"
	idle "$user"

	new=maple-prealloc n=1
	while git -C "$user" show-ref -q --verify "refs/heads/$new"; do
		n=$((n + 1)) new=maple-prealloc-$n
	done
	am_series "$user" HEAD || die "the series does not apply to HEAD of $user, see above. The tree has not changed.
The series is known to apply to $(cat "$patches.base"): check that out and try again. Or, unless your
tree already has these patches, apply them yourself and resolve the conflicts:
	cd $user && git switch -c $new && git am -3 $patches/*/*.patch"
	# The user's hooks and configuration must not make this do more.
	git -C "$user" -c core.hooksPath=/dev/null -c protocol.file.allow=always -c fetch.writeCommitGraph=false \
		fetch -q --no-write-fetch-head --no-tags --no-prune --no-recurse-submodules --no-auto-maintenance \
		"$tmp/am" "work:refs/heads/$new"
	say "The series is on the new branch $new of $user; nothing else has changed there. Next:
	git -C $user switch $new
	cd $user/tools/testing/radix-tree && make && ./maple	# must print: N of N tests passed
\`make deps' in $top installs what that needs. To undo: switch back, then git -C $user branch -D $new"
}

# moved: lists the branches that are not where apply.sh or export.sh left them.
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
		say "== the series is already applied in $where: nothing to do"
		[ -z "$moved" ] || say "   there are other commits on$moved: \`make export' writes them to the patches"
		return
	fi
	idle "$tree"
	[ -z "$moved" ] || die "the patches have changed, but so have these branches of $where:$moved.
To keep the branches: make export (it moves the changed patches to build/before-export).
To apply the patches: for each such BRANCH, save it and set it back, then try again:
	git -C $where branch my-BRANCH BRANCH && git -C $where checkout -B BRANCH applied-BRANCH"
	other=$(git -C "$tree" for-each-ref --format='%(worktreepath) has %(refname:short)' \
		$(branches | sed 's,^,refs/heads/,') | grep '^/' | grep -vF "$tree has ") || :
	[ -z "$other" ] || die "\`make tree' must move branches that are checked out elsewhere: $other.
Detach them there (git checkout --detach), then try again"
	am_series "$tree" base ||
		die "the series does not apply, see above: fix that patch, then run \`make tree' again"
	git -C "$tree" fetch -q --no-tags --no-write-fetch-head "$tmp/am" work
	# Move all branches and tags at once: if this is killed, the next run must not take them for the developer's.
	git -C "$tree" checkout -q --detach "$(git -C "$tmp/am" rev-parse work)" ||
		die "the series could not be checked out in $where, see above"
	for branch in $(branches); do
		to=$(git -C "$tmp/am" rev-parse "$branch")
		printf 'update refs/%s\n' "heads/$branch $to" "tags/applied-$branch $to"
	done | git -C "$tree" update-ref --stdin
	git -C "$tree" symbolic-ref HEAD refs/heads/series
	mark_applied
	# Let `git rebase' move the ends of the parts along.
	git -C "$tree" config rebase.updateRefs true
	say "The series is applied to $(git -C "$tree" log -1 --format=%s base) in $tree. Next:
	make check
	git -C $where log -p base..series
	cd $where/tools/testing/radix-tree && make && ./maple	# must print: N of N tests passed"
}

make_tmp
if [ $# -gt 0 ]; then apply_user "$1"; else apply_ours; fi
