#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Writes the series as it would be mailed to build/maple-prealloc.mbox: cover-letter.txt
# (first line: subject) as 0/N, then the patches; threaded, with recipients from
# get_maintainer.pl. The same series gives the same file. Sends nothing.
set -eu
. "$(dirname "$0")/common.sh"
need_tree
make_tmp
[ -s "$top/cover-letter.txt" ] || die "there is no cover-letter.txt: its first line is the subject, the rest the text of the 0/N mail"
mbox=$build/maple-prealloc.mbox

base=$(git -C "$tree" rev-parse base^0)
borrow "$tree" series "$tmp/git"
git="isolated_git -C $tmp/git -c core.abbrev=12"
$git config branch.work.description "$(cat "$top/cover-letter.txt")"
# The cover letter is the last author's, of the date of his last patch.
GIT_COMMITTER_NAME=$($git log -1 --format=%an work)
GIT_COMMITTER_EMAIL=$($git log -1 --format=%ae work)
GIT_COMMITTER_DATE=$($git log -1 --format=%aI work)
export GIT_COMMITTER_NAME GIT_COMMITTER_EMAIL GIT_COMMITTER_DATE
$git format-patch -q -n --zero-commit --no-signature --cover-letter \
	--cover-from-description=subject -o "$tmp/out" "$base..work"

# recipients OPTION...: of all files of the series, an address a line.
recipients()
{
	(cd "$tree" && perl scripts/get_maintainer.pl --no-git --no-git-fallback --no-rolestats "$@" "$tmp/all.patch") |
		perl -MEncode -ne 'chomp; $_ = decode("UTF-8", $_); s/^([^<]*[^\x00-\x7f][^<]*?) </encode("MIME-Q", $1) . " <"/e; print encode("UTF-8", "$_\n")'
}
$git diff "$base" work >"$tmp/all.patch"
recipients --m --no-r --no-l >"$tmp/to"
recipients --no-m --r --l >"$tmp/cc"
[ -s "$tmp/to" ] || die "scripts/get_maintainer.pl of build/linux-$version.y names nobody: is its MAINTAINERS all right?"

# Message-Ids are made from what is mailed; all mails answer the cover letter.
# Headers that git has folded are put on one line: b4 0.12 cannot read them otherwise.
id=maple-prealloc-$(cat "$tmp"/out/*.patch "$tmp/to" "$tmp/cc" | sha256sum | cut -c1-16)
host=${GIT_COMMITTER_EMAIL#*@}
n=0
for mail in "$tmp"/out/*.patch; do
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
	{ held = $0 }' "$mail"
	n=$((n + 1))
done >"$tmp/mbox"
[ "$(grep -c '^From ' "$tmp/mbox")" -eq $n ] ||
	die "a line of the cover letter or of a commit message begins with \`From ', where an mbox begins the next mail: reword it"
mv "$tmp/mbox" "$mbox"

say "build/maple-prealloc.mbox: $((n - 1)) patches and a cover letter, to $(cat "$tmp/to" "$tmp/cc" | wc -l) recipients. Nothing has been sent.
To read it:   mutt -f $mbox
To send it:   git send-email --suppress-cc=all $mbox
To apply it:  b4 --offline-mode am -m $mbox $id-0@$host"
