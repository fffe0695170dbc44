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
# of the kernel need not be compiled.
patches_mk()
{
	ranges >"$tmp/ranges"
	while read -r part from to; do
		n=100
		for c in $(git -C "$tree" rev-list --reverse "$from..$to"); do
			n=$((n + 1))
			name=$part-${n#1}
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
patches_mk >"$check/patches.mk"

# The tree of the kernels has maple_stress.c as well.
[ "$(git -C "$src" rev-parse HEAD 2>/dev/null)" = "$(git -C "$tree" rev-parse "$commit^0")" ] ||
	work_tree "$src" "$commit"
# shellcheck disable=SC2016 # for make
grep -q maple_stress "$src/lib/Makefile" || say 'obj-$(CONFIG_SYNC_FILE) += maple_stress.o' >>"$src/lib/Makefile"
cmp -s "$stress" "$src/lib/maple_stress.c" || cp "$stress" "$src/lib"

mk() { make -s -f scripts/check/Makefile CHECK=build/check "$@"; }
mk "$list" >"$tmp/all"
grep -xF -e "${T:-.}" "$tmp/all" >"$tmp/names" || grep -e "${T:-.}" "$tmp/all" >"$tmp/names" ||
	die "no test is named $T. There are: $(xargs <"$tmp/all")"
targets=$(sed 's,^,build/check/stamp/,' "$tmp/names")

# pending: the tests that have not passed, with what they need
pending() { mk -n run=pending $targets | sed -n 's/^\([A-Z]*=[^ ]* \)*pending \([^ ]*\) .*/\2/p'; }
seconds_of() { while read -r name; do say "$name $(cat "$check/time/$name" 2>/dev/null || say '0 0')"; done; }

pending | tee "$tmp/todo" | sed "s,.*,$build/log/&.log," | xargs -r -d '\n' rm -f
seconds_of <"$tmp/todo" >"$check/plan"
: >"$check/started"
say "== $(wc -l <"$tmp/todo") tests to run, the others have passed before; by the last run, this takes (minutes):"
awk -v cpus="$(nproc)" '{ s += $2 } END { printf "%.0f\n", s / cpus / 60 }' "$check/plan"
mk -k -j"$(nproc)" $targets || say "== Not all tests have passed."

# What has not run has not passed, whatever the reason.
pending >"$tmp/left"
sed 's,.*,not ok - &: build/log/&.log; if it is not there: a test that it needs has failed,' "$tmp/left"
say "The slowest (seconds, and of a CPU):"
seconds_of <"$check/started" | sort -k 2nr | sed 5q
mk skipped
failed=$(wc -l <"$tmp/left")
passed=$(sort "$tmp/names" "$tmp/left" "$tmp/left" | uniq -u | wc -l)
say "$passed passed, $failed failed" | tee "$build/log/result"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
