#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# mutants.sh [WORDS]: makes each of the small wrong changes of mutants.txt (only those with
# WORDS in their line `fault:') to branch series of our tree, one at a time, and says which
# test catches it. Fails if none does, if the tests do not pass without a fault, or if a
# change does not apply or compile. The tests without a fault, once for each state of the
# series, and the programs stay in build/mutants.
set -eu
. "$(dirname "$0")/common.sh"
list=$top/scripts/mutants.txt
mutants=$build/mutants
harness=tools/testing/radix-tree
programs='maple-prealloc maple-random maple-bound maple'

# field NAME FAULT: a field of that fault, given by the number of its line in $list.
field() { sed -n "$2,/^\$/s/^$1: //p" "$list" | head -n 1; }

# edit FAULT IN OUT: the change, each part of which must be in IN once.
edit()
{
	awk -v start="$1" -v edited="$2" '
	function change(	at) {
		if (from == "" && to == "")
			return
		at = index(text, "\n" from)
		if (!at || index(substr(text, at + 1), "\n" from)) {
			printf "this must be there once, and is not:\n%s", from >"/dev/stderr"
			failed = 1
			exit 1
		}
		text = substr(text, 1, at) to substr(text, at + 1 + length(from))
		from = to = ""
	}
	BEGIN {
		text = "\n"
		while ((getline line <edited) > 0)
			text = text line "\n"
	}
	NR < start || done || /^(fault|test): / { next }
	/^@@/ { change(); next }
	/^-/ { from = from substr($0, 2) "\n"; next }
	/^\+/ { to = to substr($0, 2) "\n"; next }
	/^[ \t]/ { from = from substr($0, 2) "\n"; to = to substr($0, 2) "\n"; next }
	{ done = 1 }
	END {
		if (!failed)
			change()
		if (failed)
			exit 1
		printf "%s", substr(text, 2)
	}' "$list" >"$3"
}

# passes PROGRAM: runs it in $dir. What it says is in $tmp/run, and in $why why it has
# failed. A test may also loop, or wait for ever.
passes()
{
	program=$1 seconds=120 rc=0
	[ "$program" != maple ] || seconds=600
	# In the foreground, for Ctrl-C. Without exec, since this shell would say `Aborted'.
	(cd "$dir/$harness" && timeout --foreground $seconds "./$program"; exit $?) >"$tmp/run" 2>&1 || rc=$?
	why=$(grep -aE -m 1 '^FAILED|# FAILED|^(BUG|WARN) at |AddressSanitizer: |LeakSanitizer: |runtime error: |Assertion ' "$tmp/run" |
		sed -e 's/^[ #]*FAILED [^ ]* [^ ]* //' -e 's/^==[0-9]*==//' -e 's/^[^ ]*: runtime error/runtime error/' -e 's/ on \(unknown \)\{0,1\}address.*//' |
		cut -c1-110) || :
	if [ -z "$why" ] && [ $rc -eq 124 ]; then
		why="does not end (within $seconds s)"
	elif [ -z "$why" ] && [ $rc -ne 0 ]; then
		why="exit status $rc: $(tail -n 1 "$tmp/run" | cut -c1-80)"
	elif [ -z "$why" ] && [ "$program" = maple ] && ! grep -aq '^maple_tree: \([0-9]*\) of \1 tests passed' "$tmp/run"; then
		why=$(grep -a '^maple_tree: .* tests passed' "$tmp/run" || say 'does not say that all tests passed')
	fi
	[ -z "$why" ]
}

# compile PROGRAM: in $dir. All that depends on maple_tree.c is in one object.
compile()
{
	make -s -C "$dir/$harness" -o ../../../lib/maple_tree.c "$1" >"$tmp/cc" 2>&1
}

# result RESULT: of $fault, one line, at once.
result() { say "$(field fault "$fault") | $1" | tee -a "$mutants/table"; }

