# SPDX-License-Identifier: GPL-2.0
# The commands of the project; the scripts in scripts/ do the work.

# The series there are, newest first. By default, the newest whose kernel has been fetched, or else can be.
series := $(shell ls -d patches/linux-*.y/ | sed 's,.*/linux-\(.*\)\.y/,\1,' | sort -rV)
here := $(firstword $(foreach v,$(series),$(if $(wildcard build/linux-$v.y build/apt/linux-source-$v_*.deb),$v)))
VERSION ?= $(or $(here),$(firstword $(series)))
fetch := $(if $(here)$(filter-out file,$(origin VERSION)),,$(series:%=linux-source-%))
KERNEL ?=
T ?=
export VERSION T
# A kernel developer may have these for his own builds.
unexport ARCH CROSS_COMPILE LLVM CC CFLAGS LDFLAGS EXTRA_CFLAGS KCFLAGS KCPPFLAGS KAFLAGS KBUILD_OUTPUT KCONFIG_CONFIG

.PHONY: help deps tree our-tree check check-all docs mutants demo bench bench-tables export check-export mbox clean

help:			## show this list
	@sed -n 's/^\([a-z-]*\):[^#]*## */  make \1	/p' Makefile | expand -t 22
	@echo
	@echo '  KERNEL=path       make tree: use your own kernel tree (git) instead of build/linux-$(VERSION).y'
	@echo '  T=name            make check, mutants: only this test or fault, or all whose names match'
	@echo "  PARTS='vma size'  make bench: measure only these parts; scripts/bench/Makefile lists them"
	@echo '  DRAFT=1           make mbox: if git has no name for you, write a draft without one'
	@echo '  VERSION=X.Y       work on the series for Linux X.Y instead of $(VERSION)'

deps:			## install missing Debian packages (needs root or sudo only if there are any)
	@scripts/tree/deps.sh

ifeq ($(KERNEL),)
tree: deps		## fetch the kernel and apply the series, in build/linux-X.Y.y; or use KERNEL=path
	@$(if $(fetch),scripts/tree/fetch.sh $(fetch))
	@$(if $(fetch),env -u VERSION) $(MAKE) -s our-tree
our-tree:
	@$(MAKE) -s -f scripts/tree/Makefile
	@scripts/tree/apply.sh
else
tree:
	@scripts/tree/apply.sh '$(KERNEL)'
endif

check:			## test that tree and print: N passed, M failed
	@scripts/check/check.sh

check-all:		## run the slow tests as well: other kernels, mutants ...
	@scripts/check/check.sh all

docs:			## build the maple tree page with Sphinx, in build/docs
	@rm -f build/check/stamp/sphinx
	@T=sphinx scripts/check/check.sh
	@echo build/docs/Documentation/output/core-api/maple_tree.html

mutants:		## put faults into the series, one at a time; a test must catch each
	@$(MAKE) -s -k -O -j$$(nproc) -f scripts/check/mutants.mk

demo:			## run a small program without and with the series
	@$(MAKE) -s -f scripts/bench/Makefile demo

bench:			## measure what the series costs; write tables and plots to bench/
	@$(MAKE) -s -f scripts/bench/Makefile bench

bench-tables:		## write these again, from the last measurements
	@$(MAKE) -s -f scripts/bench/Makefile tables

export:			## write the tree's commits to patches/ and to the directories by area
	@scripts/tree/export.sh

check-export:		## compare these with the tree's commits
	@scripts/tree/export.sh --check

mbox:			## write the mails of each part to build/PART.mbox; does not send them
	@scripts/post/mbox.sh

clean:			## remove all logs and results from build/, but not bench/ or the kernel trees
	@mkdir -p build && cd build && rm -rf log check tmp.* bench mutants docs *.mbox
	@cd build && for d in linux-*.y; do [ ! -d "$$d" ] || git -C "$$d" worktree prune; done
	@echo 'Removed logs, test results, measurements, docs and mails from build/. Kept the kernel trees, the downloads,'
	@echo "sparse and before-export. \`make check' runs all tests again now, and \`make bench' measures everything again."
