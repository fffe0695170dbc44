#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Tests of `make tree KERNEL=path', on small repositories with the files of the base that
# the series touches: whatever is wrong with a tree, the message says it, and the tree is
# left as it was; if nothing is, there is one branch more, and nothing else. And of git am
# by hand, of all patches, and of those parts of them that one may want to apply.
set -eu
. "$(dirname "$0")/common.sh"
need_tree
make_tmp
export GIT_AUTHOR_NAME=A GIT_AUTHOR_EMAIL=a@localhost GIT_CONFIG_GLOBAL=/dev/null GIT_CONFIG_NOSYSTEM=1

# kernel: a fresh $dir, like a small kernel tree, in git.
kernel()
{
	dir=$tmp/$1
	rm -rf "$dir"
	cp -a "$tmp/kernel" "$dir"
	g="git -C $dir"
}

commit() { (cd "$dir" && git add -A && git commit -q -m "$1"); }

# state: all that is in $dir, but for git's objects.
state()
{
	(cd "$dir" 2>/dev/null || exit 0
	 find . -path ./.git/objects -prune -o \( -type f -o -type l \) -print0 | sort -z | xargs -0r sha256sum
	 GIT_OPTIONAL_LOCKS=0 git status --porcelain 2>&1 || :
	 git for-each-ref 2>&1 || :)
}

make_tree() { make -s --no-print-directory -C "$top" tree KERNEL="$dir"; }

# refused PATTERN...: `make tree' must fail, with a message that has these, and change nothing.
refused()
{
	state >"$tmp/before"
	! make_tree >"$tmp/said" 2>&1 || { cat "$tmp/said"; say "it was not refused"; return 1; }
	cat "$tmp/said"
	state | diff "$tmp/before" - || { say "the tree is not as it was"; return 1; }
	for p in "$@"; do
		grep -q -e "$p" "$tmp/said" || { say "the message does not say: $p"; return 1; }
	done
}

# accepted BRANCH: it must succeed, BRANCH be the series, and nothing else be changed.
accepted()
{
	head=$($g rev-parse HEAD)
	state | grep -v "refs/heads/$1\$" >"$tmp/before"
	make_tree >"$tmp/said" 2>&1 || { cat "$tmp/said"; return 1; }
	cat "$tmp/said"
	state | grep -v "refs/heads/$1\$" | diff "$tmp/before" - || { say "more has changed than branch $1"; return 1; }
	grep -q "switch $1\$" "$tmp/said"
	$g merge-base --is-ancestor "$head" "$1"
	$g fsck --no-dangling
	# The same patches, but for the committer.
	$g log --format='%an %ae %aI %B' "$head..$1" >"$tmp/have"
	git -C "$tree" log --format='%an %ae %aI %B' "$base..series" | diff - "$tmp/have"
	for f in $files; do
		want=$(git -C "$tree" rev-parse -q --verify "series:$f" || :)
		[ "$want" = "$($g rev-parse -q --verify "$1:$f" || :)" ] || { say "$f differs"; return 1; }
	done
}

no_directory()	{ dir=$tmp/none; refused 'no such directory' 'KERNEL='; }
no_kernel()	{ kernel 1; rm "$dir/Kbuild"; commit c; refused 'not a kernel tree' 'KERNEL='; }
no_git()	{ kernel 2; rm -rf "$dir/.git"; refused 'not a git repository' 'git init'; }
part_of_git()	{ kernel 3; mkdir "$dir/sub"; cp -a "$tmp/kernel/." "$dir/sub"; rm -rf "$dir/sub/.git"
		  commit c; dir=$dir/sub; refused 'not a git repository of its own' 'git init'; }