# copy: $dir becomes the series, with the objects that do not depend on maple_tree.c.
copy()
{
	dir=$tmp/tree
	mkdir -p "$dir/tools/testing" "$dir/lib"
	for d in include arch scripts tools/include tools/arch tools/scripts tools/lib; do
		ln -s "$mutants/tree/$d" "$dir/$d"
	done
	for d in "$mutants"/tree/lib/*; do ln -s "$d" "$dir/lib"; done
	rm "$dir/lib/maple_tree.c"
	cp -a "$mutants/tree/tools/testing/radix-tree" "$mutants/tree/tools/testing/shared" "$dir/tools/testing"
	for p in $programs; do rm -f "$dir/$harness/$p" "$dir/$harness/$p.o"; done
}

# caught PROGRAM: is the change of $fault? Prints the result if it is, or if it
# does not compile.
caught()
{
	if [ ! -e "$dir/$harness/$1" ] && ! compile "$1"; then
		why=$(grep -oE -m 1 'static assertion failed.*|BUILD_BUG_ON failed: .*' "$tmp/cc") ||
			why="NOT TRIED, does not compile: $(grep -m 1 error "$tmp/cc")"
		result "$1: $why"
		return
	fi
	! passes "$1" || return 1
	if [ "$1" = "$expected" ]; then
		result "$1: $why"
	else
		result "$1, and not $expected: $why"
	fi
}

# one FAULT: tries it. Never fails.
one()
{
	make_tmp
	copy
	fault=$1 expected=$(field test "$1")
	if ! edit "$fault" "$mutants/tree/lib/maple_tree.c" "$dir/lib/maple_tree.c" 2>"$tmp/err"; then
		result "NOT TRIED, does not apply: $(tr '\n\t' '  ' <"$tmp/err")"
		return
	fi
	for p in $expected $programs; do
		! caught "$p" || return 0
	done
	result 'NOT CAUGHT'
}

# without_fault PROGRAM: must pass.
without_fault()
{
	make_tmp
	dir=$mutants/tree
	if passes "$1"; then
		say "no fault, $1 | passes"
		: >"$mutants/passes-$1"
	else
		say "no fault, $1 | FAILS: $why"
	fi | tee -a "$mutants/table"
}

# prepare: the series, built, in $mutants/tree, unless it is there.
prepare()
{
	stamp=$(git -C "$tree" rev-parse series:lib series:tools series:include; gcc --version)
	[ "$stamp" != "$(cat "$mutants/stamp" 2>/dev/null)" ] || return 0
	rm -rf "$mutants"
	mkdir -p "$mutants/tree"
	git -C "$tree" archive series tools lib include arch/x86/include arch/arm64/include scripts | tar -x -C "$mutants/tree"
	# shellcheck disable=SC2086 # words
	make -s -C "$mutants/tree/$harness" -j"$(nproc)" $programs >"$mutants/cc" 2>&1 || { cat "$mutants/cc"; die "the series does not build"; }
	say "$stamp" >"$mutants/stamp"
}

case ${1-} in
--fault) one "$2"; exit ;;
--without) without_fault "$2"; exit ;;
esac

need_tree
make_tmp
faults=$(grep -nF -e "$*" "$list" | sed -n 's/^\([0-9]*\):fault: .*/\1/p')
[ -n "$faults" ] || die "no fault in scripts/mutants.txt has these words: $*"
same=$(grep '^fault: ' "$list" | sort | uniq -d)
[ -z "$same" ] || die "two faults of the same name: $same"
# Each patch that changes the tree's code has one.
code() { git -C "$tree" show "$1:lib/maple_tree.c" | gcc -w -fpreprocessed -dD -E -P -x c - | sha256sum; }
for commit in $(git -C "$tree" log --format=%H base..series -- lib/maple_tree.c); do
	[ "$(code "$commit")" = "$(code "$commit^")" ] || git -C "$tree" show -s --format='patch: %s' "$commit"
done | sort >"$tmp/patches"
uncovered=$(grep '^patch: ' "$list" | sort | comm -13 - "$tmp/patches")
[ -z "$uncovered" ] || die "no fault in scripts/mutants.txt for $uncovered"

start=$(now)
prepare
: >"$mutants/table"
say 'fault | caught by'
{
	# The slowest first.
	for p in maple maple-bound maple-random maple-prealloc; do
		[ -f "$mutants/passes-$p" ] || say "--without $p"
	done
	for f in $faults; do say "--fault $f"; done
} | xargs -L 1 -P "$(nproc)" sh "$0"
say "It took $(($(now) - start)) s."

count=$(say "$faults" | wc -l)
wrong=$(grep -cE '\| ([a-z-]+: )?(NOT|FAILS)' "$mutants/table") || :
caught=$(grep -cvE '\| ([a-z-]+: )?(NOT|FAILS)|^no fault, ' "$mutants/table") || :
[ "$wrong" -eq 0 ] || { say 'What is wrong:'; grep -E '\| ([a-z-]+: )?(NOT|FAILS)' "$mutants/table"; }
if [ "$wrong" -eq 0 ] && [ "$count" -eq "$caught" ]; then
	say "ok - mutants: $count faults, $caught caught"
else
	say "not ok - mutants: $count faults, $caught caught"
	exit 1
fi
