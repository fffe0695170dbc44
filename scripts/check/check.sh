#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# check.sh [all]: runs the tests of Makefile that have not passed on what there is now, with
# `all' also those that take too long for every day. The last line is the result; the status
# is 0 if all have passed. Logs are in build/log/, all else in build/check/.
#
# T=NAME: only the test NAME, or those that match it, and what they need. COMMIT=base: that
# commit instead of series in the kernels, to see what fails there.
# shellcheck disable=SC2086 # several words in some variables
set -eu
. "$(dirname "$0")/../common.sh"
list=${1:-daily}
[ -z "${T:-}" ] || list=all
commit=${COMMIT:-series} check=$build/check src=$build/check/tree stress=$top/scripts/check/kernel/maple_stress.c
need_tree
git -C "$tree" rev-parse -q --verify "$commit^0" >/dev/null || die "COMMIT=$commit: no such commit"
make_tmp
mkdir -p "$check/key" "$check/stamp" "$check/time" "$build/log"
exec 8>"$check/lock"
flock -n 8 || die "make check runs here already: wait for it"
rm -f "$build/log/result"
cd "$top"

# key NAME COMMAND...: keeps what COMMAND says in build/check/key/NAME, on which tests depend:
# the file changes only if that does.
key()
{
	key_name=$1; shift
	"$@" >"$tmp/key" || die "$*: failed"
	cmp -s "$tmp/key" "$check/key/$key_name" || cp "$tmp/key" "$check/key/$key_name"
}

# What the base is, and what is not as there in COMMIT.
of() { git -C "$tree" rev-parse base && git -C "$tree" diff-tree -r base "$@"; }
code=". :!Documentation :!tools :!MAINTAINERS"	# of the kernel
user="arch include lib mm scripts tools"
versions() { gcc --version; "$build/sparse/sparse" --version 2>&1 || :; }
project()
{
	find . \( -path ./build -o -path ./.git \) -prune -o -type f -exec sha256sum {} +
	git -C "$tree" for-each-ref
}

# patches_mk: which patches and programs there are, for Makefile. Patches that change no code
# of the kernel need not be compiled, and the suites run at the end of the first part, and of
# all, in any case.
patches_mk()
{
	ranges >"$tmp/ranges"
	while read -r part from to; do
		git -C "$tree" rev-list --reverse "$from..$to" | cat -n | while read -r n c; do
			name=$part-$(printf %02d "$n")
			say "commit-$name := $c"
			say "patches += $name"
			git -C "$tree" diff --quiet "$c^" "$c" -- $code || say "compiled += $name"
			key "kernel-$name" of "$c" -- $code
			key "user-$name" of "$c" -- $user
		done
	done <"$tmp/ranges"
	for c in 1-fixes series; do
		key "user-$c" of $c -- $user
		say "commit-$c := $c"
		git -C "$tree" ls-tree --name-only $c tools/testing/radix-tree/ | sed -n "s,.*/\(maple.*\)\.c$,programs-$c += \1,p"
	done
}

key kernel of "$commit" -- $code
key series of series -- $code
key mails git -C "$tree" log --format='%T %B %an %ae' base..series
key docs git -C "$tree" ls-tree -r series Documentation/core-api include/linux/maple_tree.h lib/maple_tree.c lib/tests
key project project
key versions versions
patches_mk >"$tmp/patches.mk"
cp "$tmp/patches.mk" "$check"

# The tree of the kernels has maple_stress.c as well.
[ "$(git -C "$src" rev-parse HEAD 2>/dev/null)" = "$(git -C "$tree" rev-parse "$commit^0")" ] ||
	work_tree "$src" "$commit"
cmp -s "$stress" "$src/lib/maple_stress.c" || cp "$stress" "$src/lib"
# shellcheck disable=SC2016 # for make
grep -q maple_stress "$src/lib/Makefile" || say 'obj-$(CONFIG_SYNC_FILE) += maple_stress.o' >>"$src/lib/Makefile"

mk() { make -s -f scripts/check/Makefile CHECK=build/check "$@"; }
mk "$list" >"$tmp/all"
grep -xF -e "${T:-.}" "$tmp/all" >"$tmp/names" || grep -e "${T:-.}" "$tmp/all" >"$tmp/names" ||
	die "no test is named $T. There are: $(tr '\n' ' ' <"$tmp/all")"
targets=$(sed 's,^,build/check/stamp/,' "$tmp/names")

# pending FILE: in FILE, the tests that have not passed, with what they need
pending()
{
	mk -n run=pending $targets >"$tmp/pending"
	sed -n 's/^pending \([^ ]*\) .*/\1/p' "$tmp/pending" >"$1"
}
seconds_of() { while read -r name; do say "$name $(cat "$check/time/$name" 2>/dev/null || say '0 0')"; done; }

pending "$tmp/todo"
sed "s,.*,$build/log/&.log," "$tmp/todo" | xargs -r -d '\n' rm -f
seconds_of <"$tmp/todo" >"$check/plan"
: >"$check/started"
minutes=$(awk -v cpus="$(nproc)" '{ s += $2 } END { print int(s / cpus / 60 + 0.5) }' "$check/plan")
say "== $(wc -l <"$tmp/todo") tests to run, the others have passed before; $minutes minutes by the last run"
start=$(now)
mk -k -j"$(nproc)" $targets || say "== Not all tests have passed."

# What has not run has not passed, whatever the reason.
pending "$tmp/left"
while read -r name; do
	why=": did not run, since a test that it needs has failed"
	! grep -qxF -e "$name" "$check/started" || why=", build/log/$name.log"
	say "not ok - $name$why"
done <"$tmp/left"
if [ -s "$check/started" ]; then
	say "The slowest (seconds, and of a CPU):"
	seconds_of <"$check/started" | sort -k 2nr >"$tmp/slow"
	awk -v all=$(($(now) - start)) '{ cpu += $3 } NR < 6 { print "\t" $0 } END { print "\tall", all, cpu }' "$tmp/slow"
fi
mk skipped >"$tmp/skipped"
sed 's/^/skip - /; s/$/: needs an x86-64 machine/' "$tmp/skipped"
failed=$(wc -l <"$tmp/left")
passed=$(sort "$tmp/names" "$tmp/left" "$tmp/left" | uniq -u | wc -l)
result="$passed passed, $failed failed"
[ ! -s "$tmp/skipped" ] || result="$result, $(wc -l <"$tmp/skipped") skipped"
say "$result" | tee "$build/log/result"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
