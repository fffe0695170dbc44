#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# mbox.sh [DIRECTORY]: writes each part of the series as it would be mailed, to PART.mbox in
# DIRECTORY, or build/. What git format-patch does not do: recipients from get_maintainer.pl, what
# the part applies to, and the name of the submitter, whoever runs this, as git knows him. He takes
# the place of authors whose address is in .example, a domain that nobody has (RFC 2606). Without
# a name, or with such an address, he is refused, unless DRAFT=1. Sends nothing.
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
	[ "${DRAFT:-}" ] || die "a posting carries its sender's name in From and Signed-off-by. In git's configuration it is
${name:-(nothing)} <${email:-(nothing)}>, which is no person. Set yours:
	git config --global user.name 'Your Name'
	git config --global user.email 'your address'
or write a draft, which must not be sent: make mbox DRAFT=1"
	name=Nobody email=nobody@nowhere.invalid ;;
esac
export GIT_COMMITTER_NAME="$name" GIT_COMMITTER_EMAIL="$email"
git="isolated_git -C $tree -c core.abbrev=12"
# For the list of authors in the 0/N mail.
$git log --format="$name <$email> <%ae>" base..series | grep '[.@]example>$' | sort -u >"$tmp/mailmap"
people="perl scripts/get_maintainer.pl --no-git --no-git-fallback --no-rolestats"

# posting PART UNDER BRANCH: BRANCH, on top of UNDER, as $tmp/PART.mbox
posting()
{
	part=$1 under=$2 branch=$3
	cover=$patches/$part/cover-letter.txt
	[ -f "$cover" ] || cover=$top/cover-letter.txt
	[ -s "$cover" ] ||
		die "$part has no cover letter: ${cover#"$top"/}. Its first line is the subject, the rest the text of the 0/N mail"
	$git diff "$under" "$branch" >"$tmp/all.patch"
	(cd "$tree" && $people --m --no-r --no-l "$tmp/all.patch" | sed 's/^/--to=/' &&
		$people --no-m --r --l "$tmp/all.patch" | sed 's/^/--cc=/') >"$tmp/people"
	grep -q '^--to=' "$tmp/people" ||
		die "scripts/get_maintainer.pl in $tree names nobody for $part: is its MAINTAINERS all right?"
	set --
	while read -r who; do set -- "$@" "$who"; done <"$tmp/people"
	$git -c "branch.$branch.description=$(cat "$cover")" -c "mailmap.file=$tmp/mailmap" format-patch -q -n --zero-commit \
		--no-signature --from --signoff --thread=shallow --cover-letter --cover-from-description=subject "$@" \
		-o "$tmp/$part" "$under..$branch"
	# As --base has it, but: a base that we have made of Debian's package means nothing to
	# others, and git up to 2.39, at least, has another patch id here than that of the mail
	# when a diff can be written in two ways.
	{
		say
		case $($git show -s --format=%ae base) in
		*@packages.debian.org) $git show -s --format='base: %s' base ;;
		*) say "base-commit: $($git rev-parse base^0)" ;;
		esac
		$git log --reverse -p "base..$under" | git patch-id --stable |
			sed 's/^\([0-9a-f]*\) .*/prerequisite-patch-id: \1/'
	} >>"$(ls "$tmp/$part/0000-"*)"
	# b4 0.12 cannot read headers that git has folded. And not both the placeholder and the submitter.
	sed -s -e '1,/^$/{:m; /^\(From\|Subject\): /{N; /\n /{s/\n / /; b m}; P; D}; b}' -e '/^From: .*[.@]example>$/{N; d}' \
		-e '/^Signed-off-by: .*[.@]example>$/d' "$tmp/$part"/*.patch >"$tmp/$part.mbox"
	mails=$(find "$tmp/$part" -name '*.patch' | wc -l)
	[ "$(grep -c '^From ' "$tmp/$part.mbox")" -eq "$mails" ] ||
		die "a line of the cover letter or of a commit message of $part begins with \`From ', as a mail in an mbox does"
	say "$part.mbox: $((mails - 1)) patches, to $# recipients"
}

under=base
parts >"$tmp/parts"
while read -r part branch; do
	posting "$part" "$under" "$branch"
	under=$branch
done <"$tmp/parts"
mv "$tmp"/*.mbox "$out"

say "They are in ${out#"$top"/}, from $name <$email>. Nothing has been sent. To read one: mutt -f PART.mbox.
To send it: git send-email --suppress-cc=all PART.mbox. To apply it: b4 --offline-mode am -m PART.mbox MESSAGE-ID"
