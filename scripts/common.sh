# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh disable=SC2034 # the variables are used by those that source this
# Sourced by the other scripts: where things are, messages, temporary directories, the parts of
# the series. Does nothing by itself.

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

# A temporary directory $tmp that is gone when the script ends, however it ends.
make_tmp()
{
	tmp=$(mktemp -d "$build/tmp.XXXXXX")
	trap 'rm -rf "$tmp"' EXIT
	trap 'exit 130' HUP INT TERM
}

# isolated_git: git without the user's and the machine's configuration.
isolated_git() { GIT_CONFIG_GLOBAL=/dev/null GIT_CONFIG_NOSYSTEM=1 git "$@"; }

# changes REPOSITORY: its changed tracked files, without refreshing its index.
changes() { GIT_OPTIONAL_LOCKS=0 git -C "$1" status --porcelain --untracked-files=no; }

# series_versions: the kernels that there are patches for.
series_versions() { (cd "$top/patches" && ls -d linux-*.y/*/) | sed 's,^linux-\(.*\)\.y/.*,\1,' | sort -Vu; }

# parts: PART BRANCH, a line for each part of the series: a directory in patches/linux-X.Y.y, and
# the branch of our tree that ends there. It is of the same name; for the last one, `series'.
parts() { (cd "$patches" && ls -d -- */) | sed -e 's,/$,,' -e 's/.*/& &/' -e '$s/ .*/ series/'; }
branches() { parts | sed 's/.* //'; }

# ranges: PART FROM TO, a line for each part: its commits are FROM..TO. Fails with a message
# if there are no such commits.
ranges()
(
	under=base from=$(git -C "$tree" rev-parse base^0)
	parts | while read -r part branch; do
		{ to=$(git -C "$tree" rev-parse -q --verify "refs/heads/$branch^0") &&
			git -C "$tree" merge-base --is-ancestor "$from" "$to" && [ "$from" != "$to" ]; } ||
			die "branch $branch of build/linux-$version.y is missing, or not on top of $under.
It must be at the last commit of $part: git -C build/linux-$version.y branch -f $branch COMMIT"
		say "$part $from $to"
		under=$branch from=$to
	done
)

# mark_applied: the branches of our tree are what the patches give.
mark_applied()
{
	branches | sed 's,.*,update refs/tags/applied-& refs/heads/&,' | git -C "$tree" update-ref --stdin
	patch_sums >"$tree/.git/applied-patches"
}
patch_sums() { (cd "$patches" && sha256sum -- */*.patch); }

# need_tree: our own tree must be there, with the series on it.
need_tree()
{
	git -C "$tree" rev-parse -q --verify refs/heads/series >/dev/null 2>&1 ||
		die "no series in build/linux-$version.y: run \`make tree' first"
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

# borrow REPOSITORY COMMIT DIRECTORY [FILE...]: a clone that shares REPOSITORY's objects, on a
# branch `work' at COMMIT, with only the FILEs checked out, and nobody's hooks.
borrow()
{
	borrowed=$3 borrow_commit=$(git -C "$1" rev-parse "$2^0")
	git clone -q --shared --no-checkout --template= "$1" "$3"
	shift 3
	# Hunk headers depend on the kernel's attributes.
	printf '/%s\n' .gitattributes "$@" | isolated_git -C "$borrowed" sparse-checkout set --no-cone --stdin
	isolated_git -C "$borrowed" checkout -q --no-track -B work "$borrow_commit"
}