no_commit()	{ kernel 4; rm -rf "$dir/.git"; git init -q "$dir"; refused 'no commit' 'git commit'; }
changed()	{ kernel 5; say >>"$dir/lib/maple_tree.c"; refused 'uncommitted changes' 'lib/maple_tree.c' stash; }
staged()	{ kernel 6; say >>"$dir/lib/maple_tree.c"; $g add -A; refused 'uncommitted changes' stash; }
in_am()		{ kernel 7; say >"$dir/a"; commit a; $g format-patch -q -1 -o "$dir/.git" HEAD
		  $g am -q "$dir"/.git/0001-* || :; refused 'middle of git am' abort; }
in_rebase()	{ kernel 8; say >"$dir/a"; commit a; GIT_SEQUENCE_EDITOR='sed -i 1ibreak' $g rebase -q -i HEAD^
		  refused 'middle of git rebase' abort; }
in_merge()	{ kernel 9; $g switch -q -c other; say >"$dir/a"; commit a; $g switch -q -; say >"$dir/b"; commit b
		  $g merge -q --no-commit other; refused 'middle of git merge' abort; }
no_series()	{ kernel 10; sed -i 's/^VERSION = .*/VERSION = 5/' "$dir/Makefile"; commit c
		  refused 'Linux 5\.' 'no series' " $version"; }
no_apply()	{ kernel 11; say 'int x;' >"$dir/$first_file"; commit c
		  refused "$first_patch does not apply" "$first_file" 'git am -3' 'known to apply to: Linux'; }
late_no_apply()	{ kernel 12; say 'int x;' >"$dir/$last_file"; commit c; refused 'does not apply' "$last_file" 'git am -3'; }
good()		{ kernel 13; accepted maple-prealloc; }
good_again()	{ accepted maple-prealloc-2; }
untracked()	{ kernel 14; say >"$dir/notes"; say '*.o' >"$dir/.git/info/exclude"; say >"$dir/a.o"; accepted maple-prealloc; }
configured()	{ kernel 15; mkdir -p "$dir/.git/hooks"
		  for h in applypatch-msg pre-applypatch post-applypatch pre-commit commit-msg post-checkout reference-transaction; do
			printf '#!/bin/sh\ndate >>hooked; exit 1\n' >"$dir/.git/hooks/$h"; chmod +x "$dir/.git/hooks/$h"
		  done
		  $g config commit.gpgSign true; $g config am.threeWay true; $g config core.autocrlf true; $g config fetch.prune true
		  $g config gc.auto 1; $g config apply.whitespace fix; accepted maple-prealloc
		  [ "$($g log -1 --format='%cn %ce' maple-prealloc)" = 'C c@localhost' ]; }
shallow()	{ kernel 16; say >"$dir/a"; commit a; git clone -q --depth 1 "file://$dir" "$tmp/17"
		  dir=$tmp/17 g="git -C $tmp/17"; $g checkout -q --detach; accepted maple-prealloc; }
worktree()	{ kernel 18; $g worktree add -q "$tmp/19" -b other; dir=$tmp/19 g="git -C $tmp/19"; accepted maple-prealloc; }
no_identity()	{ kernel 20; $g config user.useConfigOnly true; $g config --unset user.name; $g config --unset user.email
		  accepted maple-prealloc; grep -q 'no identity' "$tmp/said"; }

# What these two fix is fixed upstream by `maple_tree: fix maple_range_64 crashes in RCU mode'
# (Dimitris Charisis). They may have to give way to it, whole, or all of them but their tests.
replaced='maple_tree: do not treat metadata as a child when freeing in RCU mode
maple_tree: do not clear the last slot of a node that is being freed'

