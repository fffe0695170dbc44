#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Tests: patches/ and the directories by area are what branch series of our tree gives; and,
# in copies of the project with a small kernel tree, that `make tree' and `make export' put
# the parts where they belong, and lose nothing.
set -eu
. "$(dirname "$0")/common.sh"
need_tree
make_tmp
export GIT_CONFIG_GLOBAL=/dev/null GIT_CONFIG_NOSYSTEM=1 GIT_AUTHOR_NAME=A GIT_AUTHOR_EMAIL=a@localhost
export GIT_COMMITTER_NAME=C GIT_COMMITTER_EMAIL=c@localhost

# project: a fresh copy.
project()
{
	rm -rf "$tmp/project"
	small_project notes
	g="git -C $small"
	p=$tmp/project/patches/linux-$version.y
}
tree()		{ "$tmp/project/scripts/apply.sh"; }
export_it()	{ "$tmp/project/scripts/export.sh" "$@"; }
# change_patch: of part 1-fixes, as if others had.
change_patch()	{ sed -i 's/^Subject: \[PATCH\] /&Our /' "$p"/1-fixes/0001-*; }
commit()	{ say "$1" >>"$small/notes"; $g add -f notes; $g commit -q "${2:---message=notes}"; }

# refused COMMAND PATTERN...: with a message that has these, and nothing is changed.
refused()
{
	state >"$tmp/before"
	command=$1; shift
	! "$command" >"$tmp/said" 2>&1 || { cat "$tmp/said"; say "it was not refused"; return 1; }
	cat "$tmp/said"
	state | diff "$tmp/before" -
	for pattern in "$@"; do
		grep -q -e "$pattern" "$tmp/said" || { say "the message does not say: $pattern"; return 1; }
	done
}
state() { $g for-each-ref; $g symbolic-ref HEAD; $g status -s -uno; find "$p" -type f -exec sha256sum {} + | sort; }

# The trees at the ends of the parts are what they were.
same_ends()
{
	for b in $(branches); do
		[ "$($g rev-parse "$b^{tree}")" = "$(git -C "$tree" rev-parse "$b^{tree}")" ]
	done
}

again()		{ project; tree | grep 'nothing to do'; state >"$tmp/before"; export_it; state | diff "$tmp/before" -; }
first_time()	{ project; rm "$small/.git/applied-patches"; $g checkout -q -B series base
		  $g for-each-ref --format='delete %(refname)' refs/heads refs/tags | grep -v -e /base -e /series | $g update-ref --stdin
		  tree; same_ends; tree | grep 'nothing to do'; }
changed()	{ project; change_patch; tree; same_ends; $g log --format=%s 1-fixes | grep '^Our '
		  $g log --format=%s base..series | grep '^Our '; }
killed()	{ project; change_patch; : >"$small/.git/applying"; $g branch -f 2-prealloc series; tree; same_ends; }
committed()	{ project; commit 1; change_patch; refused tree ':.* series' 'make export'; }
part_moved()	{ project; $g branch -q -f 1-fixes 1-fixes^; change_patch; refused tree ': 1-fixes\.' 'branch my-'; }
part_committed() { project; $g switch -q 1-fixes; commit 1; change_patch; refused tree ': 1-fixes\.' 'branch my-'; }
checked_out()	{ project; $g worktree add -q --no-checkout "$tmp/project/other" 1-fixes; change_patch; refused tree 'project/other' detach; }
flat()		{ project; say >"$p/0001-x.patch"; refused tree 'each must be in one'; }
missing()	{ project; $g branch -q -D 1-fixes; refused export_it 'branch 1-fixes is missing' '1-fixes COMMIT'; }
aside()		{ project; $g branch -q -f 1-fixes series; refused export_it 'branch 2-prealloc .* is not on top of 1-fixes'; }
below()		{ project; $g branch -q -f 1-fixes base; refused export_it 'branch 1-fixes .* is not on top of base'; }

# As README has it: a fixup of the last patch of a part, which stays the last.
rebased()
{
	project
	say 'x' >"$p/1-fixes/cover-letter.txt"
	tree
	commit 1 --fixup=1-fixes
	tree | grep 'on series: .make export'
	GIT_SEQUENCE_EDITOR=: $g rebase -q -i --autosquash base
	export_it
	[ "$($g rev-parse 1-fixes:notes)" = "$($g rev-parse series:notes)" ]
	grep -l '^+++ b/notes' "$p"/*/*.patch | tee "$tmp/has"
	[ "$(cat "$tmp/has")" = "$(find "$p/1-fixes" -name '*.patch' | sort | tail -n 1)" ]
	[ "$(cat "$p/1-fixes/cover-letter.txt")" = x ]
	export_it --check
	tree | grep 'nothing to do'
}

run_test 'export: the files agree with the tree' "$top/scripts/export.sh" --check
run_test 'parts: make export, the same again' again
run_test 'parts: make export, after a rebase' rebased
run_test 'parts: make export, a part without a branch' missing
run_test 'parts: make export, a part that does not begin where the last one ends' aside
run_test 'parts: make export, a part without a commit' below
run_test 'parts: make tree, all parts' first_time
run_test 'parts: make tree, the patches have changed' changed
run_test 'parts: make tree, after a crash' killed
run_test 'parts: make tree, commits that are not in the patches' committed
run_test 'parts: make tree, a part that ends elsewhere' part_moved
run_test 'parts: make tree, a part with a commit that is not in the patches' part_committed
run_test 'parts: make tree, a part in another work tree' checked_out
run_test 'parts: make tree, a patch in no part' flat
