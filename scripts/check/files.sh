#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Tests of the project's own files.
set -eu
. "$(dirname "$0")/../common.sh"
cd "$top"

# Paths above the project, and the mirror that apt uses here: of these, what cannot be an
# ordinary word.
no_machine()
{
	# shellcheck disable=SC2016 # for apt
	{
		say "${top%/*}/"
		apt-get indextargets --no-release-info --format '$(REPO_URI)' 'Created-By: Packages' |
			sed -n 's,^[a-z+]*://\([^/]*\)/.*,\1,p'
	} | sort -u | grep -E '^/[^/]+/[^/]|^[^/]+[.:]' >"$tmp/words" || return 0
	! grep -rnF --exclude-dir=build --exclude-dir=.git -f "$tmp/words" . ||
		{ say "These lines hold on this machine only."; return 1; }
}

signed()
{
	! grep -L '^Signed-off-by: .* <.*@.*>' patches/*/*/*.patch | grep . ||
		{ say "Sign them: git rebase --signoff base, then make export"; return 1; }
}

make_tmp
run_test 'files: shellcheck' shellcheck -x -P scripts/check scripts/*.sh scripts/*/*.sh .ci/run
run_test 'files: nothing of this machine' no_machine
run_test 'patches: Signed-off-by' signed