# hand: a fresh repository at the base.
hand()
{
	rm -rf "$tmp/hand"
	# shellcheck disable=SC2086 # words
	borrow "$tree" base "$tmp/hand" $files
	g="isolated_git -C $tmp/hand"
	$g config user.name C
	$g config user.email c@localhost
}
by_hand()	{ hand; $g am -q "$patches"/*/*.patch; $g diff --exit-code "$(git -C "$tree" rev-parse series)" work; }
fixes_by_hand()	{ hand; $g am -q "$patches"/1-fixes/*.patch; $g diff --exit-code "$(git -C "$tree" rev-parse 1-fixes)" work; }

# without_replaced [FILES]: all patches apply without those that are replaced, or with only
# what these change in FILES. Says which ones do not, and shows what of them does not.
without_replaced()
{
	hand
	# When one has failed, what comes after it is tried all the same.
	say '* merge=union' >>"$tmp/hand/.git/info/attributes"
	left_out=0 failed=
	for p in "$patches"/*/*.patch; do
		subject=$(git mailinfo "$tmp/message" "$tmp/diff" <"$p" | sed -n 's/^Subject: //p')
		include=
		if say "$replaced" | grep -qxF -e "$subject"; then
			left_out=$((left_out + 1))
			[ $# -gt 0 ] || continue
			include=--include=$1
		fi
		# shellcheck disable=SC2086 # nothing if it is empty
		! $g am -q $include "$p" || continue
		failed="$failed
	${p#"$patches"/}"
		$g am --abort
		$g apply --reject "$p" || :
		(cd "$tmp/hand" && find . -name '*.rej' -exec cat {} +)
		$g reset -q --hard
		$g clean -qfdx
		$g am -q -3 "$p" || break
	done
	[ -z "$failed" ] || { say "These do not apply; the hunks above have a context that is not there:$failed"; return 1; }
	[ "$left_out" -eq "$(say "$replaced" | wc -l)" ] || { say "not all of these are there:" "$replaced"; return 1; }
}

base=$(git -C "$tree" rev-parse base^0)
# The files come from the patches, as users get them.
files=$(git -C "$tree" diff --no-renames --name-only base series)
# shellcheck disable=SC2086 # words
borrow "$tree" base "$tmp/kernel" $files Makefile Kbuild
rm -rf "$tmp/kernel/.git"
mkdir -p "$tmp/kernel/lib"
git init -q -b master "$tmp/kernel"
git -C "$tmp/kernel" config user.name C
git -C "$tmp/kernel" config user.email c@localhost
dir=$tmp/kernel
commit 'a kernel'
first_patch=$(cd "$patches" && find . -name '*.patch' | sed 's,^\./,,' | sort | head -n 1)
first_file=$(sed -n 's,^--- a/,,p' "$patches/$first_patch" | head -n 1)
# The file that is touched for the first time by the latest patch.
last_file=$(cat "$patches"/*/*.patch | sed -n 's,^--- a/,,p' | awk '!seen[$0]++' | tail -n 1)

run_test 'KERNEL=: no such directory' no_directory
run_test 'KERNEL=: not a kernel tree' no_kernel
run_test 'KERNEL=: not git' no_git
run_test 'KERNEL=: part of another git repository' part_of_git
run_test 'KERNEL=: git without a commit' no_commit
run_test 'KERNEL=: changed file' changed
run_test 'KERNEL=: staged change' staged
run_test 'KERNEL=: in the middle of git am' in_am
run_test 'KERNEL=: in the middle of git rebase' in_rebase
run_test 'KERNEL=: in the middle of git merge' in_merge
run_test 'KERNEL=: version without a series' no_series
run_test 'KERNEL=: first patch does not apply' no_apply
run_test 'KERNEL=: a later patch does not apply' late_no_apply
run_test 'KERNEL=: new branch, nothing else' good
dir=$tmp/13 g="git -C $tmp/13"
run_test 'KERNEL=: branch name is taken' good_again
run_test 'KERNEL=: untracked and ignored files' untracked
run_test "KERNEL=: the user's hooks and configuration" configured
run_test 'KERNEL=: shallow clone, detached HEAD' shallow
run_test 'KERNEL=: linked work tree' worktree
run_test 'KERNEL=: no identity' no_identity
run_test 'git am: all patches by hand' by_hand
run_test 'git am: 1-fixes by itself' fixes_by_hand
run_test 'git am: without what upstream replaces' without_replaced
run_test 'git am: with only lib/ of what upstream replaces' without_replaced 'lib/*'
