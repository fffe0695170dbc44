#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Tests of the project's own files: shellcheck, nothing in them that holds on one machine
# only, a Signed-off-by in each patch. Leaves nothing behind.
set -eu
. "$(dirname "$0")/common.sh"
cd "$top"

files() { find . -path ./build -prune -o -path ./.git -prune -o -type f -print; }

lint() { shellcheck -x -P scripts scripts/*.sh .ci/run; }

# Paths above the project, and the mirror that apt uses here: of these, what cannot
# be an ordinary word.
no_machine()
{
	# shellcheck disable=SC2016 # for apt
	{
		say "${top%/*}/"
		apt-get indextargets --no-release-info --format '$(REPO_URI)' 'Created-By: Packages' |
			sed -n 's,^[a-z+]*://\([^/]*\)/.*,\1,p'
	} | sort -u | grep -E '^/[^/]+/[^/]|^[^/]+[.:]' >"$tmp/words" || return 0
	! files | tr '\n' '\0' | xargs -0 grep -nF -f "$tmp/words" || { say "These lines hold on this machine only."; return 1; }
}

signed()
{
	unsigned=$(grep -L '^Signed-off-by: .* <.*@.*>' patches/*/*/*.patch) || :
	[ -z "$unsigned" ] || { say "no Signed-off-by: (git rebase --signoff base, then make export)" "$unsigned"; return 1; }
}

make_tmp
run_test 'scripts: shellcheck' lint
run_test 'files: nothing of this machine' no_machine
run_test 'patches: Signed-off-by' signed
