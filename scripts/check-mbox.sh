#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Test: what b4 makes of the mbox that we would mail is the series, to the byte.
set -eu
. "$(dirname "$0")/common.sh"
need_tree
make_tmp

# describe REPOSITORY BASE TIP: tree, author, date and message of each patch.
describe() { isolated_git -C "$1" log --reverse --format='%T%n%an <%ae> %aI%n%B' "$2..$3"; }

same_series()
{
	"$top/scripts/mbox.sh"
	mbox=$build/maple-prealloc.mbox
	id=$(sed -n 's/^Message-Id: <\(.*-0@.*\)>$/\1/p' "$mbox" | head -n 1)
	# b4 wants a repository, an identity and a home.
	# shellcheck disable=SC2046 # words
	borrow "$tree" base "$tmp/git" \
		$(git -C "$tree" diff --name-only base series)
	git -C "$tmp/git" config user.name check
	git -C "$tmp/git" config user.email check@localhost
	mkdir "$tmp/home" "$tmp/b4"
	(cd "$tmp/git" && HOME=$tmp/home GIT_CONFIG_GLOBAL=/dev/null GIT_CONFIG_NOSYSTEM=1 \
		b4 --offline-mode am -o "$tmp/b4" -m "$mbox" "$id")
	isolated_git -C "$tmp/git" am -q "$tmp"/b4/*.mbx
	base=$(git -C "$tree" rev-parse base^0)
	describe "$tree" "$base" series >"$tmp/want"
	describe "$tmp/git" "$base" work >"$tmp/have"
	diff "$tmp/want" "$tmp/have"
	[ -s "$tmp/want" ]
	# And the cover letter is there, whole.
	sed 1,2d "$top/cover-letter.txt" >"$tmp/text"
	sed '1,/^$/d' "$tmp"/b4/*.cover | head -n "$(wc -l <"$tmp/text")" | diff -Z "$tmp/text" -
}
run_test 'mbox: b4 gives back the series' same_series
