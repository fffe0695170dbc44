#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Tests make tree, make tree KERNEL=path, make export and make mbox on small repositories with the
# files that the series changes. If something is in the way, a message must say so, and nothing may
# change; otherwise, the result must be right, and nothing else may change.
# shellcheck disable=SC2034,SC2086 # variables for the table; words
set -eu
. "$(dirname "$0")/../common.sh"
need_tree
make_tmp
: >"$tmp/config"
export GIT_CONFIG_GLOBAL="$tmp/config" GIT_CONFIG_NOSYSTEM=1 GIT_AUTHOR_NAME=A GIT_AUTHOR_EMAIL=a@localhost
unset GIT_COMMITTER_NAME GIT_COMMITTER_EMAIL EMAIL DRAFT
files=$(git -C "$tree" diff --no-renames --name-only base series)
project=$tmp/project p=$tmp/project/patches/linux-$version.y failed=

# test_of NAME COMMAND...: runs a test. COMMAND may be a function; it fails when any command in it fails.
test_of()
{
	name=$1; shift
	set +e
	(set -e; "$@") >"$tmp/out" 2>&1
	rc=$?
	set -e
	[ "$rc" -ne 0 ] || { say "ok - $name"; return; }
	cat "$tmp/out"
	say "not ok - $name"
	failed=1
}

# The fixtures: a user's kernel tree, or a copy of the project. In both, $dir is the kernel tree.
user() { dir=$tmp/user; rm -rf "$dir"; cp -a "$tmp/kernel" "$dir"; }
project() { dir=$project/build/linux-$version.y; rm -rf "$project"; cp -a "$tmp/template" "$project"; }
g() { git -C "$dir" "$@"; }
commit() { (cd "$dir" && say "$1" >>"${2:-notes}" && git add -A --sparse && git commit -q "${3:---message=c}"); }

make_user() { VERSION='' "$tmp/template/scripts/tree/apply.sh" "$dir"; }
make_tree() { "$project/scripts/tree/apply.sh"; }
make_export() { "$project/scripts/tree/export.sh" "$@"; }
make_mbox() { mkdir -p "$project/out" && "$project/scripts/post/mbox.sh" "$project/out"; }
# fake COMMAND CASES: puts a shell script in $project/bin, which looks at its arguments
fake() { printf '#!/bin/sh\ncase " $* " in %s esac\n' "$2" | install -m 755 /dev/stdin "$project/bin/$1"; }
submitter() { g config user.name "$1"; g config user.email "$2"; }
# patch_changed: changes a patch, as if git pull had done it.
patch_changed() { sed -i 's/^Subject: \[PATCH\] /&Our /' "$p"/1-fixes/0001-*; }
in_merge() { git switch -q -c b; commit a; git switch -q -; commit b b; git merge --no-commit b; }

# state: prints what is in the fixture, except for git's objects.
state()
{
	(cd "$dir" 2>/dev/null || exit 0
	 find . "$p" -path ./.git/objects -prune -o -type f -print0 | sort -z | xargs -0 sha256sum
	 GIT_OPTIONAL_LOCKS=0 git status --porcelain 2>&1 || :
	 git for-each-ref 2>&1 || :)
}

# refused COMMAND SETUP PATTERN...: runs SETUP in $dir. Then COMMAND must fail, its message must match
# all PATTERNs, and nothing may change.
refused()
{
	command=$1 setup=$2; shift 2
	if [ "$command" = make_user ]; then user; else project; fi
	cd "$dir"
	eval "$setup"
	cd "$tmp"
	state >"$tmp/before"
	! "$command" >"$tmp/said" 2>&1 || { say "it was not refused"; return 1; }
	cat "$tmp/said"
	state | diff "$tmp/before" -
	for pattern in "$@"; do
		grep -q -e "$pattern" "$tmp/said" || { say "the message does not say: $pattern"; return 1; }
	done
}

