#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# check-kunit.sh [plain|debug]: tests of the whole series in UML: the KUnit suites of the
# maple tree, by the kernel's own kunit.py, in a plain and in a debug configuration, and
# lib/test_maple_tree.c in the latter. Uses the work tree build/kunit/tree; output in
# build/kunit/{plain,debug}.
set -eu
. "$(dirname "$0")/common.sh"
need_tree
case $#${1-} in
0|1plain|1debug) ;;
*) die 'usage: check-kunit.sh [plain|debug]' ;;
esac
work=$build/kunit/tree
suites='maple_*'
make_tmp

git -C "$tree" cat-file -e series:lib/tests/maple_prealloc_kunit.c 2>/dev/null ||
	die "no lib/tests/maple_prealloc_kunit.c on branch series"
if [ "$(uname -m)" != x86_64 ]; then
	say 'skip - kunit on UML: UML needs an x86-64 machine'
	exit 0
fi
work_tree "$work" series

# SYNC_FILE is for a test that is skipped without it.
debug='DEBUG_KERNEL=y DEBUG_ATOMIC_SLEEP=y DEBUG_MAPLE_TREE=y PROVE_LOCKING=y SYNC_FILE=y TEST_MAPLE_TREE=y'

# kunit COMMAND KIND [ARGUMENT...]: kunit.py for build/kunit/KIND
kunit()
{
	kunit_command=$1 kunit_kind=$2; shift 2
	mkdir -p "$build/kunit/$kunit_kind"
	"$work/tools/testing/kunit/kunit.py" "$kunit_command" --build_dir="$build/kunit/$kunit_kind" "$@"
}

# build KIND OPTION...: that a Kconfig option could not be had, kunit.py says itself.
build()
{
	build_kind=$1; shift
	for o in "$@"; do
		set -- "$@" --kconfig_add="CONFIG_$o"
		shift
	done
	kunit build "$build_kind" --kunitconfig="$work/lib/tests/maple_prealloc.kunitconfig" --jobs="$(nproc)" "$@"
}

# run KIND OPTION...: all suites pass, in silence. Without lib/test_maple_tree.c, which is
# not silent: it validates trees without the lock, of which lockdep complains only once.
run()
{
	build "$@"
	out=$build/kunit/$1
	rm -f "$out/summary" "$out/skipped"
	# By address as well, since kallsyms does not know the init functions of UML.
	seed=$(nm "$out/linux" | sed -n 's/^0*\([0-9a-f]*\) t maple_tree_seed$/,0x\1/p')
	kunit exec "$1" --timeout=300 --kernel_args="initcall_blacklist=maple_tree_seed$seed" "$suites" >"$tmp/out" 2>&1 || {
		cat "$tmp/out"
		return 1
	}
	cat "$tmp/out"
	no_splat "$out/test.log"
	sed -n 's/^.*# SKIP \(.*[^ ].*\)$/\1/p' "$out/test.log" | sort | uniq -c |
		sed 's/^ *\([0-9]*\) /\1 tests: /' >"$tmp/skipped"
	# The debug configuration has all that a test may need.
	[ "$1" != debug ] || [ ! -s "$tmp/skipped" ] || { cat "$tmp/skipped"; return 1; }
	# No test at all is an error for kunit.py, too; that all were skipped is not.
	sed -n 's/^.*Testing complete\. //p' "$tmp/out" | grep 'passed: [1-9]' >"$tmp/summary"
	cp "$tmp/skipped" "$tmp/summary" "$out/"
}

no_splat()
{
	[ -s "$1" ]
	! grep -aE -A 30 'WARNING: |WARN at |BUG: |BUG at |INFO: |cut here|Call Trace:|possible .* detected|KASAN|Oops' "$1" ||
		{ say "*** The kernel has complained, see above. ***"; return 1; }
}

# After the tests the kernel looks for a root file system, and panics.
test_maple_tree()
{
	build "$@"
	timeout 300 "$build/kunit/$1/linux" mem=1G console=tty kunit.enable=0 kunit_shutdown=halt \
		</dev/null >"$tmp/out" 2>&1 || :
	cat "$tmp/out"
	! grep -aE 'BUG at |BUG: ' "$tmp/out" || return 1
	grep -aqE '^maple_tree: ([0-9]+) of \1 tests passed' "$tmp/out"
}

# report KIND: how many tests these were, and which were skipped
report()
{
	[ ! -f "$build/kunit/$1/summary" ] || sed 's/^/   /' "$build/kunit/$1/summary"
	[ ! -s "$build/kunit/$1/skipped" ] || sed "s/^/skip - kunit on UML, $1: /" "$build/kunit/$1/skipped"
}

# That on which the kernel's code and kunit.py depend.
sources=$(git -C "$tree" ls-tree series | grep -vw -e Documentation -e tools
	git -C "$tree" rev-parse series:tools/testing/kunit)
if [ "${1-plain}" = plain ]; then
	once 'kunit on UML, plain' "$sources" run plain
	report plain
fi
if [ "${1-debug}" = debug ]; then
	# shellcheck disable=SC2086 # words
	once 'kunit on UML, debug' "$sources" run debug $debug
	report debug
	# shellcheck disable=SC2086 # words
	once 'lib/test_maple_tree.c on UML, debug' "$sources" test_maple_tree debug $debug
fi
