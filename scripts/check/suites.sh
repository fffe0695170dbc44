#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# suites.sh NAME PROGRAM...: runs programs that suites.mk has built in build/check/suites-NAME/tools/testing.
set -eu
. "$(dirname "$0")/../common.sh"
suites=$build/check/suites-$1/tools/testing; shift
make_tmp

# known PROGRAM: succeeds if it failed in a way in which it now and then fails without the series, too.
# main: in about one run of five, iteration_test() of the XArray reads a freed node. maple: on a
# loaded machine, the readers of run_check_rcu_slowread() may not be scheduled in time.
known()
{
	case $1 in
	main) grep -aq '^SUMMARY: AddressSanitizer: heap-use-after-free .*/xarray\.[ch]:' "$tmp/run" &&
		sed -n '/^READ of size/,/^$/p' "$tmp/run" | grep -aq ' in [un]*tagged_iteration_fn ' ;;
	maple) grep -aq ': run_check_rcu_slowread: Assertion ' "$tmp/run" ;;
	*) false ;;
	esac
}

# run PROGRAM: its exit status is not enough, since the suites, but for multiorder and ours, only print how many
# tests failed, and go on. Nor do all reports of a sanitizer change the exit status. The timer slack is 1 ms, not
# 50 us: 200 readers of ./maple sleep for 5 us at a time, and would use up the CPUs by falling asleep and waking up.
run()
{
	d=radix-tree
	[ "$1" != vma ] || d=vma
	for try in 1 2 3 4 5; do
		rc=0
		(cd "$suites/$d" && echo 1000000 >/proc/self/timerslack_ns && exec "./$1") >"$tmp/run" 2>&1 || rc=$?
		cut -c1-300 "$tmp/run"
		if [ "$rc" -eq 0 ] || ! known "$1"; then break; fi
		say "*** This is a known failure, which the unpatched kernel has as well (run $try of 5). ***"
	done
	[ "$rc" -eq 0 ] || { say "exit status $rc"; return 1; }
	! grep -aE 'AddressSanitizer|LeakSanitizer|runtime error:' "$tmp/run" || return 1
	grep -aE '^[A-Za-z_]*: [0-9]+ of [0-9]+ tests passed|^[0-9]+ tests run|^tests completed' "$tmp/run" >"$tmp/counts" ||
		case $1 in
		multiorder|maple-*) ;;
		*) say "no line says that all tests passed"; return 1 ;;
		esac
	! grep -v -e ': \([0-9]*\) of \1 tests passed' -e '^\([0-9]*\) tests run, \1 passed, 0 failed' \
		-e '^tests completed' "$tmp/counts"
}

for program in "$@"; do run "$program"; done
