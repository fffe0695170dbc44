#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# static.sh kernel_doc|coccicheck: runs this check on what the series changes. Fails if a message is not there in base.
set -eu
. "$(dirname "$0")/../common.sh"
src=$build/check/tree
make_tmp

kernel_doc()
{
	# shellcheck disable=SC2046 # words
	"$src/scripts/kernel-doc" -none -Wall $(find . -type f) >"$tmp/out" 2>&1 || return 1
	sed -n -E -e 's/^(Warning|Error): ([^ :]+):[0-9]+ /\2: /p' -e 's/^([^ :]+):[0-9]+: (warning|error): /\1: /p' "$tmp/out"
}

# `make coccicheck' only takes a directory: run all semantic patches that have a report mode on our files, without
# the 30000 lines of recorded stores in maple.c. Two of them need OCaml's compiler.
coccicheck()
{
	sed -i -E '/^[[:space:]]*(STORE|ERASE|SNULL), *[0-9]+, *[0-9]+,$/d' tools/testing/radix-tree/maple.c
	(cd "$src" && grep -rlE --include='*.cocci' 'virtual[[:space:]]+report' scripts/coccinelle |
		xargs grep -L ocaml) >"$tmp/scripts" || [ -s "$tmp/scripts" ] || return 1
	# shellcheck disable=SC2016 # for the inner shell
	xargs -P "$(nproc)" -I COCCI sh -c '
		spatch -D report --very-quiet --no-show-diff --timeout 120 --cocci-file "$2/$1" \
			$(sed -n "s,^// Options: *,,p" "$2/$1") -I "$2/include" -I "$2/include/uapi" $(find . -type f) 2>&1 ||
			{ echo "$1: spatch has failed"; exit 1; }' sh COCCI "$src" <"$tmp/scripts" >"$tmp/out" || return 1
	sed -E -e 's/^([^ :]+):[0-9]+:[0-9]+-[0-9]+: /\1: /' -e 's/ lines? [0-9]+.*//' "$tmp/out"
}

# Compare the messages, from which the functions have removed the line numbers.
for commit in base series; do
	mkdir "$tmp/$commit"
	git -C "$tree" diff --no-renames --name-only --diff-filter=d base series -- '*.c' '*.h' |
		xargs git -C "$tree" ls-tree -r --name-only "$commit" >"$tmp/files"
	cd "$tmp/$commit"
	xargs git -C "$tree" archive "$commit" <"$tmp/files" | tar -x
	"$1" >"$tmp/said" || { cat "$tmp/out"; exit 1; }
	say "$commit:"
	sort -u "$tmp/said" | tee "$tmp/$commit.said"
done
comm -13 "$tmp/base.said" "$tmp/series.said" >"$tmp/new"
[ ! -s "$tmp/new" ] || { say "New messages:"; cat "$tmp/new"; exit 1; }
