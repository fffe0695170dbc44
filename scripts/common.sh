# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh disable=SC2034 # the variables are used by those that source this
# Sourced by the other scripts: where things are, messages, steps, tests,
# temporary directories. Does nothing by itself.

# Scripts are in a directory below scripts/.
top=$(cd "$(dirname "$0")/../.." && pwd -P)
build=$top/build
version=${VERSION:-7.3}
patches=$top/patches/linux-$version.y
tree=$build/linux-$version.y		# our own kernel tree
mkdir -p "$build"

# What git writes here must not depend on who runs it, or on where; and VERSION
# on make's command line must not reach the kernel's Makefile.
export LC_ALL=C TZ=UTC
unset MAKEFLAGS MFLAGS MAKEOVERRIDES MAKELEVEL
unset GIT_DIR GIT_WORK_TREE GIT_INDEX_FILE GIT_EXTERNAL_DIFF GIT_DIFF_OPTS CDPATH

say() { printf '%s\n' "$*"; }
die() { printf '%s: %s\n' "$(basename "$0")" "$*" >&2; exit 1; }
now() { date +%s; }

# step NAME COMMAND...: say what begins, run it, say how long it took.
step()
{
	step_name=$1; shift
	say "== $step_name"
	step_start=$(now)
	"$@"
	say "   $step_name: $(($(now) - step_start)) s"
}

# A temporary directory $tmp that is gone when the script ends, however it ends.
cleanup() { rm -rf "$tmp"; }
make_tmp()
{
	tmp=$(mktemp -d "$build/tmp.XXXXXX")
	trap cleanup EXIT
	trap 'exit 129' HUP
	trap 'exit 130' INT
	trap 'exit 143' TERM
}

# run_test NAME COMMAND...: one test, its output in build/log/. COMMAND may be a
# function; it fails at the first command in it that fails. Never fails itself.
run_test()
{
	test_name=$1; shift
	test_log=$build/log/$(say "$test_name" | tr -cs 'A-Za-z0-9.\n' - | cut -c1-200).log
	mkdir -p "$build/log"
	test_start=$(now)
	say "== $test_name"
	set +e
	(set -e; "$@") >"$test_log" 2>&1
	test_rc=$?
	set -e
	if [ "$test_rc" -eq 0 ]; then
		say "ok - $test_name ($(($(now) - test_start)) s)"
		return
	fi
	# One write, since two scripts may report at the same time.
	say "not ok - $test_name ($(($(now) - test_start)) s, exit status $test_rc)
$(tail -n 20 "$test_log" | sed 's/^/    /')
    All of it: ${test_log#"$top"/}"
}

# isolated_git: git without the user's and the machine's configuration.
isolated_git()
{
	GIT_CONFIG_GLOBAL=/dev/null GIT_CONFIG_NOSYSTEM=1 git "$@"
}

# busy REPOSITORY: prints what git is in the middle of there; nothing if it is not.
busy()
{
	for busy_file in rebase-apply rebase-merge MERGE_HEAD CHERRY_PICK_HEAD REVERT_HEAD; do
		if [ -e "$(git -C "$1" rev-parse --path-format=absolute --git-path $busy_file)" ]; then
			case $busy_file in
			rebase-apply) say 'git am or git rebase' ;;
			rebase-merge) say 'git rebase' ;;
			MERGE_HEAD) say 'git merge' ;;
			CHERRY_PICK_HEAD) say 'git cherry-pick' ;;
			REVERT_HEAD) say 'git revert' ;;
			esac
			return
		fi
	done
}

# changes REPOSITORY: its changed tracked files, without refreshing its index.
changes() { GIT_OPTIONAL_LOCKS=0 git -C "$1" status --porcelain --untracked-files=no; }

# The parts of the series are the directories in patches/linux-X.Y.y, in sorted order. In our
# tree each ends at a branch of its name; the last one, and so the series, at `series'.
parts() { find "$patches" -mindepth 1 -maxdepth 1 -type d -printf '%f\n' 2>/dev/null | sort; }
branches() { parts | sed '$s/.*/series/'; }

# ranges: PART FROM TO, a line for each part: its commits are FROM..TO. Fails with a message
# if there are no such commits.
ranges()
(
	[ -n "$(parts)" ] || die "${patches#"$top"/} has no parts: make a directory there for each"
	under=base from=$(git -C "$tree" rev-parse base^0)
	parts | sed 's/.*/& &/; $s/ .*/ series/' | while read -r part branch; do
		to=$(git -C "$tree" rev-parse -q --verify "refs/heads/$branch^0") ||
			die "branch $branch is missing in build/linux-$version.y. It must be at the last commit of $part: git -C build/linux-$version.y branch $branch COMMIT"
		{ git -C "$tree" merge-base --is-ancestor "$from" "$to" && [ "$from" != "$to" ]; } ||
			die "branch $branch of build/linux-$version.y is not on top of $under. Move the one that is wrong to the last commit of its part: git -C build/linux-$version.y branch -f NAME COMMIT"
		say "$part $from $to"
		under=$branch from=$to
	done
)

