#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# fetch.sh linux-source-X.Y|sparse: fetches this package, or its source, to build/apt.
set -eu
. "$(dirname "$0")/../common.sh"
apt=$build/apt package=$1
own_tree="take a kernel tree of your own: make tree KERNEL=path-to-a-linux-$version-git-tree"

# our_apt COMMAND...: with our own sources, lists and cache, so that no privileges are needed.
our_apt()
{
	our_apt=$1; shift
	"$our_apt" -q -o Dir::Etc::SourceList="$tmp/debian.sources" -o Dir::Etc::SourceParts=/dev/null \
		-o Dir::State::Lists="$apt/lists" -o Dir::Cache="$apt/cache" \
		-o APT::Sandbox::User=root -o Acquire::Languages=none "$@"
}

case $package in
sparse) kind=Sources get='source --download-only' ;;
*) kind=Packages get=download ;;
esac
make_tmp
mkdir -p "$apt/lists/partial" "$apt/cache/archives/partial"
# The suites that may have it; one that cannot be read does no harm. Mirrors can be late with stable-backports.
# shellcheck disable=SC2016 # for apt
uri=$(apt-get indextargets --no-release-info --format '$(REPO_URI) $(RELEASE)' 'Created-By: Packages' |
	sed -nE 's/ (bookworm|trixie|forky|stable|oldstable|testing|unstable|sid)$//p' | head -n 1)
[ "$uri" ] || die "apt has no Debian mirror configured. Add one to /etc/apt, or $own_tree"
printf '%s\n' 'Types: deb deb-src' 'Components: main' "URIs: $uri" \
	'Suites: trixie trixie-backports forky forky-backports sid experimental' \
	'Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg' >"$tmp/debian.sources"
our_apt apt-get update || say "   (some suite could not be read; going on with the others)"

# A release candidate of the kernel only if there is nothing else. Of sparse, it is what the kernel wants.
found=$(our_apt apt-cache madison "$package" |
	awk -v kind=$kind '$NF == kind { print (kind == "Sources" || $3 !~ /~rc/), $3 }' |
	sort -k 1n -k 2V | sed -n '$s/.* //p')
if [ -z "$found" ]; then
	have=$(our_apt apt-cache search --names-only '^linux-source-[0-9]' |
		sed -n 's/^linux-source-\([0-9.]*\) .*/\1/p' | sort -Vu)
	other=$(series_versions | grep -xF -e "$have" | sed 's/^/	make tree VERSION=/')
	die "no suite of Debian has $package now. They have Linux $(say "$have" | xargs).
${other:+This project has a series for one of these, too:
$other
Or }$own_tree"
fi
cd "$tmp"
# shellcheck disable=SC2086 # words
our_apt apt-get $get "$package=$found"
mv "$package"_* "$apt"
