#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# mutants.sh [WORDS]: puts each fault of mutants/*.diff (only those with WORDS in their first line)
# into lib/maple_tree.c of the series, one at a time. The program in tools/testing/radix-tree that
# its line `test:' names must fail. Not applied, not compiled, not caught: each is an error, and so
# is a program that fails without a fault, and a patch to the code that has no fault (`patch:').
# The result without a fault is kept in build/mutants for each state of the series.
set -eu
. "$(dirname "$0")/../common.sh"
faults=$top/scripts/check/mutants mutants=$build/mutants
harness=tools/testing/radix-tree

# compile DIRECTORY PROGRAM...: -o, since of the objects only those removed are to be made again.
compile()
{
	compile_dir=$1; shift
	make -s -C "$compile_dir/$harness" -o ../../../lib/maple_tree.c "$@" >"$tmp/cc" 2>&1
}

# passes DIRECTORY PROGRAM: runs it. If it fails, $why is why. A test may also loop, or wait for ever.
passes()
{
	seconds=120 rc=0
	[ "$2" != maple ] || seconds=600
	# In the foreground, for Ctrl-C. Without exec, since this shell would say `Aborted'.
	(cd "$1/$harness" && timeout --foreground $seconds "./$2"; exit $?) >"$tmp/run" 2>&1 || rc=$?
	# maple exits with 0 either way.
	[ "$2" != maple ] || grep -aq '^maple_tree: \([0-9]*\) of \1 tests passed' "$tmp/run" ||
		rc="$rc, not all tests passed"
	why=$(grep -aE -m1 '^FAILED|# FAILED|^(BUG|WARN) at|(Address|Leak)Sanitizer: |runtime error: |Assertion ' "$tmp/run") ||
		case $rc in
		0) return 0 ;;
		124*) why="does not end (within $seconds s)" ;;
		*) why="exit status $rc: $(tail -n 1 "$tmp/run")" ;;
		esac
	why=$(say "$why" | sed -e 's/^ *//' -e 's/^==[0-9]*==//' -e 's/^[^ ]*: runtime error/runtime error/' | cut -c1-110)
	return 1
}

# fault FILE: `fault | PROGRAM: why', or what is wrong in capitals
fault()
{
	program=$(sed -n 's/^test: //p' "$1")
	dir=$tmp/tree
	cp -al "$mutants/tree" "$dir"
	rm -f "$dir/$harness/$program" "$dir/$harness/$program.o"
	# Below a repository, git apply would take the paths for that one's.
	if ! (cd "$dir" && GIT_CEILING_DIRECTORIES=$tmp git apply -C1 "$1") >"$tmp/cc" 2>&1; then
		why="NOT TRIED, does not apply: $(head -n 1 "$tmp/cc")"
	elif ! compile "$dir" "$program"; then
		# A static assertion is a test, too.
		why=$(grep -aoE -m 1 'static assertion failed.*|BUILD_BUG_ON failed: .*' "$tmp/cc") ||
			why="NOT TRIED, does not compile: $(grep -am 1 error "$tmp/cc")"
	elif passes "$dir" "$program"; then
		why='NOT CAUGHT'
	fi
	say "$(head -n 1 "$1") | $program: $why"
}

# without_fault PROGRAM: must pass. Kept, since it takes minutes.
without_fault()
{
	if [ -f "$mutants/passes-$1" ] || passes "$mutants/tree" "$1"; then
		: >"$mutants/passes-$1"
		say "no fault | $1: passes"
	else
		say "no fault | $1: FAILS: $why"
	fi
}

# prepare PROGRAM...: the series, built, in $mutants/tree, unless it is there.
prepare()
{
	stamp=$(git -C "$tree" rev-parse series:lib series:tools series:include; gcc --version)
	[ "$stamp" != "$(cat "$mutants/stamp" 2>/dev/null)" ] || return 0
	rm -rf "$mutants"
	radix_tree series "$mutants/tree"
	compile "$mutants/tree" -j"$(nproc)" "$@" || { cat "$tmp/cc"; die "the series does not build"; }
	say "$stamp" >"$mutants/stamp"
}

# code COMMIT: differs when the code does, and not only comments.
code() { git -C "$tree" show "$1:lib/maple_tree.c" | gcc -w -fpreprocessed -dD -E -P -x c - | sha256sum; }

make_tmp
case ${1-} in
--fault) fault "$2"; exit ;;
--without) without_fault "$2"; exit ;;
esac

need_tree
for f in "$faults"/*.diff; do
	! head -n 1 "$f" | grep -qF -e "$*" || say "$f"
done >"$tmp/faults"
[ -s "$tmp/faults" ] || die "no fault in ${faults#"$top"/} has these words in its first line: $*"
for commit in $(git -C "$tree" log --format=%H base..series -- lib/maple_tree.c); do
	subject=$(git -C "$tree" show -s --format='patch: %s' "$commit")
	[ "$(code "$commit")" = "$(code "$commit^")" ] || grep -qxF -e "$subject" "$faults"/*.diff ||
		die "no file in ${faults#"$top"/} has a line: $subject"
done
programs=$(sed -n 's/^test: //p' "$faults"/*.diff | sort -u)
# shellcheck disable=SC2086 # words
prepare $programs
say 'fault | caught by'
{
	say "$programs" | sed 's/^/--without /'
	sed 's/^/--fault /' "$tmp/faults"
} | xargs -L 1 -P "$(nproc)" sh "$0" | tee "$mutants/table"

count=$(wc -l <"$tmp/faults")
wrong=$(grep -E '\| [a-z-]*: (NOT|FAILS)' "$mutants/table") || :
caught=$(grep -cvE '^no fault \| |\| [a-z-]*: NOT ' "$mutants/table") || :
if [ -z "$wrong" ] && [ "$count" -eq "$caught" ]; then
	say "ok - mutants: $count faults, $caught caught"
	exit
fi
say "What is wrong:" "$wrong"
say "not ok - mutants: $count faults, $caught caught"
exit 1
