#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# fetch.sh PACKAGE...: downloads the first of the PACKAGEs that a suite of Debian has to build/apt: linux-source-X.Y, or
# sparse, of which it takes the source.
set -eu
. "$(dirname "$0")/../common.sh"
apt=$build/apt
own_tree="use your own kernel tree: make tree KERNEL=path-to-a-linux-$version-git-tree"

# our_apt COMMAND...: runs it with our own sources, lists and cache, so that it needs no privileges. A mirror may
# be weeks late: lists that have expired will do, if they are signed.
our_apt()
{
	our_apt=$1; shift
	"$our_apt" -q -o Dir::Etc::SourceList="$tmp/debian.sources" -o Dir::Etc::SourceParts=/dev/null \
		-o Dir::State::Lists="$apt/lists" -o Dir::Cache="$apt/cache" \
		-o APT::Sandbox::User=root -o Acquire::Languages=none -o Acquire::Check-Valid-Until=false "$@"
}

case $1 in
sparse) kind=Sources get='source --download-only' ;;
*) kind=Packages get=download ;;
esac
make_tmp
mkdir -p "$apt/lists/partial" "$apt/cache/archives/partial"
# The suites that may have it, by name: mirrors can be late with stable-backports. A missing suite does no harm.
# shellcheck disable=SC2016 # for apt
uri=$(apt-get indextargets --no-release-info --format '$(REPO_URI) $(RELEASE)' 'Created-By: Packages' |
	sed -nE 's/^([^ ]+) (bookworm|trixie|forky|stable|oldstable|testing|unstable|sid)$/\1/p' | sort -u | xargs)
[ "$uri" ] || die "apt has no Debian mirror: add one to /etc/apt, or $own_tree"
printf '%s\n' 'Types: deb deb-src' 'Components: main' "URIs: $uri" \
	'Suites: trixie trixie-backports forky forky-backports sid experimental' \
	'Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg' >"$tmp/debian.sources"
our_apt apt-get update || say "   (some suites could not be read, going on without them)"

# Take a release candidate of the kernel only if there is nothing else, but the newest sparse in any case.
for package; do
	found=$(our_apt apt-cache madison "$package" |
		awk -v kind=$kind '$NF == kind { print (kind == "Sources" || $3 !~ /~rc/), $3 }' |
		sort -k 1n -k 2V | sed -n '$s/.* //p')
	[ -z "$found" ] || break
done
if [ -z "$found" ]; then
	[ "$package" != sparse ] || die "no suite of Debian has the source of sparse now. Build sparse yourself:
	git clone https://git.kernel.org/pub/scm/devel/sparse/sparse.git && make -C sparse sparse
copy sparse/sparse to build/sparse/sparse, then run \`make tree' again"
	have=$(our_apt apt-cache search --names-only '^linux-source-[0-9]' |
		sed -n 's/^linux-source-\([0-9.]*\) .*/\1/p' | sort -Vu)
	other=$(series_versions | grep -xF -e "$have" | sed 's/^/	make tree VERSION=/')
	die "no suite of Debian has $* now. They have Linux $(say "$have" | xargs).
${other:+This project also has a series for:
$other
Or }$own_tree"
fi
cd "$tmp"
# shellcheck disable=SC2086 # words
our_apt apt-get $get "$package=$found"
mv "$package"_* "$apt"
