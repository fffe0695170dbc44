#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# check-docs.sh [LABEL TREE]: tests the documentation of the maple tree, as it is in the
# kernel tree TREE, or on branch series: Sphinx has nothing to say of the page. The page
# stays in build/docs.
set -eu
. "$(dirname "$0")/common.sh"
test=once
case $# in
0)
	label=series work=$build/docs-tree
	need_tree
	work_tree "$work" series
	# Whoever asks for the page gets it.
	test=again
	;;
1) die "usage: check-docs.sh [LABEL TREE]" ;;
*) label=$1 work=$2 ;;
esac
html=$build/docs/Documentation/output/core-api/maple_tree.html
make_tmp

# Of other pages there are warnings, as they refer to what is not in core-api. And the
# python3 that has Sphinx is Debian's.
sphinx()
{
	rm -rf "$build/docs"
	PATH=/usr/bin:/bin:$PATH make -C "$work" O="$build/docs" SPHINXDIRS=core-api htmldocs >"$tmp/out" 2>&1 || { cat "$tmp/out"; return 1; }
	cat "$tmp/out"
	! grep -aE 'maple_tree.*(WARNING|ERROR)|(WARNING|ERROR).*maple' "$tmp/out" || return 1
	[ -s "$html" ]
}

again() { test_name=$1; shift 2; run_test "$test_name" "$@"; }

sources=$(git -C "$work" ls-tree -r HEAD Documentation/core-api/maple_tree.rst include/linux/maple_tree.h lib/maple_tree.c lib/tests)
$test "$label: Sphinx, core-api/maple_tree" "$sources" sphinx
say "   ${html#"$top"/}"
