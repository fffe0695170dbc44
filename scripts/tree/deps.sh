#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Installs the Debian packages that this project needs and that are not there yet: as root or
# with sudo; with neither if nothing is missing.
set -eu
. "$(dirname "$0")/../common.sh"

# The kernel needs these, its user space suites (liburcu-dev), checkpatch (python3-git,
# python3-ply), the documentation (python3-sphinx, python3-yaml), and the measurements
# (valgrind, gnuplot-nox).
packages='ca-certificates git xz-utils gcc libc6-dev make flex bison bc libelf-dev
	libssl-dev liburcu-dev perl python3 python3-git python3-ply shellcheck b4 coccinelle
	python3-sphinx python3-yaml gcc-aarch64-linux-gnu gcc-arm-linux-gnueabihf valgrind
	gnuplot-nox qemu-system-x86'
[ "$(uname -m)" = x86_64 ] || packages="$packages gcc-x86-64-linux-gnu"

command -v dpkg-query >/dev/null || die "this is for Debian. Elsewhere, install what corresponds to
$packages
and take a kernel tree of your own: make tree KERNEL=path"

missing=
for p in $packages; do
	[ "$(dpkg-query -W -f '${db:Status-Status}' "$p" 2>/dev/null)" = installed ] || missing="$missing $p"
done
[ -n "$missing" ] || exit 0
sudo=
[ "$(id -u)" -eq 0 ] || sudo=$(command -v sudo) || die "packages are missing. Run as root: apt-get install$missing"
say "== install$missing"
# Lists may never have been fetched, or may name packages that have been replaced.
$sudo apt-get -qq update
# shellcheck disable=SC2086 # words
$sudo env DEBIAN_FRONTEND=noninteractive apt-get -qq -y --no-install-recommends install $missing