# accepted BRANCH: make tree KERNEL= must put the series on BRANCH of $dir, and change nothing else there.
accepted()
{
	head=$(g rev-parse HEAD)
	state | grep -v "refs/heads/$1\$" >"$tmp/before"
	make_user | grep "switch $1\$"
	state | grep -v "refs/heads/$1\$" | diff "$tmp/before" -
	g fsck --no-dangling
	# Only the committer may differ from our patches.
	g log --format='%an %ae %aI %B' "$head..$1" >"$tmp/have"
	git -C "$short" log --format='%an %ae %aI %B' base..series | diff - "$tmp/have"
	g ls-tree -r "$1" -- $files >"$tmp/have"
	git -C "$short" ls-tree -r series -- $files | diff - "$tmp/have"
}

# With everything that could get in the way, but must not.
configured()
{
	user
	g branch maple-prealloc
	say >"$dir/untracked"
	for h in applypatch-msg pre-applypatch post-applypatch pre-commit post-checkout reference-transaction; do
		printf '#!/bin/sh\ndate >>hooked; exit 1\n' | install -D -m 755 /dev/stdin "$dir/.git/hooks/$h"
	done
	for c in commit.gpgSign=true am.threeWay=true core.autocrlf=true fetch.prune=true gc.auto=1 apply.whitespace=fix; do
		g config "${c%=*}" "${c#*=}"
	done
	accepted maple-prealloc-2
	[ "$(g log -1 --format='%cn %ce' maple-prealloc-2)" = 'C c@localhost' ]
}

# A linked work tree of a shallow clone, without an identity.
shallow()
{
	user
	commit a
	git clone -q --depth 1 "file://$dir" "$tmp/shallow"
	git -C "$tmp/shallow" config user.useConfigOnly true
	dir=$tmp/linked
	git -C "$tmp/shallow" worktree add -q --detach "$dir"
	accepted maple-prealloc
}

# `maple_tree: fix maple_range_64 crashes in RCU mode' (Dimitris Charisis) fixes what these two patches fix.
# If it is merged, they are dropped: the others must apply without them.
without_replaced()
{
	user
	cd "$patches"
	set -- */*.patch
	set -- "$@" 1-fixes/*-do-not-treat-metadata-as-a-child-* 1-fixes/*-do-not-clear-the-last-slot-of-a-node-that*
	printf "$patches/%s\n" "$@" | sort | uniq -u >"$tmp/others"
	[ "$(wc -l <"$tmp/others")" -eq $(($# - 4)) ]
	xargs git -C "$dir" am -q <"$tmp/others"
}

# Each part must end with the same changes to the same files as in the fixture.
ends() { for b in $(branches); do git -C "$1" diff-tree -r base "$b"; done; }
same_ends() { ends "$dir" >"$tmp/ends" && ends "$short" | diff - "$tmp/ends" && make_tree | grep 'nothing to do'; }

changed() { project; patch_changed; make_tree; same_ends; g log --format=%s base..1-fixes | grep '^Our '; }

# As in README: a fixup of the last patch of a part, which must stay the last.
rebased()
{
	project
	say x >"$p/1-fixes/cover-letter.txt"
	make_export
	same_ends
	commit 1 Documentation/core-api/maple_tree.rst --fixup=1-fixes
	make_tree | grep 'on series: .make export'
	GIT_SEQUENCE_EDITOR=: g rebase -q -i --autosquash base
	make_export
	[ "$(grep -l '^+++ b/Documentation' "$p"/*/*.patch)" = "$(find "$p/1-fixes" -name '*.patch' | sort | tail -n 1)" ]
	[ "$(cat "$p/1-fixes/cover-letter.txt")" = x ]
	make_export --check
	make_tree | grep 'nothing to do'
	patch_changed
	! make_export --check || return 1
	make_export
	say stray >"$p/0001-in-no-part.patch"
	! make_export --check
}

