#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# check-suites.sh LABEL TREE PROGRAM...: tests of the commit that is checked out in the
# kernel tree TREE: tools/testing/radix-tree and tools/testing/vma build without a warning
# that the base does not give, and these programs of theirs pass, two at the same time, as
# most of them have one thread. With `base' for LABEL: builds only, and keeps what the
# compiler says as what the base gives. `run' before LABEL: without the build, one program.
set -eu
. "$(dirname "$0")/common.sh"
case $1 in
run) built=1; shift ;;
*) built= ;;
esac
label=$1 work=$2; shift 2
suites=$work/tools/testing
make_tmp

build_suites()
{
	# Their Makefiles do not know of all that they include: begin anew.
	git -C "$work" clean -qfdx tools/testing/radix-tree tools/testing/vma tools/testing/shared
	for d in radix-tree vma; do
		make -C "$suites/$d" -j"$(nproc)" 2>&1 || return 1
	done >"$tmp/out" || { cat "$tmp/out"; return 1; }
	cat "$tmp/out"
	new_warnings "$label" suites "$tmp/out"
}

# known PROGRAM: the last run failed for a reason that an unpatched 7.3.4 gives, too, now
# and then. main: iteration_test() of the XArray reads a freed node, in about one run of
# five. maple: the readers of run_check_rcu_slowread() were not scheduled in time to see
# an update, on a loaded machine.
known()
{
	case $1 in
	main)
		grep -aq '^SUMMARY: AddressSanitizer: heap-use-after-free .*/xarray\.[ch]:' "$tmp/run" &&
			sed -n '/^READ of size/,/^$/p' "$tmp/run" | grep -aq ' in [un]*tagged_iteration_fn ' ;;
	maple)
		grep -aq ': run_check_rcu_slowread: Assertion ' "$tmp/run" ;;
	*)
		false ;;
	esac
}

# run PROGRAM: an exit status of 0 says little: the suites count what has failed, say so
# in a line, and go on. A sanitizer may only say it, too.
run()
{
	case $1 in
	vma) dir=vma; passed='^\([0-9]*\) tests run, \1 passed, 0 failed' ;;
	maple) dir=radix-tree; passed='^maple_tree: \([0-9]*\) of \1 tests passed' ;;
	xarray) dir=radix-tree; passed='^XArray: \([0-9]*\) of \1 tests passed' ;;
	idr-test) dir=radix-tree; passed='^IDA: \([0-9]*\) of \1 tests passed' ;;
	main) dir=radix-tree; passed='^tests completed' ;;
	*) dir=radix-tree; passed= ;;
	esac
	[ -x "$suites/$dir/$1" ] || { say "$1 has not been built"; return 1; }
	tries=1
	while
		rc=0
		(cd "$suites/$dir" && exec "./$1") >"$tmp/run" 2>&1 || rc=$?
		cut -c1-300 "$tmp/run"
		known "$1" && [ $tries -lt 5 ]
	do
		tries=$((tries + 1))
		say "*** A known fault of this test on the unpatched kernel: running it again. ***"
	done
	[ $rc -eq 0 ] || { say "exit status $rc"; return 1; }
	! grep -aE 'AddressSanitizer|LeakSanitizer|runtime error:' "$tmp/run" || return 1
	[ -z "$passed" ] || grep -aq "$passed" "$tmp/run" || { say "no line says that all tests passed"; return 1; }
	# And no other line, of a suite that a program contains, says that some failed.
	! grep -aE '^[A-Za-z_]*: [0-9]+ of [0-9]+ tests passed' "$tmp/run" | grep -v ': \([0-9]*\) of \1 tests' || return 1
}

sources=$(git -C "$work" ls-tree HEAD lib/ include/ mm/ arch/ tools/)
if [ "$built" ]; then
	once "$label: $1" "$sources $1" run "$1"
	exit
fi
once "$label: userspace suites build" "$sources" build_suites
for program in "$@"; do
	case $program in
	maple-*) [ -f "$suites/radix-tree/$program.c" ] || continue ;;	# not yet
	esac
	say "$program"
done | xargs -r -P 2 -I PROGRAM sh "$0" run "$label" "$work" PROGRAM
