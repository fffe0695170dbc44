#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# check.sh [all]: runs the tests of Makefile that have not passed yet on the present sources; `all' adds the slow ones.
# Prints the result as the last line; exits with 0 if all pass. Logs are in build/log/, all else in build/check/.
# T=NAME: only the test NAME, or those that match it, and what they need. COMMIT=base: kernels without the series.
# shellcheck disable=SC2086 # several words in some variables
set -eu
. "$(dirname "$0")/../common.sh"
list=${1:-daily}
[ -z "${T:-}" ] || list=all
commit=${COMMIT:-series} check=$build/check src=$build/check/tree
need_tree
[ -z "$(changes "$tree")" ] || die "build/linux-$version.y has changes that would not be tested: commit or stash them"
make_tmp
mkdir -p "$check/key" "$check/stamp" "$check/time" "$build/log"
exec 8>"$check/lock"
flock -n 8 || die "another \`make check' is running here: wait until it ends"
rm -f "$build/log/result"
cd "$top"

# key NAME COMMAND...: writes the output of COMMAND to build/check/key/NAME, on which tests depend, if it changes.
key()
{
	key_name=$1; shift
	"$@" >"$tmp/key" || die "this failed: $*"
	cmp -s "$tmp/key" "$check/key/$key_name" || cp "$tmp/key" "$check/key/$key_name"
}

# of COMMIT [PATH...]: prints the commit of base, and what differs from it in COMMIT.
of() { git -C "$tree" rev-parse base && git -C "$tree" diff-tree -r base "$@"; }
code=". :!Documentation :!tools :!MAINTAINERS"	# the kernel's
user="arch include lib mm scripts tools"		# what the suites in user space are built from
common() { gcc --version; "$build/sparse/sparse" --version 2>&1 || :; cat scripts/check/Makefile; }
project()
{
	find . \( -path ./build -o -path ./.git \) -prune -o -type f -exec sha256sum {} +
	git -C "$tree" for-each-ref
}

# patches_mk: lists the patches and programs for Makefile. A patch is compiled only if it changes the kernel's code.
patches_mk()
{
	ranges >"$tmp/ranges"
	while read -r part from to; do
		n=100 last=
		for c in $(git -C "$tree" rev-list --reverse "$from..$to"); do
			n=$((n + 1))
			name=$part-${n#1}
			say "commit-$name := $c"
			say "patches += $name"
			git -C "$tree" diff --quiet "$c^" "$c" -- $code || { say "compiled += $name" && last=$name; }
			key "kernel-$name" of "$c" -- $code
			key "user-$name" of "$c" -- $user
		done
		say "ends += ${last:+compile-$last}"
	done <"$tmp/ranges"
	git -C "$tree" ls-tree --name-only series tools/testing/radix-tree/ | sed -n 's,.*/\(maple.*\)\.c$,programs += \1,p' | sort
}

key kernel of "$commit" -- $code
key series of series -- $code
key user-series of series -- $user
key mails git -C "$tree" log --format='%T %B %an %ae' base..series
key docs git -C "$tree" ls-tree -r "$commit" Documentation/core-api include/linux/maple_tree.h lib/maple_tree.c lib/tests
key project project
key common common
patches_mk >"$check/patches.mk"
key ends grep ^ends "$check/patches.mk"

# Add maple_stress.c to the tree that the kernels are built from.
work_tree "$src" "$commit"
# shellcheck disable=SC2016 # for make
say 'obj-$(and $(CONFIG_SYNC_FILE),$(CONFIG_FAULT_INJECTION)) += maple_stress.o' >>"$src/lib/Makefile"
ln -sf "$top/scripts/check/kernel/maple_stress.c" "$src/lib"

mk() { make -s -f scripts/check/Makefile CHECK=build/check "$@"; }
mk "$list" >"$tmp/all"
grep -xF -e "${T:-.}" "$tmp/all" >"$tmp/names" || grep -e "${T:-.}" "$tmp/all" >"$tmp/names" ||
	die "no test matches $T. The tests are: $(xargs <"$tmp/all")"
targets=$(sed 's,^,build/check/stamp/,' "$tmp/names")

# pending: lists the tests that have not passed, and what they need. Even with -n, make executes recipes that run make.
pending()
{
	mk -n run='echo pending' $targets >"$tmp/dry" || die "make cannot tell which tests have not passed, see above"
	sed -n 's/^\([A-Z_]*=[^ ]* \)*\(echo \)*pending \([^ ]*\) .*/\3/p' "$tmp/dry" | awk '!seen[$0]++'
}
seconds_of() { while read -r name; do say "$name $(cat "$check/time/$name" 2>/dev/null || say '? ?')"; done; }

pending >"$tmp/todo"
sed "s,.*,$build/log/&.log," "$tmp/todo" | xargs -r -d '\n' rm -f
seconds_of <"$tmp/todo" >"$check/plan"
: >"$check/started"
awk -v version="$version" -v cpus="$(nproc)" '{ s += $2; new += $2 == "?" }
	END { printf "== Linux %s, tests that have not passed yet: %d (never run here: %d); estimate for the others (minutes): %.0f\n",
		version, NR, new, s / cpus / 60 }' "$check/plan"
mk -k -j"$(nproc)" TESTS="$(sed 's/-stress.*/-build/' "$tmp/names" | xargs)" tests || :
mk -k TESTS="$(grep -e -stress "$tmp/names" | xargs)" tests || :	# alone: a CPU that spins would wait for other tests

# A test that has not run counts as failed, whatever the reason.
pending >"$tmp/left"
while read -r name; do
	why="it has failed, or what it tests has changed meanwhile: see build/log/$name.log"
	[ -f "$build/log/$name.log" ] || why="it did not run, since a test that it needs has failed"
	say "not ok - $name: $why"
done <"$tmp/left"
say "The slowest tests (seconds, seconds of CPU time):"
seconds_of <"$check/started" | sort -k 2nr | sed 5q
mk skipped
failed=$(wc -l <"$tmp/left")
passed=$(sort "$tmp/names" "$tmp/left" "$tmp/left" | uniq -u | wc -l)
say "$passed passed, $failed failed" | tee "$build/log/result"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
