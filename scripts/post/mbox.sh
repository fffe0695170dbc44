#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# mbox.sh [DIRECTORY]: writes the mails of each part of the series to PART.mbox in DIRECTORY, or
# build/. Adds to git format-patch: recipients from get_maintainer.pl, what the part applies to, and
# the submitter, who is git's user. The submitter replaces authors with an address in .example, a
# domain that nobody can have (RFC 2606). If git's user has no name, or such an address, it fails,
# or with DRAFT=1 writes a draft with a placeholder. Sends nothing.
set -eu
. "$(dirname "$0")/../common.sh"
need_tree
make_tmp
out=${1:-$build}
ranges >/dev/null

name=$(git -C "$tree" config user.name) || :
email=$(git -C "$tree" config user.email) || :
case $name/$email in
/*|*/|*[.@]example)
	[ "${DRAFT:-}" ] || die "the mails need your name and address in From and Signed-off-by, but git's configuration has
${name:-(no name)} <${email:-no address}>, which is incomplete or a placeholder. Set yours:
	git config --global user.name 'Your Name'
	git config --global user.email 'your address'
or write a draft, which must not be sent: make mbox DRAFT=1"
	name=Nobody email=nobody@nowhere.invalid ;;
esac
export GIT_COMMITTER_NAME="$name" GIT_COMMITTER_EMAIL="$email"
git="isolated_git -C $tree -c core.abbrev=12"
# The submitter also replaces such authors in the list of authors in the 0/N mail.
$git log --format="$name <$email> <%ae>" base..series | grep '[.@]example>$' | sort -u >"$tmp/mailmap"

# posting PART UNDER BRANCH: writes the commits UNDER..BRANCH to $tmp/PART.mbox.
posting()
{
	part=$1 under=$2 branch=$3
	cover=$patches/$part/cover-letter.txt
	[ -f "$cover" ] || cover=$top/cover-letter.txt
	[ -s "$cover" ] ||
		die "$part has no cover letter. Write ${cover#"$top"/}: its first line is the subject of the 0/N mail"
	$git diff "$under" "$branch" >"$tmp/all.patch"
	(cd "$tree" && perl scripts/get_maintainer.pl --no-git --no-git-fallback --roles --no-rolestats "$tmp/all.patch") |
		sed '/ (\(reviewer\|[a-z]* list\)[:)]/s/^/--cc=/; /^--cc=/!s/^/--to=/; s/ ([a-z ]*[:)].*//' >"$tmp/people"
	grep -q '^--to=' "$tmp/people" ||
		die "scripts/get_maintainer.pl in $tree finds no maintainer for $part: check MAINTAINERS there"
	set --
	while read -r who; do set -- "$@" "$who"; done <"$tmp/people"
	$git -c "branch.$branch.description=$(cat "$cover")" -c "mailmap.file=$tmp/mailmap" format-patch -q -n --zero-commit \
		--no-signature --from --signoff --thread=shallow --cover-letter --cover-from-description=subject "$@" \
		-o "$tmp/$part" "$under..$branch"
	# Like format-patch --base, but our commit of Debian's source means nothing to others, and the patch ids of git
	# (2.39, at least) differ from those of the mails if there are two ways to write a diff.
	{
		say
		case $($git show -s --format=%ae base) in
		*@packages.debian.org) $git show -s --format='base: %s' base ;;
		*) say "base-commit: $($git rev-parse base^0)" ;;
		esac
		$git log --reverse -p "base..$under" | git patch-id --stable |
			sed 's/^\([0-9a-f]*\) .*/prerequisite-patch-id: \1/'
	} >>"$(ls "$tmp/$part/0000-"*)"
	# Unfold headers, since b4 0.12 cannot read folded ones. Remove the placeholder: the submitter is there, too.
	sed -s -e '1,/^$/{:m; /^\(From\|Subject\): /{N; /\n /{s/\n / /; b m}; P; D}; b}' -e '/^From: .*[.@]example>$/{N; d}' \
		-e '/^Signed-off-by: .*[.@]example>$/d' "$tmp/$part"/*.patch >"$tmp/$part.mbox"
	mails=$(find "$tmp/$part" -name '*.patch' | wc -l)
	[ "$(grep -c '^From ' "$tmp/$part.mbox")" -eq "$mails" ] ||
		die "a line in the cover letter or a commit message of $part starts with \`From ', like a mail in an mbox: reword it"
	say "$part.mbox: $((mails - 1)) patches and a cover letter, to $# recipients"
}

under=base
parts >"$tmp/parts"
while read -r part branch; do
	posting "$part" "$under" "$branch"
	under=$branch
done <"$tmp/parts"
mv "$tmp"/*.mbox "$out"

say "They are in ${out#"$top"/}, from $name <$email>. Nothing has been sent. To read a part: mutt -f PART.mbox.
To turn it into an mbox for git am: b4 --offline-mode am -m PART.mbox MESSAGE-ID"
[ "${DRAFT:-}" ] || say "To send it (with the package git-email; try --dry-run first):
	mkdir mails && git mailsplit -omails PART.mbox &&
	git send-email --no-thread --suppress-cc=author --suppress-cc=body mails"
