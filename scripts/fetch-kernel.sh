#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# fetch-kernel.sh X.Y: unpacks the newest linux-source-X.Y that the configured
# Debian mirror has into build/linux-X.Y.y, a git tree with one commit, tag
# `base'. The package stays in build/apt/. Does nothing if the tree is there.
set -eu
. "$(dirname "$0")/common.sh"
. "$(dirname "$0")/apt.sh"
version=${1:?usage: fetch-kernel.sh X.Y}
tree=$build/linux-$version.y
package=linux-source-$version

if [ -d "$tree" ]; then
	say "== build/linux-$version.y is there: $(git -C "$tree" log -1 --format=%s base)"
	exit 0
fi
make_tmp

no_package="take a kernel tree of your own: make tree KERNEL=path-to-a-linux-$version-git-tree"

# The newest version that `apt-cache madison' names; a release candidate only
# if there is nothing else.
newest()
{
	versions >"$tmp/versions"
	grep -v '~rc' "$tmp/versions" | tail -n 1 | grep . || tail -n 1 "$tmp/versions"
}

download()
{
	mkdir -p "$apt"
	if deb=$(newest_deb); [ -n "$deb" ]; then
		say "   there already: ${deb#"$top"/}"
		return
	fi
	# What the system's apt knows comes first, if it can still be fetched.
	v=$(apt-cache madison "$package" | newest)
	if [ -z "$v" ] || ! (cd "$tmp" && apt-get -q -o APT::Sandbox::User=root download "$package=$v"); then
		write_sources deb
		our_apt apt-get update || say "   (some suite could not be read; going on with the others)"
		v=$(our_apt apt-cache madison "$package" | newest)
		[ -n "$v" ] || die "there is no $package in Debian's suites now: $no_package"
		(cd "$tmp" && our_apt apt-get download "$package=$v")
	fi
	mv "$tmp"/*.deb "$apt"
}

newest_deb() { find "$apt" -maxdepth 1 -name "${package}_*.deb" | sort -V | tail -n 1; }

unpack()
{
	mkdir "$tmp/deb" "$tmp/linux"
	dpkg-deb -x "$(newest_deb)" "$tmp/deb"
	# A dot for each 5000 files: it is many, and takes a while.
	tar -xvf "$(find "$tmp/deb" -name "$package.tar.xz")" -C "$tmp/linux" --strip-components=1 |
		awk 'NR % 5000 == 0 { printf "."; fflush() } END { print " " NR " files" }'
	[ -f "$tmp/linux/lib/maple_tree.c" ] || die "$(newest_deb) could not be unpacked: remove it and try again"
}

commit()
{
	release=$(make -s -C "$tmp/linux" kernelversion)
	cd "$tmp/linux"
	isolated_git init -q -b series
	git config gc.auto 0
	isolated_git -c core.fsync=none add -A -f
	# The same source gives the same commit everywhere.
	GIT_AUTHOR_NAME=Debian GIT_AUTHOR_EMAIL=$package@packages.debian.org \
	GIT_AUTHOR_DATE='2000-01-01T00:00:00Z' GIT_COMMITTER_NAME=Debian \
	GIT_COMMITTER_EMAIL=$package@packages.debian.org GIT_COMMITTER_DATE='2000-01-01T00:00:00Z' \
		isolated_git commit -q -m "Linux $release"
	isolated_git tag base
	cd "$top"
}

step "download $package" download
step "unpack $package" unpack
step "make a git tree of it" commit
mv "$tmp/linux" "$tree"
