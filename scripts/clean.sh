#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Removes what can be made again from build/: logs, remembered results, objects, work trees,
# the kernels that were built, leftovers of killed runs. The kernel tree, in which there may
# be work, and the downloaded package stay.
set -eu
. "$(dirname "$0")/common.sh"
rm -rf "$build"/log "$build"/stamp "$build"/obj-* "$build"/per-patch "$build"/tmp.* \
	"$build"/bench "$build"/kunit "$build"/kernel "$build"/mutants "$build"/*.mbox
[ ! -d "$tree" ] || git -C "$tree" worktree prune
say "removed the output in build/; kept the kernel tree and the download"
