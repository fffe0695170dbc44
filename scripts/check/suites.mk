# SPDX-License-Identifier: GPL-2.0
# Builds tools/testing/radix-tree and tools/testing/vma of COMMIT in build/check/suites-NAME. all: also runs
# vma and the suites of the maple tree, then removes the directory. vma=: without tools/testing/vma.

tree := build/linux-$(VERSION).y
dir := build/check/suites-$(NAME)
suites := $(dir)/tools/testing

.PHONY: build all
# Their Makefiles do not know all dependencies: always build from scratch.
build:
	@git -C $(tree) show -s --format=%s $(COMMIT)
	@rm -rf $(dir)
	@mkdir -p $(dir)
	@git -C $(tree) archive $(COMMIT) arch/arm64/include arch/x86/include include lib mm scripts tools | tar -x -C $(dir)
	@$(MAKE) -s -C $(suites)/radix-tree
	@$(if $(vma),$(MAKE) -s -C $(suites)/vma)
all: build
	@sh scripts/check/suites.sh $(NAME) $$(cd $(suites)/radix-tree && ls maple*.c | sed 's/\.c$$//') $(vma)
	@rm -rf $(dir)