# The next run must do what a killed one has left.
killed()
{
	for at in 'fetch -q' 'checkout -q --detach' update-ref symbolic-ref; do
		project
		patch_changed
		fake git "*' $at '*) kill -9 \$PPID ;; *) exec $(command -v git) \"\$@\" ;;"
		! PATH=$project/bin:$PATH make_tree || return 1
		make_tree
		same_ends
	done
}

# Debian only has a kernel for which there is another series.
no_suite()
{
	project
	cp -R "$p" "$project/patches/linux-9.9.y"
	fake apt-get '*indextargets*) echo http://localhost/ sid ;;'
	fake apt-cache '*search*) printf "linux-source-%s - x\n" '"$version 6.1 ;;"
	! VERSION=9.9 PATH=$project/bin:$PATH "$project/scripts/tree/fetch.sh" linux-source-9.9 >"$tmp/said" 2>&1 || return 1
	tr '\n' ' ' <"$tmp/said" |
		grep "no suite .* has linux-source-9.9.* Linux 6.1 $version\\. .*make tree VERSION=$version .*make tree KERNEL="
}

draft() { project; submitter A a@a.example; fake perl '*) echo "b@b.test (maintainer:B)" ;;'; PATH=$project/bin:$PATH DRAFT=1 make_mbox; }

# From the mails, b4 must restore the whole series byte for byte, except for the submitter. The last patch has
# another author, and must keep him. The cover letter must say what the part applies to. Lists only get a copy.
mailed()
{
	project
	: >"$tmp/mailed"
	rm -r "$p"; cp -R "$patches" "$p"
	make_tree
	us='[^:<]* <[^>]*[@.]example>' by='He <he@him.test>' she='Zoë B. Ünal <zoe@unal.test>'
	last=$(g cat-file commit series | sed "s/^author $us/author $by/; s/^Signed-off-by: $us/Signed-off-by: $by/" |
		g hash-object -t commit -w --stdin)
	g update-ref refs/heads/series "$last"
	submitter "${she% <*}" zoe@unal.test
	make_mbox
	g checkout -q -B work base
	for part in $(parts | sed 's/ .*//'); do
		mbox=$project/out/$part.mbox
		id=$(sed -n 's/^Message-I[dD]: <\(.*\)>$/\1/p' "$mbox" | head -n 1)
		mkdir "$tmp/b4"
		(cd "$dir" && HOME=$tmp b4 --offline-mode am -o "$tmp/b4" -m "$mbox" "$id")
		g am -q "$tmp"/b4/*.mbx
		grep -E '^base(-commit)?: .' "$tmp"/b4/*.cover
		sed -n '/^To: /,/^Cc: /p' "$mbox" | grep -E 'lists\.|@vger|@kvack' | sed '/^Cc: /d' | diff - /dev/null
		sed -n 's/^prerequisite-patch-id: //p' "$tmp"/b4/*.cover | diff "$tmp/mailed" -
		git patch-id --stable <"$mbox" | sed 's/ .*//' >>"$tmp/mailed"
		rm -r "$tmp/b4"
	done
	describe='--format=%T%n%an <%ae> %aI%n%B'
	g log --reverse "$describe" base..series | sed -e "s/^$us/$she/; s/^Signed-off-by: $us/Signed-off-by: $she/" \
		-e "s/^Signed-off-by: He .*/&\nSigned-off-by: $she/" >"$tmp/want"
	g log --reverse "$describe" base..work | diff "$tmp/want" -
}

