#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Tests of `make mbox', in a copy of the project with a small kernel tree: what b4 makes of
# the mboxes that we would mail are the parts of the series, to the byte, but for the
# submitter, who is not the project's placeholder.
set -eu
. "$(dirname "$0")/common.sh"
need_tree
make_tmp
export GIT_CONFIG_GLOBAL="$tmp/config" GIT_CONFIG_NOSYSTEM=1
unset GIT_AUTHOR_NAME GIT_AUTHOR_EMAIL GIT_COMMITTER_NAME GIT_COMMITTER_EMAIL EMAIL DRAFT

# submitter NAME EMAIL: what git's configuration says from now on, and what sed has to do
# to make our patches his.
submitter()
{
	printf '[user]\n\tname = %s\n\temail = %s\n' "$1" "$2" >"$tmp/config"
	us='[^:<]* <[^>]*[@.]example>'
	edit="s/^$us/$1 <$2>/; s/^Signed-off-by: $us/Signed-off-by: $1 <$2>/"
}

# mbox: writes the mboxes to $tmp/out.
mbox()
{
	rm -rf "$tmp/out"
	mkdir "$tmp/out"
	"$tmp/project/scripts/mbox.sh" "$tmp/out"
}

# describe REPOSITORY FROM TO: tree, author, date and message of each patch.
describe() { isolated_git -C "$1" log --reverse --format='%T%n%an <%ae> %aI%n%B' "$2..$3"; }

# same_parts [EDIT]: the parts, applied one upon the other, are those of the tree, as the
# submitter's, and with EDIT.
same_parts()
{
	# b4 wants a repository, an identity and a home.
	rm -rf "$tmp/git"
	# shellcheck disable=SC2046 # words
	borrow "$small" base "$tmp/git" $(git -C "$small" diff --name-only base series)
	git -C "$tmp/git" config user.name check
	git -C "$tmp/git" config user.email check@localhost
	: >"$tmp/mailed"
	while read -r part from to; do
		id=$(sed -n 's/^Message-Id: <\(.*-0@.*\)>$/\1/p' "$tmp/out/$part.mbox" | head -n 1)
		rm -rf "$tmp/b4"
		mkdir "$tmp/b4"
		(cd "$tmp/git" && HOME=$tmp/git/.git GIT_CONFIG_GLOBAL=/dev/null \
			b4 --offline-mode am -o "$tmp/b4" -m "$tmp/out/$part.mbox" "$id")
		old=$(git -C "$tmp/git" rev-parse work)
		isolated_git -C "$tmp/git" am -q "$tmp"/b4/*.mbx
		describe "$small" "$from" "$to" | sed -e "$edit" -e "${1-}" >"$tmp/want"
		describe "$tmp/git" "$old" work | diff "$tmp/want" -
		[ -s "$tmp/want" ]
		# And the cover letter is there, whole, with what it applies to: the mails of
		# the parts before.
		cover=$patches/$part/cover-letter.txt
		[ -f "$cover" ] || cover=$top/cover-letter.txt
		sed 1,2d "$cover" >"$tmp/text"
		sed '1,/^$/d' "$tmp"/b4/*.cover | head -n "$(wc -l <"$tmp/text")" | diff -Z "$tmp/text" -
		grep -qxF -e "base: $(git -C "$small" log -1 --format=%s base)" \
			-e "base-commit: $(git -C "$small" rev-parse base^0)" "$tmp"/b4/*.cover
		git patch-id --stable <"$tmp/mailed" | sed 's/^\([0-9a-f]*\) .*/prerequisite-patch-id: \1/' >"$tmp/want"
		sed -n '/^prerequisite-/,$p' "$tmp"/b4/*.cover | diff -B "$tmp/want" -
		cat "$tmp/out/$part.mbox" >>"$tmp/mailed"
	done <"$tmp/ranges"
}

# refused NAME EMAIL: with a message that says what to do.
refused()
{
	submitter "$1" "$2"
	! mbox >"$tmp/said" 2>&1 || { say "it was not refused"; return 1; }
	cat "$tmp/said"
	grep -q 'git config --global user.email' "$tmp/said"
	grep -q 'DRAFT=1' "$tmp/said"
	[ -z "$(ls "$tmp/out")" ]
}

draft()
{
	submitter Nobody nobody@nowhere.example
	DRAFT=1 mbox
	same_parts
	# The same again.
	mv "$tmp/out" "$tmp/before"
	DRAFT=1 mbox
	diff -r "$tmp/before" "$tmp/out"
}

submitted()
{
	submitter 'Zoë B. Ünal' zoe@unal.test
	mbox
	same_parts
	# The mails are from her, too, in a way that mail programs can read.
	grep -ah '^From: ' "$tmp"/out/*.mbox | sort -u | tee "$tmp/from"
	! grep -q '[^ -~]' "$tmp/from" || return 1
	PYTHONIOENCODING=UTF-8 python3 -c 'from email.header import *; import sys
for line in sys.stdin: print(make_header(decode_header(line.strip())))' <"$tmp/from" | sort -u >"$tmp/decoded"
	[ "$(cat "$tmp/decoded")" = 'From: Zoë B. Ünal <zoe@unal.test>' ]
	! grep -aE '^(From|Message-Id|Signed-off-by): .*[.@]example>' "$tmp"/out/*.mbox
}

# The last patch is somebody else's: he stays its author.
another()
{
	submitter She she@her.test
	s="isolated_git -C $small"
	by='He <he@him.test>'
	commit=$($s cat-file commit series | sed "s/^author $us/author $by/; s/^Signed-off-by: $us/Signed-off-by: $by/" |
		$s hash-object -t commit -w --stdin)
	$s update-ref refs/heads/series "$commit"
	(tree=$small; ranges) >"$tmp/ranges"
	mbox
	same_parts 's/^Signed-off-by: He .*/&\nSigned-off-by: She <she@her.test>/'
	# All mails are from her; that he is the author is in the one of this patch.
	grep -ah '^From: ' "$tmp"/out/*.mbox | sort | uniq -c | sort -n | tee "$tmp/from"
	[ "$(sed 's/^ *//' "$tmp/from" | tr '\n' ' ')" = "1 From: $by $(cat "$tmp"/out/*.mbox | grep -ac '^From 0') From: She <she@her.test> " ]
}

# With what get_maintainer.pl looks for in a kernel tree.
ranges >"$tmp/ranges"
small_project COPYING CREDITS Kbuild MAINTAINERS Makefile README scripts/get_maintainer.pl
(cd "$small" && mkdir -p Documentation arch include drivers fs init ipc kernel lib scripts)
run_test 'mbox: a draft, b4 gives back each part' draft
run_test 'mbox: refuses the placeholder' refused Nobody nobody@nowhere.example
run_test 'mbox: refuses an address that is missing' refused Somebody ''
run_test 'mbox: refuses a name that is missing' refused '' somebody@home.test
run_test 'mbox: the submitter is author and signs' submitted
run_test "mbox: somebody else's patch" another
