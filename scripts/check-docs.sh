#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# check-docs.sh [LABEL TREE]: tests of the documentation of the maple tree, as it is in the
# kernel tree TREE, or on branch series: its examples are those that are compiled in
# lib/tests/maple_doc_kunit.c, and Sphinx has nothing to say of the page. The page stays in
# build/docs.
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
page=Documentation/core-api/maple_tree.rst examples=lib/tests/maple_doc_kunit.c
html=$build/docs/Documentation/output/core-api/maple_tree.html
make_tmp

# literal_blocks FILE: one line each, without what is not the same in C: white space, static
literal_blocks()
{
	awk '
	function flush() { sub(/ $/, "", block); if (block != "") print block; block = "" }
	in_block && /^[^ \t]/ { in_block = 0; flush() }
	in_block && NF { gsub(/[ \t]+/, " "); gsub(/^ | $/, ""); block = block $0 " " }
	/::$/ && !/^\.\./ && !in_block { in_block = 1 }
	END { flush() }' "$1"
}

same_examples()
{
	literal_blocks "$work/$page" >"$tmp/blocks"
	[ -s "$tmp/blocks" ] || { say "$page has no example"; return 1; }
	sed 's/^static //' "$work/$examples" | tr -s ' \t\n' ' ' >"$tmp/compiled"
	while IFS= read -r block; do
		if grep -qF -e "$block" "$tmp/compiled"; then
			say "the same: $(say "$block" | cut -c1-60)..."
		else
			say "not in $examples: $block"
			differs=yes
		fi
	done <"$tmp/blocks"
	[ -z "${differs-}" ]
}

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
$test "$label: the examples of maple_tree.rst are compiled and run" "$sources" same_examples
$test "$label: Sphinx, core-api/maple_tree" "$sources" sphinx
say "   ${html#"$top"/}"
