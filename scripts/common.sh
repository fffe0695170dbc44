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

# once NAME INPUT COMMAND...: run_test, unless COMMAND has passed on the same INPUT
# before, with the same scripts and compiler.
once()
{
	once_name=$1 once_input=$2; shift 2
	once_stamp=$build/stamp/$({ say "$once_input" "$@"; cat "$0" "$top/scripts/common.sh"; gcc --version; } |
		sha256sum | cut -c1-40)
	if [ -f "$once_stamp" ]; then
		say "ok - $once_name (passed before)"
		return
	fi
	run_test "$once_name" "$@"
	[ "$test_rc" -ne 0 ] || { mkdir -p "$build/stamp" && say "$once_name" >"$once_stamp"; }
}

# new_warnings LABEL KIND FILE: fails if the compiler's FILE has a warning that it did not
# have for LABEL `base'. Line numbers do not count.
new_warnings()
{
	base_warnings=$build/stamp/base-warnings-$2
	grep -aE 'warning:|Warning:' "$3" | sed -e 's/:[0-9]*\(:[0-9]*\)\{0,1\}:/:/' -e "s,$build/[^/]*/,,g" |
		sort -u >"$3.warnings"
	if [ "$1" = base ]; then
		mkdir -p "$build/stamp"
		cp "$3.warnings" "$base_warnings"
	fi
	[ -f "$base_warnings" ] || { say "the base has not been built, see above"; return 1; }
	comm -13 "$base_warnings" "$3.warnings" >"$3.new"
	[ ! -s "$3.new" ] || { say "new warnings:"; cat "$3.new"; return 1; }
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
		fix="It must be at the last commit of $part: git -C build/linux-$version.y branch -f $branch COMMIT"
		to=$(git -C "$tree" rev-parse -q --verify "refs/heads/$branch^0") ||
			die "branch $branch is missing in build/linux-$version.y. $fix"
		{ git -C "$tree" merge-base --is-ancestor "$from" "$to" && [ "$from" != "$to" ]; } ||
			die "branch $branch of build/linux-$version.y is not on top of $under. $fix"
		say "$part $from $to"
		under=$branch from=$to
	done
)

# mark_applied: the branches of our tree are what the patches give.
mark_applied()
{
	for mark in $(branches); do
		git -C "$tree" update-ref "refs/tags/applied-$mark" "refs/heads/$mark"
	done
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

# radix_tree COMMIT DIRECTORY: tools/testing/radix-tree of COMMIT, and what it is built from.
radix_tree()
{
	mkdir -p "$2"
	git -C "$tree" archive "$1" tools lib include arch/x86/include arch/arm64/include scripts >"$2.tar"
	tar -xf "$2.tar" -C "$2"
	rm "$2.tar"
}
