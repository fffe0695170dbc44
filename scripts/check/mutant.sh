#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# For mutants.mk. mutant.sh PROGRAM FAULT: puts FAULT, a diff, into a copy of build/mutants/tree; PROGRAM must fail.
# Prints `fault | PROGRAM: why'. It is an error if FAULT does not apply or compile, or is not caught. mutant.sh
# PROGRAM: it must pass without a fault. mutant.sh --patches: each patch that changes the code must have a fault.
set -eu
. "$(dirname "$0")/../common.sh"
program=$1 fault=${2:-} seconds=120
harness=tools/testing/radix-tree dir=$build/mutants/tree
[ "$program" != maple ] || seconds=600
make_tmp
# result WHY: prints the result
result() { say "$(sed 1q "${fault:-/dev/null}") | $program: $1"; }
wrong() { result "$1"; exit 1; }

# code COMMIT: prints a checksum of the code without its comments.
code() { git -C "$tree" show "$1:lib/maple_tree.c" | gcc -w -fpreprocessed -dD -E -P -x c - | sha256sum; }

if [ "$program" = --patches ]; then
	for commit in $(git -C "$tree" log --format=%H base..series -- lib/maple_tree.c); do
		subject=$(git -C "$tree" show -s --format='patch: %s' "$commit")
		[ "$(code "$commit")" = "$(code "$commit^")" ] || grep -qxF -e "$subject" "$top"/scripts/check/mutants/*.diff ||
			die "a patch has no fault. Add one, as a .diff in scripts/check/mutants, with the line: $subject"
	done
	exit
fi

if [ "$fault" ]; then
	fault=$(realpath "$fault")
	cp -al "$dir" "$tmp/tree"
	dir=$tmp/tree
	rm "$dir/$harness/$program" "$dir/$harness/$program.o"
	# git apply must not find the project's repository: the paths are not relative to that.
	(cd "$dir" && GIT_CEILING_DIRECTORIES=$tmp git apply -C1 "$fault") >"$tmp/cc" 2>&1 ||
		wrong "NOT TRIED, does not apply: $(sed 1q "$tmp/cc")"
	# -o: only the objects removed above must be built again.
	if ! make -s -C "$dir/$harness" -o ../../../lib/maple_tree.c "$program" >"$tmp/cc" 2>&1; then
		# A static assertion may catch a fault, too.
		why=$(grep -aoE -m 1 'static assertion failed.*|BUILD_BUG_ON failed: [^"].*' "$tmp/cc") ||
			wrong "NOT TRIED, does not compile: $(grep -am 1 error "$tmp/cc")"
		result "$why"
		exit
	fi
fi

# A test may hang. In the foreground, so that Ctrl-C works; without exec, which would make the shell print `Aborted'.
rc=0
(cd "$dir/$harness" && timeout --foreground $seconds "./$program"; exit $?) >"$tmp/run" 2>&1 || rc=$?
# maple exits with 0 even if tests fail.
[ "$program" != maple ] || grep -aq '^maple_tree: \([0-9]*\) of \1 tests passed' "$tmp/run" ||
	rc="$rc, not all tests passed"
! grep -aq ' run_check_rcu_slowread' "$tmp/run" || wrong "NOT TRIED, the machine was too busy: try again"
why=$(grep -aE -m1 '^FAILED|# FAILED|^(BUG|WARN) at|(Address|Leak)Sanitizer: |runtime error: |Assertion ' "$tmp/run") ||
	case $rc in
	0) why= ;;
	124*) why="still running after $seconds s" ;;
	*) why="exit status $rc: $(tail -n 1 "$tmp/run")" ;;
	esac
why=$(say "$why" | sed -e 's/^ *//' -e 's/^==[0-9]*==//' -e 's/^[^ ]*: runtime error/runtime error/' | cut -c1-110)
[ "$fault" ] || [ -z "$why" ] || wrong "FAILS without a fault: $why"
[ -z "$fault" ] || [ "$why" ] || wrong 'NOT CAUGHT'
result "$why"
