# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh disable=SC2034 # the scripts that source this use the variables
# The other scripts source this: paths, messages, temporary directories, the parts of the series.

top=$(cd "$(dirname "$0")/../.." && pwd -P)
mkdir -p "$top/build"
build=$(cd "$top/build" && pwd -P)
# series_versions: lists the kernel versions that have a series in patches/.
series_versions() { (cd "$top/patches" && ls -d linux-*.y/*/) | sed 's,^linux-\(.*\)\.y/.*,\1,' | sort -Vu; }
newest=$(series_versions | tail -n 1)
version=${VERSION:-$newest}
patches=$top/patches/linux-$version.y
tree=$build/linux-$version.y		# our kernel tree

# The user's environment must not change what git writes; and VERSION on make's command line must
# not reach the kernel's Makefile. $JOBSERVER is what make -j gives to the make below it.
export LC_ALL=C TZ=UTC MAKEFLAGS="${JOBSERVER:-}"
unset MFLAGS MAKEOVERRIDES MAKELEVEL GIT_DIR GIT_WORK_TREE GIT_INDEX_FILE GIT_EXTERNAL_DIFF GIT_DIFF_OPTS CDPATH

say() { printf '%s\n' "$*"; }
die() { printf '%s: %s\n' "$(basename "$0")" "$*" >&2; exit 1; }

# make_tmp: makes a temporary directory $tmp, which is removed when the script ends, also by a signal.
make_tmp()
{
	tmp=$(mktemp -d "$build/tmp.XXXXXX")
	trap 'rm -rf "$tmp"' EXIT
	trap 'exit 130' HUP INT TERM
}

# isolated_git: runs git without the configuration of the user and the machine.
isolated_git() { GIT_CONFIG_GLOBAL=/dev/null GIT_CONFIG_NOSYSTEM=1 git "$@"; }

# changes REPOSITORY: lists its changed tracked files; does not write its index.
changes() { GIT_OPTIONAL_LOCKS=0 git -C "$1" status --porcelain --untracked-files=no; }

# parts: prints a line `PART BRANCH' for each part of the series: its directory in patches/linux-X.Y.y, and the
# branch of our tree at its last commit, which has the same name, except that of the last part, which is `series'.
parts() { (cd "$patches" && ls -d -- */) | sed -e 's,/$,,' -e 's/.*/& &/' -e '$s/ .*/ series/'; }
branches() { parts | sed 's/.* //'; }

# ranges: prints a line `PART FROM TO' for each part: its commits are FROM..TO. Fails with a message if there are none.
ranges()
(
	under=base from=$(git -C "$tree" rev-parse base^0)
	parts | while read -r part branch; do
		{ to=$(git -C "$tree" rev-parse -q --verify "refs/heads/$branch^0") &&
			git -C "$tree" merge-base --is-ancestor "$from" "$to" && [ "$from" != "$to" ]; } ||
			die "branch $branch of build/linux-$version.y is missing, not on top of $under, or has no commit of its own.
Set it to the last commit of $part: git -C build/linux-$version.y branch -f $branch COMMIT"
		say "$part $from $to"
		under=$branch from=$to
	done
)

# mark_applied: records that the branches of our tree are what the patches give.
mark_applied()
{
	branches | sed 's,.*,update refs/tags/applied-& refs/heads/&,' | git -C "$tree" update-ref --stdin
	patch_sums >"$tree/.git/applied-patches"
}
patch_sums() { (cd "$patches" && sha256sum -- */*.patch); }

# need_tree: fails if our tree is not there, or has no series.
need_tree()
{
	{ [ -d "$tree" ] && git -C "$tree" rev-parse -q --verify refs/heads/series >/dev/null; } ||
		die "no series in build/linux-$version.y: run \`make tree' first"
}

# git_path DIRECTORY OPTION...: prints a path in the repository of DIRECTORY.
git_path() { git_of=$1 && shift && git -C "$git_of" rev-parse --path-format=absolute "$@" 2>/dev/null; }

# work_tree DIRECTORY COMMIT: checks out COMMIT in DIRECTORY, a work tree of our kernel tree. It is kept, so that
# the next build compiles only what has changed. Changes in it are lost.
work_tree()
{
	if [ "$(git_path "$1" --git-common-dir)" != "$tree/.git" ]; then
		rm -rf "$1"
		git -C "$tree" worktree prune
		git -C "$tree" worktree add -q --detach --no-checkout "$1" "$2"
		# Link the files of another work tree: git does not write to a file in place. That changes their ctime.
		other=$build/check/tree
		[ "$(git_path "$other" --git-common-dir)" != "$tree/.git" ] || ! (cd "$other" && cp -al -- * "$1") 2>/dev/null ||
			cp "$(git_path "$other" --git-path index)" "$(git_path "$1" --git-path index)" 2>/dev/null || :
	fi
	# A killed run may have left its lock.
	rm -f "$(git_path "$1" --git-path index.lock)"
	git -C "$1" -c core.trustctime=false checkout -q -f --detach "$2"
}

# borrow REPOSITORY COMMIT DIRECTORY [FILE...]: makes a clone that shares REPOSITORY's objects, on a
# branch `work' at COMMIT, with only the FILEs checked out, and without hooks.
borrow()
{
	borrowed=$3 borrow_commit=$(git -C "$1" rev-parse "$2^0")
	git clone -q --shared --no-checkout --template= "$1" "$3"
	shift 3
	# What hunk headers say depends on .gitattributes.
	printf '/%s\n' .gitattributes "$@" | isolated_git -C "$borrowed" sparse-checkout set --no-cone --stdin
	isolated_git -C "$borrowed" checkout -q --no-track -B work "$borrow_commit"
}
