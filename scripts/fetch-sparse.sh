#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Builds build/sparse/sparse from the newest source package of sparse that the configured
# Debian mirror has: the kernel wants a newer one than most suites have
# (scripts/checker-valid.sh there). Does nothing if it is there.
set -eu
. "$(dirname "$0")/common.sh"
. "$(dirname "$0")/apt.sh"
no_package='put a sparse that is newer than 0.6.4 there as build/sparse/sparse'

if [ -x "$build/sparse/sparse" ]; then
	say "== sparse is there: $("$build/sparse/sparse" --version)"
	exit 0
fi
make_tmp

# A release candidate is as good.
download()
{
	write_sources deb-src
	our_apt apt-get update || say "   (some suite could not be read; going on with the others)"
	v=$(our_apt apt-cache madison sparse | versions | tail -n 1)
	[ -n "$v" ] || die "there is no source of sparse in Debian's suites now: $no_package"
	mkdir "$tmp/package" "$tmp/sparse"
	(cd "$tmp/package" && our_apt apt-get source --download-only "sparse=$v")
}

compile()
{
	tar -xf "$(find "$tmp/package" -name 'sparse_*.orig.tar.*[a-z0-9]' ! -name '*.asc')" -C "$tmp/sparse" --strip-components=1
	make -s -C "$tmp/sparse" -j"$(nproc)" sparse >"$tmp/out" 2>&1 || { cat "$tmp/out"; die "sparse $v does not build"; }
	sh "$tree/scripts/checker-valid.sh" "$tmp/sparse/sparse" | grep -qx 1 ||
		die "sparse $v is too old for this kernel: $no_package"
}

need_tree
step 'download sparse' download
step 'build sparse' compile
# Only the program is needed; its headers are found through the path that it was built in.
rm -rf "$build/sparse"
mkdir "$build/sparse"
mv "$tmp/sparse/sparse" "$build/sparse"
