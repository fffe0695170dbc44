#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Nothing in the project holds on this machine only: paths above it, and the mirror that apt uses here; of these, what
# cannot be an ordinary word.
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
! grep -rnF --exclude-dir=build --exclude-dir=.git -f "$tmp/words" .
