#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Fetches what most Debian suites have too old, or not at all, from the newest suite of the
# mirror that apt uses: the kernel source, as build/linux-X.Y.y, a git tree with one commit,
# tag `base'; and sparse (see scripts/checker-valid.sh there). Does nothing if they are there.
set -eu
. "$(dirname "$0")/../common.sh"
apt=$build/apt package=linux-source-$version

# write_sources: the suites that may have it, on the mirror that apt uses. An unknown suite does no harm.
write_sources()
{
	# shellcheck disable=SC2016 # for apt
	uri=$(apt-get indextargets --no-release-info --format '$(REPO_URI) $(RELEASE)' 'Created-By: Packages' |
		sed -nE 's/ (bookworm|trixie|forky|stable|oldstable|testing|unstable|sid)$//p' | head -n 1)
	[ "$uri" ] || die "apt has no Debian mirror configured. Add one to /etc/apt, or $own_tree"
	printf '%s\n' 'Types: deb deb-src' 'Components: main' "URIs: $uri" \
		'Suites: stable stable-backports unstable experimental' \
		'Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg' >"$tmp/debian.sources"
}

# our_apt COMMAND...: with our own sources, lists and cache. The system's are left alone, and
# no privileges are needed. As root, do not ask for a user _apt to read build/.
our_apt()
{
	our_apt=$1; shift
	"$our_apt" -q -o Dir::Etc::SourceList="$tmp/debian.sources" -o Dir::Etc::SourceParts=/dev/null \
		-o Dir::State::Lists="$apt/lists" -o Dir::Cache="$apt/cache" \
		-o APT::Sandbox::User=root -o Acquire::Languages=none "$@"
}

update()
{
	mkdir -p "$apt/lists/partial" "$apt/cache/archives/partial"
	write_sources
	our_apt apt-get update || say "   (some suite could not be read; going on with the others)"
}

# newest PACKAGE KIND: its newest version as Packages or Sources
newest() { our_apt apt-cache madison "$1" | awk -v kind="$2" '$NF == kind { print $3 }' | sort -V | tail -n 1; }
newest_deb() { find "$apt" -maxdepth 1 -name "${package}_*.deb" 2>/dev/null | sort -V | tail -n 1; }

no_kernel()
{
	have=$(our_apt apt-cache search --names-only '^linux-source-[0-9]' |
		sed -n 's/^linux-source-\([0-9.]*\) .*/\1/p' | sort -Vu | xargs)
	other=
	for v in $(series_versions); do
		case " $have " in *" $v "*) other="$other
	make tree VERSION=$v" ;; esac
	done
	die "no suite of Debian has $package now. They have Linux ${have:-(nothing)}.
${other:+This project has a series for one of these, too:$other
Or }$own_tree"
}

download()
{
	deb=$(newest_deb)
	[ -z "$deb" ] || { say "   there already: ${deb#"$top"/}"; return; }
	update
	v=$(newest "$package" Packages)
	[ -n "$v" ] || no_kernel
	(cd "$tmp" && our_apt apt-get download "$package=$v")
	mv "$tmp"/*.deb "$apt"
}

unpack()
{
	mkdir "$tmp/deb" "$tmp/linux"
	dpkg-deb -x "$(newest_deb)" "$tmp/deb"
	tar -xf "$tmp/deb/usr/src/$package.tar.xz" -C "$tmp/linux" --strip-components=1 ||
		die "$(newest_deb) could not be unpacked: remove it and try again"
	rm -r "$tmp/deb"
	# Debian has only debian/ in git, and ignores all else.
	sed -i '/^# Debian packaging: ignore everything/,$d' "$tmp/linux/.gitignore"
}

commit()
{
	git="isolated_git -C $tmp/linux"
	$git init -q -b series
	$git config gc.auto 0
	$git -c core.fsync=none add -A -f
	# The same source gives the same commit everywhere.
	GIT_AUTHOR_NAME=Debian GIT_AUTHOR_EMAIL=$package@packages.debian.org GIT_AUTHOR_DATE=2000-01-01T00:00:00Z \
	GIT_COMMITTER_NAME=Debian GIT_COMMITTER_EMAIL=$package@packages.debian.org \
	GIT_COMMITTER_DATE=2000-01-01T00:00:00Z $git commit -q -m "Linux $(make -s -C "$tmp/linux" kernelversion)"
	$git tag base
	mv "$tmp/linux" "$tree"
}

sparse()
{
	update
	v=$(newest sparse Sources)
	mkdir "$tmp/package" "$tmp/sparse"
	(cd "$tmp/package" && our_apt apt-get source --download-only "sparse=$v") ||
		die "sparse could not be downloaded: put one that is newer than 0.6.4 there as build/sparse/sparse"
	tar -xf "$(find "$tmp/package" -name 'sparse_*.orig.tar.*z')" -C "$tmp/sparse" --strip-components=1
	make -s -C "$tmp/sparse" -j"$(nproc)" sparse >"$tmp/out" 2>&1 || { cat "$tmp/out"; die "sparse $v does not build"; }
	sh "$tree/scripts/checker-valid.sh" "$tmp/sparse/sparse" | grep -qx 1 ||
		die "sparse $v is too old for this kernel: put a newer one there as build/sparse/sparse"
	rm -rf "$build/sparse"
	mkdir "$build/sparse"
	mv "$tmp/sparse/sparse" "$build/sparse"
}

own_tree="take a kernel tree of your own: make tree KERNEL=path-to-a-linux-$version-git-tree"
series_versions | grep -qxF "$version" ||
	die "there is no series for Linux $version in patches/, only for: $(series_versions | xargs)"
make_tmp
if [ -d "$tree" ]; then
	say "== build/linux-$version.y is there: $(git -C "$tree" log -1 --format=%s base)"
	! git -C "$tree" check-ignore -q --no-index lib/new.c ||
		say "   Its .gitignore ignores new files, since an older version of this project made it: add them with
   git add -f, or save your work (make export), remove build/linux-$version.y and run make tree again."
else
	step "download $package" download
	step "unpack $package" unpack
	step "make a git tree of it" commit
fi
[ -x "$build/sparse/sparse" ] || step "download and build sparse" sparse
