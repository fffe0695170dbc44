#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Installs the Debian packages that `make tree', `make check' and `make bench' need and that
# are not there yet. As root, or with sudo; with neither if nothing is missing.
set -eu
. "$(dirname "$0")/common.sh"

# Fetch and apply: ca-certificates git xz-utils. Build: gcc libc6-dev make flex
# bison bc libelf-dev libssl-dev. Userspace suites: liburcu-dev (the sanitizers
# come with gcc). Checks: perl python3 python3-git python3-ply (checkpatch and its
# check of licences, get_maintainer) shellcheck b4 coccinelle, and compilers for arm64 and
# 32-bit arm; python3-sphinx python3-yaml for documentation. Measurements: valgrind
# gnuplot-nox. Kernels: qemu-system-x86.
packages='ca-certificates git xz-utils gcc libc6-dev make flex bison bc libelf-dev
	libssl-dev liburcu-dev perl python3 python3-git python3-ply shellcheck b4 coccinelle
	python3-sphinx python3-yaml gcc-aarch64-linux-gnu gcc-arm-linux-gnueabihf valgrind
	gnuplot-nox qemu-system-x86'
[ "$(uname -m)" = x86_64 ] || packages="$packages gcc-x86-64-linux-gnu"

command -v dpkg-query >/dev/null ||
	die "this is for Debian. Elsewhere, install what corresponds to these packages: $packages
and take a kernel tree of your own: make tree KERNEL=path"

missing=
for p in $packages; do
	# ${db:...} is for dpkg-query, not for the shell.
	# shellcheck disable=SC2016
	case " $(dpkg-query -W -f '${db:Status-Status} ' "$p" 2>/dev/null)" in
	*' installed '*) ;;
	*) missing="$missing $p" ;;
	esac
done
[ -n "$missing" ] || { say "== packages: nothing is missing"; exit 0; }

if [ "$(id -u)" -eq 0 ]; then
	sudo=
elif command -v sudo >/dev/null; then
	sudo=sudo
else
	die "packages are missing, and this needs root. Run as root: apt-get install$missing"
fi

install()
{
	# Lists may never have been fetched, or may name packages that have been replaced.
	# shellcheck disable=SC2086 # words
	$sudo env DEBIAN_FRONTEND=noninteractive apt-get -qq -y --no-install-recommends install $missing ||
	{
		$sudo apt-get -qq update
		$sudo env DEBIAN_FRONTEND=noninteractive apt-get -qq -y --no-install-recommends install $missing
	} || die "apt could not install$missing: see its messages above"
}
step "install$missing" install