# patch_sums: differs when a patch does.
patch_sums() { (cd "$patches" && sha256sum -- */*.patch); }

# mark_applied SUMS: the branches of our tree are what the patches with these SUMS give.
mark_applied()
{
	for mark in $(branches); do
		git -C "$tree" update-ref "refs/tags/applied-$mark" "refs/heads/$mark"
	done
	say "$1" >"$tree/.git/applied-patches"
}

# am_series REPOSITORY COMMIT: the series on top of COMMIT, made in $tmp/am, branch
# `work', and a branch named as each part at its end, out of REPOSITORY's sight. Fails
# with $am_failed being the patch, and git's words in $tmp/am.log.
am_series()
{
	# Without an identity (a CI machine), git am could not commit.
	am_ident=$(git -C "$1" var GIT_COMMITTER_IDENT 2>/dev/null) || {
		am_ident='maple-prealloc <maple-prealloc@localhost> 0 +0000'
		say "   git has no identity here (user.name, user.email): committing as ${am_ident% * *}"
	}
	# shellcheck disable=SC2046 # words: kernel file names have no spaces
	borrow "$1" "$2" "$tmp/am" $(sed -n 's,^--- a/,,p; s,^+++ b/,,p' "$patches"/*/*.patch | sort -u)
	for am_part in $(parts); do
		for am_file in "$patches/$am_part"/*.patch; do
			[ -f "$am_file" ] || continue
			am_failed=${am_file#"$patches"/}
			GIT_COMMITTER_NAME=${am_ident%% <*} \
			GIT_COMMITTER_EMAIL=$(say "$am_ident" | sed 's/.*<\(.*\)>.*/\1/') \
				isolated_git -C "$tmp/am" am -q --committer-date-is-author-date \
				"$am_file" >"$tmp/am.log" 2>&1 || return 1
		done
		isolated_git -C "$tmp/am" branch -q "$am_part"
	done
}

# need_tree: our own tree must be there, with the series on it.
need_tree()
{
	git -C "$tree" rev-parse -q --verify refs/heads/series >/dev/null 2>&1 ||
		die "no series in build/linux-$version.y: run \`make tree\` first"
}

# work_tree DIRECTORY COMMIT: COMMIT checked out in a work tree of our kernel tree, which is
# kept, so that only what has changed since is built. What is changed in it is lost.
work_tree()
{
	if [ "$(git -C "$1" rev-parse --path-format=absolute --git-common-dir 2>/dev/null)" != "$tree/.git" ]; then
		rm -rf "$1"
		git -C "$tree" worktree prune
		git -C "$tree" worktree add -q --detach --no-checkout "$1" "$2"
	fi
	# Of a run that was killed.
	rm -f "$(git -C "$1" rev-parse --path-format=absolute --git-path index.lock)"
	git -C "$1" checkout -q -f --detach "$2"
}

# borrow REPOSITORY COMMIT DIRECTORY [FILE...]: a repository of its own in
# DIRECTORY that reads REPOSITORY's objects, on a branch `work' at COMMIT, with
# only the FILEs checked out, and nobody's configuration or hooks.
borrow()
{
	borrow_from=$1 borrow_to=$3
	borrow_commit=$(git -C "$1" rev-parse -q --verify "$2^0"); shift 3
	isolated_git init -q --template= -b work "$borrow_to"
	mkdir -p "$borrow_to/.git/objects/info" "$borrow_to/.git/info"
	git -C "$borrow_from" rev-parse --path-format=absolute --git-path objects \
		>"$borrow_to/.git/objects/info/alternates"
	# A shallow repository is shallow for its borrowers, too.
	borrow_shallow=$(git -C "$borrow_from" rev-parse --path-format=absolute --git-path shallow)
	[ ! -f "$borrow_shallow" ] || cp "$borrow_shallow" "$borrow_to/.git/shallow"
	isolated_git -C "$borrow_to" update-ref refs/heads/work "$borrow_commit"
	# Hunk headers depend on the attributes of the kernel's tree.
	isolated_git -C "$borrow_to" show work:.gitattributes \
		>"$borrow_to/.git/info/attributes" 2>/dev/null || :
	[ $# -gt 0 ] || return 0
	isolated_git -C "$borrow_to" config core.sparseCheckout true
	isolated_git -C "$borrow_to" config core.sparseCheckoutCone false
	printf '/%s\n' "$@" >"$borrow_to/.git/info/sparse-checkout"
	isolated_git -C "$borrow_to" read-tree -mu HEAD
}

# small_project FILE...: a copy of the project in $tmp/project, with a repository that borrow
# makes for a kernel tree: all its branches, but of its files only what the series changes,
# and these FILEs.
small_project()
{
	mkdir -p "$tmp/project/build"
	(cd "$top" && cp -R scripts patches cover-letter.txt "$tmp/project")
	small=$tmp/project/build/linux-$version.y
	# shellcheck disable=SC2046 # words
	borrow "$tree" series "$small" "$@" $(git -C "$tree" diff --no-renames --name-only base series)
	isolated_git -C "$small" branch -q -m work series
	git -C "$tree" for-each-ref --format='update %(refname) %(objectname)' refs/tags refs/heads |
		isolated_git -C "$small" update-ref --stdin
	cp "$tree/.git/applied-patches" "$small/.git"
}
