#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Installs the Debian packages that this project needs, if any are missing: as root, or with sudo.
set -eu
. "$(dirname "$0")/../common.sh"

# For the kernel, its user space suites (liburcu-dev), checkpatch (python3-git, python3-ply), the
# documentation (python3-sphinx, python3-yaml), and the measurements (valgrind, gnuplot-nox).
packages='ca-certificates git xz-utils gcc libc6-dev make flex bison bc libelf-dev
	libssl-dev liburcu-dev perl python3 python3-git python3-ply shellcheck b4 coccinelle
	python3-sphinx python3-yaml gcc-aarch64-linux-gnu gcc-arm-linux-gnueabihf valgrind
	gnuplot-nox qemu-system-x86'
[ "$(uname -m)" = x86_64 ] || packages="$packages gcc-x86-64-linux-gnu"

command -v dpkg-query >/dev/null || die "this needs Debian. Elsewhere, install the equivalents of these packages:
$packages
and use your own kernel tree: make tree KERNEL=path"

missing='' sudo=
for p in $packages; do
	[ "$(dpkg-query -W -f '${db:Status-Status}' "$p" 2>/dev/null)" = installed ] || missing="$missing $p"
done
[ -n "$missing" ] || exit 0
[ "$(id -u)" -eq 0 ] || sudo=$(command -v sudo) || die "packages are missing. As root, run: apt-get install$missing"
say "== install$missing"
# The lists may never have been fetched, or name versions that are no longer there.
$sudo apt-get -qq update
# shellcheck disable=SC2086 # words
$sudo env DEBIAN_FRONTEND=noninteractive apt-get -qq -y --no-install-recommends install $missing
