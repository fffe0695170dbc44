#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# check-patches.sh [all]: tests every patch of the series, one after another, in the work
# tree build/per-patch of build/linux-X.Y.y: check-build.sh, check-static.sh and the quick
# suites, with `all' also the slow ones; on the last patch all suites. What has passed on
# the same sources is remembered in build/stamp/.
set -eu
. "$(dirname "$0")/common.sh"
case ${1-} in
'') slow= ;;
all) slow='maple-bound maple' ;;
*) die "unknown argument $1" ;;
esac
need_tree
work=$build/per-patch
trap 'exit 130' INT

if [ "$(git -C "$work" rev-parse --path-format=absolute --git-common-dir 2>/dev/null)" != "$tree/.git" ]; then
	rm -rf "$work"
	git -C "$tree" worktree prune
	git -C "$tree" worktree add -q --detach --no-checkout "$work" base
fi
rm -f "$(git -C "$work" rev-parse --path-format=absolute --git-path index.lock)"

# check LABEL COMMIT PROGRAM...: objects and suites at the same time. By xargs, since
# Ctrl-C does not reach what the shell starts with &.
check()
{
	label=$1 commit=$2; shift 2
	git -C "$work" checkout -q -f --detach "$commit"
	printf 'suites\nbuild\nstatic\n' | xargs -P 2 -I KIND sh "$top/scripts/check-KIND.sh" "$label" "$work" "$@"
}

check base base
n=0 all=$(git -C "$tree" rev-list --count base..series)
[ "$all" -gt 0 ] || die "branch series has no commit"
for commit in $(git -C "$tree" rev-list --reverse base..series); do
	n=$((n + 1))
	[ $n -ne "$all" ] || slow='maple-bound maple xarray idr-test multiorder main'
	# shellcheck disable=SC2086 # words
	check "$n/$all $(git -C "$tree" show -s --format=%s "$commit")" "$commit" maple-random maple-prealloc vma $slow
done