# With the files and directories by which get_maintainer.pl recognizes a kernel tree.
dir=$tmp/kernel
borrow "$tree" base "$dir" COPYING CREDITS Kbuild MAINTAINERS Makefile README scripts/get_maintainer.pl $files
rm -rf "$dir/.git"
git init -q -b master "$dir"
submitter C c@localhost
commit kernel notes "--message=$(cat "$patches.base")"
mkdir -p "$tmp/template/build" "$tmp/template/bin"
(cd "$top" && cp -R scripts patches cover-letter.txt "$tmp/template")
# Six patches are enough: two in each part.
(cd "$tmp/template/patches/linux-$version.y" && rm 2-prealloc/*.patch 3-users/*.patch && set -- 1-fixes/*.patch &&
 mv "$3" "$4" 2-prealloc && mv "$5" "$6" 3-users && shift 6 && rm "$@")
dir=$tmp/template/build/linux-$version.y short=$dir
cp -a "$tmp/kernel" "$dir"
(cd "$dir" && mkdir -p Documentation arch include drivers fs init ipc kernel lib scripts && git tag base)
"$tmp/template/scripts/tree/apply.sh"
project
last_file=$(cat "$p"/*/*.patch | sed -n 's,^--- a/,,p' | awk '!seen[$0]++' | tail -n 1)

# NAME | COMMAND | SETUP | PATTERNs
while IFS='|' read -r name command setup patterns; do
	eval "set -- $patterns"
	test_of "$name" refused "$command" "$setup" "$@" </dev/null
done <<'END'
KERNEL=: no such directory|make_user|rm -r "$dir"|KERNEL=
KERNEL=: another version|make_user|sed -i 's/^VERSION .*/VERSION = 5/' Makefile; commit c|'Linux 5' " $version"
KERNEL=: in another git repository|make_user|mkdir a; cp Makefile a; commit c; dir=$dir/a|'of its own'
KERNEL=: git without a commit|make_user|rm -r .git; git init -q|'with a commit' 'git commit'
KERNEL=: staged change|make_user|git rm -q --cached lib/maple_tree.c|'uncommitted changes' lib/maple_tree.c stash
KERNEL=: in git am|make_user|commit a; git format-patch -q -1 -o .git; ! git am -q .git/0001-*|'middle of' abort
KERNEL=: in git merge|make_user|in_merge|'middle of' abort
KERNEL=: in git rebase|make_user|commit a; GIT_SEQUENCE_EDITOR='sed -i 1ibreak' git rebase -q -i HEAD^|'middle of' abort
KERNEL=: not a kernel tree|make_user|git rm -q Makefile; commit c|'not a kernel tree' KERNEL=
KERNEL=: a late patch does not apply|make_user|say x >$last_file; commit c|'does not apply' $last_file 'git am -3'
make tree: a commit that is not in the patches|make_tree|commit 1; patch_changed|' series' 'make export'
make tree: the same, on a part|make_tree|git switch -q 1-fixes; commit 1; patch_changed|': 1-fixes' 'branch my-'
make tree: changed file|make_tree|say >>lib/maple_tree.c; patch_changed|'uncommitted changes' stash
make tree: a part in another work tree|make_tree|git worktree add ../o 1-fixes; patch_changed|build/o detach
make export: a part without a branch|make_export|git branch -q -D 1-fixes|'1-fixes .* is missing' '1-fixes COMMIT'
make export: a part beside another|make_export|git branch -q -f 1-fixes series|'2-prealloc .* not on top of 1-fixes'
make export: a part without a commit|make_export|git branch -q -f 1-fixes base|'1-fixes .* not on top of base'
make mbox: a placeholder|make_mbox|submitter Nobody nobody@nowhere.example|user.email DRAFT=1
make mbox: no address|make_mbox|submitter Somebody ''|user.email DRAFT=1
END
test_of 'KERNEL=: hooks, configuration, untracked files, a branch of this name' configured
test_of 'KERNEL=: linked work tree of a shallow clone, no identity' shallow
test_of 'git am: without what upstream replaces' without_replaced
test_of 'make tree: the patches have changed' changed
test_of 'make tree: killed' killed
test_of 'make tree: no suite has the kernel' no_suite
test_of 'make export: the files agree with the tree' "$top/scripts/tree/export.sh" --check
test_of 'make export: after a rebase' rebased
test_of 'make mbox: a draft' draft
test_of 'make mbox: b4 gives back each part' mailed
[ -z "$failed" ]
