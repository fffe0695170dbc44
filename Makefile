# SPDX-License-Identifier: GPL-2.0
# Every entry point of the project; scripts/ does the work.

VERSION ?= 7.3
KERNEL ?=
T ?=
export VERSION T

.PHONY: help deps tree check check-all docs mutants demo bench bench-tables export check-export mbox clean

help:			## this list
	@sed -n 's/^\([a-z-]*\):[^#]*## */  make \1	/p' Makefile | expand -t 22
	@echo
	@echo '  KERNEL=path     make tree: your own kernel tree (git) instead of build/linux-$(VERSION).y'
	@echo '  T=name          make check, check-all, mutants: only the test of that name, or those that match'
	@echo "  PARTS='vma size' make bench: only these parts; scripts/bench/Makefile has the list"
	@echo '  DRAFT=1         make mbox: with the placeholder for the submitter'
	@echo '  VERSION=X.Y     the series to work on, instead of $(VERSION)'

deps:			## install the Debian packages that are needed (root or sudo, if any is missing)
	@scripts/tree/deps.sh

ifeq ($(KERNEL),)
tree: deps		## fetch the kernel, apply the series: build/linux-X.Y.y; or KERNEL=path
	@$(MAKE) -s -f scripts/tree/Makefile
	@scripts/tree/apply.sh
else
tree:
	@scripts/tree/apply.sh '$(KERNEL)'
endif

check:			## test that tree; ends with: N passed, M failed
	@scripts/check/check.sh

check-all:		## these, and what takes longer: other kernels, mutants ...
	@scripts/check/check.sh all

docs:			## build the page of the maple tree with Sphinx: build/docs
	@rm -f build/check/stamp/sphinx
	@T=sphinx scripts/check/check.sh
	@echo build/docs/Documentation/output/core-api/maple_tree.html

mutants:		## put faults into the series, one at a time: a test must catch each
	@$(MAKE) -s -k -O -j$$(nproc) -f scripts/check/mutants.mk

demo:			## run a small program without and with the series
	@$(MAKE) -s -f scripts/bench/Makefile demo

bench:			## measure what the series costs: tables and plots in bench/
	@$(MAKE) -s -f scripts/bench/Makefile bench

bench-tables:		## make these from the last measurements
	@$(MAKE) -s -f scripts/bench/Makefile tables

export:			## write the tree's commits to patches/ and the directories by area
	@scripts/tree/export.sh

check-export:		## compare these with the tree's commits
	@scripts/tree/export.sh --check

mbox:			## write each part of the series as mails to build/PART.mbox; sends nothing
	@scripts/post/mbox.sh

clean:			## remove logs and all that was built; keep the kernel tree and the download
	@mkdir -p build && cd build && rm -rf log check tmp.* bench mutants docs *.mbox
	@cd build && for d in linux-*.y; do [ ! -d "$$d" ] || git -C "$$d" worktree prune; done
	@echo "removed what can be made again from build/; kept the kernel trees and the downloads"
