# SPDX-License-Identifier: GPL-2.0
# Configures and builds a kernel with the series, and its initramfs: make KERNEL=NAME, in the top
# directory. The kernel goes to build/check/NAME; the source is build/check/tree.

# um: User-mode Linux. x86: the same, for an emulated x86-64 machine. kcsan: x86 with a detector of data
# races. rt: x86 with PREEMPT_RT. tags: User-mode Linux with modules and their allocation tags.
configs-um := common stress um kasan
configs-x86 := common stress x86 kasan
configs-kcsan := common stress x86 kcsan
configs-rt := common stress x86 rt
configs-tags := common um tags

uml := $(filter um tags,$(KERNEL))
tags := $(filter tags,$(KERNEL))
top := $(CURDIR)
out := $(top)/build/check/$(KERNEL)
here := $(top)/scripts/check/kernel
# In User-mode Linux, KASAN only looks at what accesses the nodes of a maple tree, and at what changes, copies or shows
# VMAs, which are in one: with it, the rest takes longer to compile.
kasan := KASAN_SANITIZE=n $(patsubst %,KASAN_SANITIZE_%.o=y,maple_tree test_maple_tree maple_stress maple_doc_kunit \
	maple_prealloc_kunit vma vma_init mmap mprotect mremap fork memory task_mmu)
kmake := $(MAKE) -s -C build/check/tree ARCH=$(if $(uml),um $(kasan),x86_64) O=$(out)

MAKEOVERRIDES :=
.PHONY: build config
build: config
	+@$(kmake) $(if $(uml),linux,bzImage)
	+@$(if $(tags),$(kmake) modules)
	+@$(if $(tags),$(kmake) M=$(here)/tags MO=$(out)/tags modules)
	@gcc -Wall -Wextra -O2 -static -DSTOP=$(if $(uml),RB_POWER_OFF,RB_AUTOBOOT) -o $(out)/init.static \
		$(here)/$(if $(tags),tags/)init.c
	@printf '%s\n' 'dir /dev 0755 0 0' 'nod /dev/console 0600 0 0 c 5 1' 'dir /proc 0755 0 0' 'dir /sys 0755 0 0' \
		'file /init $(out)/init.static 0755 0 0' >$(out)/list
	@$(if $(has),,rm -f $(out)/lib/tests/maple_*.ko)
	@$(if $(tags),find $(out)/tags $(out)/lib/tests \( -name 'maple_*.ko' -o -name '*_00.ko' \) \
		-printf 'file /%f %p 0644 0 0\n' >>$(out)/list)
	@$(out)/usr/gen_init_cpio $(out)/list >$(out)/initramfs

# base does not have our KUnit suite.
has := $(wildcard build/check/tree/lib/tests/maple_prealloc_kunit.c)
config:
	@mkdir -p $(out)
	@cat $(configs-$(KERNEL):%=$(here)/%.config) | sed '$(if $(has),,/KUNIT/d)' >$(out)/wanted
	+@$(kmake) KCONFIG_ALLCONFIG=$(out)/wanted allnoconfig
	@! grep '=[ym]' $(out)/wanted | grep -vxFf $(out)/.config || { echo '$(KERNEL): these options are missing'; exit 1; }
