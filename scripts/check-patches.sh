#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# check-patches.sh [all]: tests the patches of the series, one after another, in the work
# tree build/per-patch of build/linux-X.Y.y: check-build.sh on each, the suites on the last
# one of the first part, which stands by itself, and on the last one of all, that one with
# check-static.sh and check-docs.sh; with `all', the suites and check-static.sh on each. What
# has passed on the same sources is remembered in build/stamp/.
set -eu
. "$(dirname "$0")/common.sh"
case ${1-} in
'') each=build ;;
all) each='suites build static' ;;
*) die "unknown argument $1" ;;
esac
need_tree
work=$build/per-patch
make_tmp
ranges >"$tmp/ranges"

# check LABEL COMMIT PROGRAM...: $kinds on that commit, and $whole on the series, two at the
# same time. By xargs, since Ctrl-C does not reach what the shell starts with &.
check()
{
	label=$1 commit=$2; shift 2
	work_tree "$work" "$commit"
	# shellcheck disable=SC2016 # for the inner shell
	{
		for kind in $kinds; do say "$kind $label"; done
		for kind in $whole; do say "$kind series"; done
	} | xargs -P 2 -d '\n' -I LINE sh -c 'scripts=$1 line=$2; shift 2
		exec sh "$scripts/check-${line%% *}.sh" "${line#* }" "$@"' sh "$top/scripts" LINE "$work" "$@"
}

kinds='suites build static' whole=
check base base
series=$(git -C "$tree" rev-parse series)
first=$(sed -n '1s/.* //p' "$tmp/ranges")
while read -r part from to; do
	n=0 all=$(git -C "$tree" rev-list --count "$from..$to")
	for commit in $(git -C "$tree" rev-list --reverse "$from..$to"); do
		n=$((n + 1)) kinds=$each whole="" more=""
		case $commit in
		"$series") kinds="suites ${each#suites }" whole='static docs' more='xarray idr-test multiorder main' ;;
		"$first") kinds="suites ${each#suites }" ;;
		esac
		# shellcheck disable=SC2086 # words
		check "$part $n/$all $(git -C "$tree" show -s --format=%s "$commit")" "$commit" \
			maple-random maple-prealloc maple-bound maple-gpuva maple-alloc vma maple $more
	done
done <"$tmp/ranges"
