#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Makes branch `series' of build/linux-X.Y.y what the patches give (git am), and
# tags it `applied'. Does nothing if it has been done with these patches;
# refuses where commits or changes of the developer's would be lost.
set -eu
. "$(dirname "$0")/common.sh"
where=build/linux-$version.y
ls "$patches"/*.patch >/dev/null 2>&1 || die "there is no patch in patches/linux-$version.y"

state=$tree/.git/applied-patches	# what `applied' was made from
begun=$tree/.git/applying		# we are changing the work tree
want=$(cd "$patches" && sha256sum -- *.patch)

next()
{
	say "The tree is $tree (tag base: $(git -C "$tree" log -1 --format=%s base), branch series: $(git -C "$tree" rev-list --count base..series) patches). Next:
	make check
	git -C $where log -p base..series
	cd $where/tools/testing/radix-tree && make && ./maple"
	! git -C "$tree" cat-file -e series:tools/testing/radix-tree/maple-prealloc.c 2>/dev/null || say "	./maple-prealloc"
}

if [ ! -e "$begun" ]; then
	applied=$(git -C "$tree" rev-parse -q --verify applied || git -C "$tree" rev-parse base)
	series=$(git -C "$tree" rev-parse series)
	if [ -f "$state" ] && [ "$want" = "$(cat "$state")" ]; then
		say "== the series is applied in $where: nothing to do"
		[ "$series" = "$applied" ] || say "   branch series has other commits, too: \`make export' writes them to the patches"
		next
		exit 0
	fi
	doing=$(busy "$tree")
	[ -z "$doing" ] || die "the patches have changed, but $where is in the middle of $doing: finish or abort that first."
	[ -z "$(changes "$tree")" ] || die "the patches have changed, but $where has uncommitted changes. Put them away (git -C $where stash), then try again."
	[ "$series" = "$applied" ] || die "the patches have changed, but branch series of $where has commits that are not from patches.
Write them to the patches (make export; the changed patches go to build/before-export), or
put them away (git -C $where branch mine && git -C $where reset --hard applied), then try again."
fi

make_tmp
apply()
{
	am_series "$tree" base || { cat "$tmp/am.log" >&2; die "$(basename "$am_failed") does not apply to $(git -C "$tree" log -1 --format=%s base) in $where: correct it, then run \`make tree' again"; }
	git -C "$tree" fetch -q --no-tags --no-write-fetch-head "$tmp/am" +work:refs/new-series
	# From here on, what is changed in the work tree is ours, also after a crash.
	if [ -e "$begun" ]; then
		rm -f "$tree/.git/index.lock"
		force=yes
	fi
	: >"$begun"
	git -C "$tree" checkout -q ${force:+-f} -B series refs/new-series || { rm "$begun"; die "the patches are applied, but the work tree $where could not be changed"; }
	git -C "$tree" tag -f applied series >/dev/null
	git -C "$tree" update-ref -d refs/new-series
	say "$want" >"$state"
	rm "$begun"
}
step "apply patches/linux-$version.y to $where" apply
next
