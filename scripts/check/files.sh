#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# No file of the project may name what exists only on this machine: the directory that the project is in, and apt's
# mirror. Leaves out names that could be ordinary words.
set -eu
. "$(dirname "$0")/../common.sh"
cd "$top"
make_tmp
# shellcheck disable=SC2016 # for apt
{
	say "${top%/*}/"
	apt-get indextargets --no-release-info --format '$(REPO_URI)' 'Created-By: Packages' |
		sed -n 's,^[a-z+]*://\([^/]*\)/.*,\1,p'
} | sort -u | grep -E '^/[^/]+/[^/]|^[^/]+[.:]' >"$tmp/words" || exit 0
! grep -rnF --exclude-dir=build --exclude-dir=.git -f "$tmp/words" . ||
	die "these lines name a directory or a mirror of this machine: reword them"
