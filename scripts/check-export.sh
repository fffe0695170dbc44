#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Test: patches/ and the directories by area are what branch series of our tree gives.
set -eu
. "$(dirname "$0")/common.sh"
run_test 'export: the files agree with the tree' "$top/scripts/export.sh" --check
