# SPDX-License-Identifier: GPL-2.0
# Programs of this directory, built with the kernel's own harness: make -f THIS PROGRAM in
# tools/testing/radix-tree. FAST=yes: as they would be used, without sanitizers.
include Makefile

vpath %.c $(dir $(firstword $(MAKEFILE_LIST)))
CFLAGS += $(DEFINES)

ifdef FAST
CFLAGS := $(filter-out -fsanitize% -Og,$(CFLAGS)) -O2 -w
LDFLAGS :=
endif

demo instructions readers: %: %.o $(SHARED_OFILES)
readers: rbtree-shim.o interval_tree-shim.o
demo.o instructions.o readers.o: $(SHARED_DEPS)
