#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# mbox.sh [DIRECTORY]: writes each part of the series as it would be mailed, to PART.mbox in
# DIRECTORY, or build/: its cover letter (first line: subject) as 0/N, then the patches;
# threaded, with recipients from get_maintainer.pl, and what it applies to. Sends nothing.
# The mails are from whoever runs this, as git knows him: he takes the place of the authors
# whose address is in .example, a domain that nobody has (RFC 2606). Without a name, or with
# such an address, he is refused, unless DRAFT=1. The same series gives the same files.
set -eu
. "$(dirname "$0")/common.sh"
need_tree
make_tmp
out=${1:-$build}
[ -d "$out" ] || die "$out: there is no such directory"
where=build/linux-$version.y
ranges >"$tmp/ranges"

name=$(git -C "$tree" config user.name) || :
email=$(git -C "$tree" config user.email) || :
case $name/$email in
*[.@]example) placeholder=yes ;;
?*/?*@?*) placeholder= ;;
*) placeholder=yes ;;
esac
if [ "$placeholder" ]; then
	[ "${DRAFT:-}" ] || die "a posting carries its sender's name in From and Signed-off-by. In git's configuration it is ${name:-(nothing)} <${email:-(nothing)}>, which is no person. Set yours:
	git config --global user.name 'Your Name'
	git config --global user.email 'your address'
or write a draft, which must not be sent: make mbox DRAFT=1"
	name=${name:-Nobody} email=${email:-nobody@nowhere.example}
fi
export GIT_COMMITTER_NAME="$name" GIT_COMMITTER_EMAIL="$email"
host=${email#*@}

base=$(git -C "$tree" rev-parse base^0)
borrow "$tree" series "$tmp/git"
git="isolated_git -C $tmp/git -c core.abbrev=12"
# As git writes it.
who=$($git var GIT_COMMITTER_IDENT)
export who="${who%>*}>"

# mime: encodes names that need it, in addresses.
mime()
{
	perl -MEncode -ne 'chomp; $_ = decode("UTF-8", $_); s/^"?([^<"]*[^\x00-\x7f][^<"]*?)"? </encode("MIME-Q", $1) . " <"/e; print encode("UTF-8", "$_\n")'
}
# Git does not encode the sender of the cover letter.
from=$(say "$who" | mime)
[ "$from" != "$who" ] || from=
export from

# submitted COMMIT PARENT: makes COMMIT the submitter's on top of PARENT, and prints it.
submitted()
(
	GIT_AUTHOR_NAME=$($git show -s --format=%an "$1")
	GIT_AUTHOR_EMAIL=$($git show -s --format=%ae "$1")
	GIT_AUTHOR_DATE=$($git show -s --format=%aI "$1")
	case $GIT_AUTHOR_EMAIL in
	*[.@]example) GIT_AUTHOR_NAME=$name GIT_AUTHOR_EMAIL=$email ;;
	esac
	export GIT_AUTHOR_NAME GIT_AUTHOR_EMAIL GIT_AUTHOR_DATE
	$git cat-file commit "$1" | awk '
	body && /^Signed-off-by: .*[.@]example>$/ { $0 = "Signed-off-by: " ENVIRON["who"] }
	body
	/^$/ { body = 1 }' | $git commit-tree -p "$2" "$1^{tree}"
)

# recipients OPTION...: of all files of the part, an address a line.
recipients()
{
	(cd "$tree" && PERL_HASH_SEED=0 perl scripts/get_maintainer.pl --no-git --no-git-fallback --no-rolestats "$@" "$tmp/all.patch") | mime
}

# posting PART FROM: branch PART, which begins at FROM, as $tmp/PART.mbox.
posting()
{
	cover=$patches/$1/cover-letter.txt
	[ "$1" != 2-prealloc ] || cover=$top/cover-letter.txt
	[ -s "$cover" ] || die "$1 has no cover letter: the first line of ${cover#"$top"/} is its subject, the rest the text of the 0/N mail"
	$git config "branch.$1.description" "$(cat "$cover")"
	# The cover letter is of the date of the last patch.
	GIT_COMMITTER_DATE=$($git log -1 --format=%aI "$1") $git format-patch -q -n --zero-commit \
		--no-signature --from --signoff --cover-letter \
		--cover-from-description=subject -o "$tmp/$1" "$2..$1"
	# As --base has it, but: a base that we have made of Debian's package means nothing to
	# others, and git up to 2.39, at least, has another patch id here than that of the mail
	# when a diff can be written in two ways.
	{
		say
		case $($git show -s --format=%ae "$base") in
		*@packages.debian.org) $git show -s --format='base: %s' "$base" ;;
		*) say "base-commit: $base" ;;
		esac
		$git log --reverse -p "$base..$2" | git patch-id --stable |
			sed 's/^\([0-9a-f]*\) .*/prerequisite-patch-id: \1/'
	} >>"$(ls "$tmp/$1/0000-"*)"

	$git diff "$2" "$1" >"$tmp/all.patch"
	recipients --m --no-r --no-l >"$tmp/to"
	recipients --no-m --r --l >"$tmp/cc"
	[ -s "$tmp/to" ] || die "scripts/get_maintainer.pl of $where names nobody for $1: is its MAINTAINERS all right?"

	# Message-Ids are made from what is mailed; all mails answer the cover letter.
	# Headers that git has folded are put on one line: b4 0.12 cannot read them otherwise.
	id=maple-$1-$(cat "$tmp/$1"/*.patch "$tmp/to" "$tmp/cc" | sha256sum | cut -c1-16)
	n=0
	for mail in "$tmp/$1"/*.patch; do
		awk -v n=$n -v id="$id" -v host="$host" -v to="$tmp/to" -v cc="$tmp/cc" '
		function people(header, file,    line, sep) {
			printf "%s: ", header
			while ((getline line < file) > 0) { printf "%s%s", sep, line; sep = ",\n " }
			print ""
		}
		body { print; next }
		held != "" && sub(/^[ \t]+/, " ") { held = held $0; next }
		held != "" { print held; held = "" }
		/^$/ {
			people("To", to); people("Cc", cc)
			printf "Message-Id: <%s-%d@%s>\n", id, n, host
			if (n) printf "In-Reply-To: <%s-0@%s>\nReferences: <%s-0@%s>\n", id, host, id, host
			body = 1
			print
			next
		}
		/^From [0-9a-f]* / { print; next }
		n == 0 && ENVIRON["from"] && /^From: / { $0 = "From: " ENVIRON["from"] }
		{ held = $0 }' "$mail"
		n=$((n + 1))
	done >"$tmp/$1.mbox"
	[ "$(grep -c '^From ' "$tmp/$1.mbox")" -eq $n ] ||
		die "a line of the cover letter or of a commit message of $1 begins with \`From ', where an mbox begins the next mail: reword it"
	say "$1.mbox: $((n - 1)) patches and a cover letter, to $(cat "$tmp/to" "$tmp/cc" | wc -l) recipients, $id-0@$host"
}

tip=$base
while read -r part begin end; do
	under=$tip
	for commit in $($git rev-list --reverse "$begin..$end"); do
		tip=$(submitted "$commit" "$tip")
	done
	$git update-ref "refs/heads/$part" "$tip"
	posting "$part" "$under"
done <"$tmp/ranges"
mv "$tmp"/*.mbox "$out"

say "They are in ${out#"$top"/}, from $who. Nothing has been sent.
To read one:   mutt -f PART.mbox
To send it:    git send-email --suppress-cc=all PART.mbox
To apply it:   b4 --offline-mode am -m PART.mbox and the Message-Id above"
