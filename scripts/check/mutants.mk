# SPDX-License-Identifier: GPL-2.0
# Puts the faults mutants/*.diff into lib/maple_tree.c of the series, one at a time. The program in
# tools/testing/radix-tree that the line `test:' of a fault names must fail with it, and pass without it. Each
# patch that changes the code must have a fault (line `patch:'). Keeps the results in build/mutants until the
# series, the fault or the compiler changes: neither Ctrl-C nor a fault that is not caught loses the others.
#
# T=WORD: only the faults with WORD in their file names.

M := build/mutants
F := scripts/check/mutants
tree := build/linux-$(VERSION).y
faults := $(patsubst $F/%.diff,%,$(wildcard $F/*$(T)*.diff))
programs := $(shell sed -n 's/^test: //p' $F/*.diff | sort -u)
mutant := sh scripts/check/mutant.sh

MAKEOVERRIDES :=
export LC_ALL := C
export JOBSERVER :=
.PHONY: mutants patches FORCE
.DELETE_ON_ERROR:

mutants: patches $(faults:%=$M/%.caught)
	@$(if $(faults),,echo 'no fault has this in its file name: $T'; exit 1)
	@echo "ok - mutants: $(words $(faults)) of $(words $(faults)) caught, see $M/*.caught"

$M/key: FORCE
	@mkdir -p $M
	@gcc --version >$@.new
	@git -C $(tree) rev-parse series:lib series:tools series:include >>$@.new || \
		{ echo "no series in $(tree): run \`make tree' first"; exit 1; }
	@cmp -s $@ $@.new || mv $@.new $@
patches: $M/key
	@$(mutant) --patches
$M/built: $M/key
	@rm -rf $M/tree
	@mkdir $M/tree
	@git -C $(tree) archive series tools lib include arch/x86/include arch/arm64/include scripts | tar -x -C $M/tree
	@$(MAKE) -s -C $M/tree/tools/testing/radix-tree $(programs) >$M/cc 2>&1 || { cat $M/cc; exit 1; }
	@touch $@

# no-fault-PROGRAM: PROGRAM passes without a fault.
$(programs:%=$M/no-fault-%): $M/no-fault-%: $M/built scripts/check/mutant.sh
	@$(mutant) $* >$@.new || { cat $@.new; exit 1; }
	@mv $@.new $@
# FAULT.caught depends on no-fault-PROGRAM of its program.
$M/needs.mk: $(wildcard $F/*.diff)
	@mkdir -p $M
	@grep '^test: ' $^ /dev/null | sed 's,^.*/\(.*\)\.diff:test: \(.*\),$M/\1.caught: $M/no-fault-\2,' >$@
include $M/needs.mk
# As old as the start: the fault may change while it is tried.
$(faults:%=$M/%.caught): $M/%.caught: $F/%.diff
	@touch $@.start
	@$(mutant) $(patsubst $M/no-fault-%,%,$(filter $M/no-fault-%,$^)) $F/$*.diff >$@.new || { cat $@.new; exit 1; }
	@touch -r $@.start $@.new && mv $@.new $@
	@cat $@
