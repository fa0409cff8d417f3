# Builds amphi, its tests and its guest. One file, not recursive: every object has one rule, and
# new sources in the known directories are found by themselves.
#
#   make            the emulator, build/amphi
#   make run        everything from a fresh Debian 12 to a shell in a riscv64 Debian guest
#   make check      set up what the tests need and run them all
#   make check-long the tests that take long
#   make bench      measure
#   make fuzz       fuzz everything that others can feed, with libFuzzer
#   make install    to PREFIX (as configured), below DESTDIR
#   make clean      remove what was built; `make distclean` also configuration and guest
# Variables: BUILD=DIR builds in DIR, so that several builds can stand side by side; V=1 shows
# the commands; CC=... picks the compiler when DIR is configured for the first time.

BUILD ?= build
MAKEFLAGS += --no-builtin-rules
# All processors, unless the user said how many.
ifeq ($(MAKELEVEL)$(filter -j%,$(MAKEFLAGS)),0)
MAKEFLAGS += -j$(shell nproc)
endif
.SUFFIXES:
.DELETE_ON_ERROR:

all:

# ---- Configuration ----

# What `make run` and `make check` install before a first configure.
deps_group := $(or $(if $(filter bench bench-programs,$(MAKECMDGOALS)),bench), \
    $(if $(filter check check-% tests,$(MAKECMDGOALS)),test), \
    $(if $(filter run guest,$(MAKECMDGOALS)),run))
goals_without_build := clean distclean fuzz help format check-format check-docs check-includes

ifneq ($(if $(MAKECMDGOALS),$(filter-out $(goals_without_build),$(MAKECMDGOALS)),all),)
include $(BUILD)/config.mk
endif
ifneq ($(filter command% environment%,$(origin CC)),)
configure_cc := '--cc=$(CC)'
endif

$(BUILD)/config.mk: configure
	$(if $(deps_group),@echo "amphi: looking for packages that make $(firstword $(MAKECMDGOALS)) needs")
	@./configure $(or $(CONFIGURE_ARGS),'--build-dir=$(BUILD)' $(configure_cc)) \
	    $(addprefix --install-deps=,$(deps_group))

# ---- Quiet commands: $(call quiet,WORD,FILE) in front of a command ----

silent := $(findstring s,$(filter-out --%,$(firstword -$(MAKEFLAGS))))
quiet = $(if $(V),,$(if $(silent),@,@printf '  %-7s %s\n' '$(1)' '$(2)' &&))

# ---- Flags ----

WARNINGS := -Wall -Wextra -Werror -Wno-unused-parameter
ALL_CFLAGS = -std=gnu11 $(WARNINGS) -fno-strict-aliasing -pthread $(CFLAGS)
ALL_CPPFLAGS = -I. -I$(BUILD)/gen -D_GNU_SOURCE $(DEPS_CFLAGS) $(CPPFLAGS)
ALL_LIBS = $(DEPS_LIBS) $(LIBS)

# ---- The emulator ----

source_dirs := tcg tcg/x86_64 cpu cpu/riscv cpu/x86 accel accel/* softmmu softmmu/base hw hw/* ui
sources := $(wildcard $(addsuffix /*.c,$(source_dirs)) $(addsuffix /*.S,$(source_dirs)))
# gen-*.c are tools of the build itself.
generators := $(foreach file,$(sources),$(if $(filter gen-%,$(notdir $(file))),$(file)))
sources := $(filter-out $(generators),$(sources))
objects := $(patsubst %,$(BUILD)/obj/%.o,$(basename $(sources)))
main_object := $(BUILD)/obj/softmmu/main.o
library := $(BUILD)/libamphi.a

all: $(BUILD)/amphi

$(BUILD)/amphi: $(main_object) $(library)
	$(call quiet,LINK,$@) $(CC) $(ALL_CFLAGS) $(LDFLAGS) -o $@ $(main_object) $(library) $(ALL_LIBS)

# The list of objects is remembered, so that the library follows a source that went away.
library_objects := $(filter-out $(main_object),$(objects))
library_list := $(BUILD)/obj/library.list
$(library): $(library_objects) $(library_list)
	$(call quiet,AR,$@) rm -f $@ && $(AR) rcsT $@ $(library_objects)

$(library_list): FORCE
	@mkdir -p $(@D)
	@echo '$(library_objects)' | cmp -s - $@ || echo '$(library_objects)' > $@

$(BUILD)/obj/%.o: %.c $(BUILD)/config.mk
	@mkdir -p $(@D)
	$(call quiet,CC,$<) $(CC) $(ALL_CPPFLAGS) $(ALL_CFLAGS) -MMD -MP -c -o $@ $<

$(BUILD)/obj/%.o: %.S $(BUILD)/config.mk
	@mkdir -p $(@D)
	$(call quiet,AS,$<) $(CC) $(ALL_CPPFLAGS) $(ALL_CFLAGS) -MMD -MP -c -o $@ $<

# Generators: gen-NAME.c becomes the tool $(BUILD)/gen-NAME.
define generator_rule
$(BUILD)/$(basename $(notdir $(1))): $(BUILD)/obj/$(basename $(1)).o
	$$(call quiet,LINK,$$@) $$(CC) $$(ALL_CFLAGS) $$(LDFLAGS) -o $$@ $$< $$(ALL_LIBS)
endef
$(foreach file,$(generators),$(eval $(call generator_rule,$(file))))

ifneq ($(filter cpu/riscv/gen-decode.c,$(generators)),)
riscv_patterns := $(sort $(wildcard cpu/riscv/*.decode))
riscv_decoder := $(BUILD)/gen/cpu/riscv/decode.inc
$(riscv_decoder): $(BUILD)/gen-decode $(riscv_patterns)
	@mkdir -p $(@D)
	$(call quiet,GEN,$@) ASAN_OPTIONS=detect_leaks=0 $(BUILD)/gen-decode $@ $(riscv_patterns)

# Only the order: once built, the dependency files know who includes it.
$(filter-out $(patsubst %.c,$(BUILD)/obj/%.o,$(generators)),$(filter $(BUILD)/obj/cpu/riscv/%,$(objects))): \
    | $(riscv_decoder)
endif

# The ACPI table of a machine: macros by the C preprocessor, then iasl; FILE-dsdt.S takes it in.
aml_tables := $(patsubst %.asl,$(BUILD)/gen/%.aml,$(wildcard hw/x86/*.asl))
$(aml_tables): $(BUILD)/gen/%.aml: %.asl $(BUILD)/config.mk
	@mkdir -p $(@D)
	$(call quiet,IASL,$<) $(CC) -E -P -undef -nostdinc -x c -o $(@:.aml=.dsl) $< && \
	    iasl -we -p $(@:.aml=) $(@:.aml=.dsl) > $(@:.aml=.log) 2>&1 || { cat $(@:.aml=.log); exit 1; }
$(BUILD)/obj/hw/x86/%-dsdt.o: CPPFLAGS += -Wa,-I$(BUILD)/gen
$(BUILD)/obj/hw/x86/q35-dsdt.o: $(BUILD)/gen/hw/x86/q35.aml
$(BUILD)/obj/hw/x86/microvm-dsdt.o: $(BUILD)/gen/hw/x86/microvm.aml

# ---- Test programs ----

# test-NAME.c and fuzz-NAME.c are programs; the other sources there serve all of them.
test_dirs := tests/unit tests/ir tests/device tests/fuzz
test_sources := $(wildcard $(addsuffix /test-*.c,$(test_dirs)) tests/fuzz/fuzz-*.c)
test_support := $(filter-out $(test_sources),$(wildcard $(addsuffix /*.c,$(test_dirs) tests/lib)))
test_programs := $(patsubst %.c,$(BUILD)/%,$(test_sources))
test_objects := $(patsubst %.c,$(BUILD)/obj/%.o,$(test_sources) $(test_support))
support_objects := $(patsubst %.c,$(BUILD)/obj/%.o,$(test_support))

$(test_objects): | $(riscv_decoder)

$(test_programs): $(BUILD)/%: $(BUILD)/obj/%.o $(support_objects) $(library)
	@mkdir -p $(@D)
	$(call quiet,LINK,$@) $(CC) $(ALL_CFLAGS) $(LDFLAGS) -o $@ $< $(support_objects) \
	    $(library) $(ALL_LIBS) $(if $(findstring /fuzz-,$@),$(FUZZER_LIBS))

# libFuzzer: `make fuzz FUZZ='-s 600 qmp gdb'` runs these for ten minutes each.
fuzz_programs := $(filter $(BUILD)/tests/fuzz/fuzz-%,$(test_programs))

fuzz:
	@[ -e $(BUILD)/fuzz/config.mk ] || ./configure --build-dir=$(BUILD)/fuzz --cc=clang \
	    --enable-fuzzers --install-deps=test
	@$(MAKE) --no-print-directory BUILD=$(BUILD)/fuzz fuzz-programs
	@tests/fuzz/run $(FUZZ) $(BUILD)/fuzz

fuzz-programs: $(fuzz_programs)

# Bare-metal riscv64 programs. A line `march: rv64...` in the first 20 lines of the source names
# the instruction set that the assembler shall accept.
GUEST_CC ?= clang
GUEST_MARCH := rv64gc_zba_zbb_zbc_zbs_zbkb_zfh
guest_sources := $(wildcard tests/guest/*.S tests/guest/hostile/*.S)
guest_programs := $(patsubst %.S,$(BUILD)/%.elf,$(guest_sources))
guest_march = $(or $(shell sed -n '1,20s/.*march: *\(rv64[a-z0-9_]*\).*/\1/p' $(1)),$(GUEST_MARCH))

$(guest_programs): $(BUILD)/%.elf: %.S $(wildcard tests/guest/link.ld) $(BUILD)/config.mk
	@mkdir -p $(@D)
	$(call quiet,GUEST,$<) $(GUEST_CC) --target=riscv64 -march=$(call guest_march,$<) \
	    -mno-relax -nostdlib -static -fuse-ld=lld -Wl,-T,tests/guest/link.ld -I. -MMD -MP \
	    -MT $@ -MF $(@:.elf=.d) -o $@ $<

# The same in C, for machine virt.
virt_programs := $(patsubst %.c,$(BUILD)/%.elf,$(wildcard tests/guest/virt/*.c))
guest_programs += $(virt_programs)

$(virt_programs): $(BUILD)/%.elf: %.c $(wildcard tests/guest/link.ld) $(BUILD)/config.mk
	@mkdir -p $(@D)
	$(call quiet,GUEST,$<) $(GUEST_CC) --target=riscv64 -march=rv64imac -mabi=lp64 \
	    -mcmodel=medany -mno-relax -std=gnu11 $(WARNINGS) -Wno-unused-function -O1 -ffreestanding \
	    -fno-builtin -nostdlib -static -fuse-ld=lld -Wl,-T,tests/guest/link.ld -I. -MMD -MP -MT $@ \
	    -MF $(@:.elf=.d) -o $@ $<

# For x86: Multiboot programs, and, as their first lines say, raw firmware that ends at 4 GiB or an image in
# Linux's format.
x86_firmware := $(shell grep -l '^/\* firmware' tests/guest/x86/*.S 2> /dev/null)
x86_linux := $(shell grep -l '^/\* linux' tests/guest/x86/*.S 2> /dev/null)
x86_sources := $(filter-out $(x86_firmware) $(x86_linux),$(wildcard tests/guest/x86/*.S))
x86_programs := $(patsubst %.S,$(BUILD)/%.elf,$(x86_sources)) \
    $(patsubst %.S,$(BUILD)/%.bin,$(x86_firmware) $(x86_linux))

$(patsubst %.S,$(BUILD)/%.elf,$(x86_sources)): $(BUILD)/%.elf: %.S tests/guest/x86/test.h \
    tests/guest/x86/link.ld $(BUILD)/config.mk
	@mkdir -p $(@D)
	$(call quiet,GUEST,$<) $(GUEST_CC) --target=i386-none-elf -nostdlib -static -fuse-ld=lld \
	    -Wl,-T,tests/guest/x86/link.ld -I. -o $@ $<

$(patsubst %.S,$(BUILD)/%.bin,$(x86_firmware)): x86_flags = --target=i386-none-elf \
    -Wl,-T,tests/guest/x86/firmware.ld
$(patsubst %.S,$(BUILD)/%.bin,$(x86_linux)): x86_flags = --target=x86_64-none-elf \
    -Wl,-T,tests/guest/x86/linux.ld
$(patsubst %.S,$(BUILD)/%.bin,$(x86_firmware) $(x86_linux)): $(BUILD)/%.bin: %.S $(BUILD)/config.mk
	@mkdir -p $(@D)
	$(call quiet,GUEST,$<) $(GUEST_CC) $(x86_flags) -nostdlib -static -fuse-ld=lld \
	    -Wl,--oformat=binary -I. -o $@ $<

tests: all $(test_programs) $(guest_programs) $(x86_programs)

# ---- Benchmarks ----

# One program for the guest and, from the same sources, for the host; the vector loops once more
# for the vector extension. See tests/bench/README.md.
BENCH_CC ?= gcc
BENCH_RISCV64_CC ?= riscv64-linux-gnu-gcc
BENCH_CFLAGS := -std=gnu11 -D_GNU_SOURCE $(WARNINGS) -O2 -static -pthread
bench_dir := $(BUILD)/tests/bench
bench_objects := main.o integer.o double.o vector.o vector-scalar.o memory.o system.o \
    parallel.o block.o
bench_v_objects := main-v.o vector-v.o
bench_programs := $(addprefix $(bench_dir)/,native/bench native/bench-v riscv64/bench \
    riscv64/bench-v start.elf exits.bin stopwatch)

$(bench_dir)/native/%: bench_cc = $(BENCH_CC)
$(bench_dir)/riscv64/%: bench_cc = $(BENCH_RISCV64_CC)
$(bench_dir)/%/double.o: bench_flags = -ffp-contract=off
$(bench_dir)/%/vector-scalar.o: bench_flags = -O3
$(bench_dir)/%/main-v.o $(bench_dir)/%/vector-v.o: bench_flags = -DVECTOR_ONLY

define bench_rule
$(bench_dir)/$(1)/%.o: tests/bench/guest/%.c $(BUILD)/config.mk
	@mkdir -p $$(@D)
	$$(call quiet,CC,$$@) $$(bench_cc) $$(BENCH_CFLAGS) $$(bench_flags) -MMD -MP -c -o $$@ $$<

$(bench_dir)/$(1)/%-v.o: tests/bench/guest/%.c $(BUILD)/config.mk
	@mkdir -p $$(@D)
	$$(call quiet,CC,$$@) $$(bench_cc) $$(BENCH_CFLAGS) $$(bench_flags) -MMD -MP -c -o $$@ $$<
endef
$(foreach isa,native riscv64,$(eval $(call bench_rule,$(isa))))

$(bench_dir)/riscv64/vector-rvv.o: tests/bench/guest/vector-rvv.S $(BUILD)/config.mk
	@mkdir -p $(@D)
	$(call quiet,GUEST,$<) $(GUEST_CC) --target=riscv64-linux-gnu -march=rv64gcv -c -o $@ $<

$(bench_dir)/%/bench: $(addprefix $(bench_dir)/%/,$(bench_objects))
	$(call quiet,LINK,$@) $(bench_cc) $(BENCH_CFLAGS) -o $@ $^ -lm

$(bench_dir)/native/bench-v: $(bench_dir)/native/vector-scalar.o
$(bench_dir)/riscv64/bench-v: $(bench_dir)/riscv64/vector-rvv.o
$(bench_dir)/%/bench-v: $(addprefix $(bench_dir)/%/,$(bench_v_objects))
	$(call quiet,LINK,$@) $(bench_cc) $(BENCH_CFLAGS) -o $@ $^ -lm

$(bench_dir)/stopwatch: tests/bench/stopwatch.c $(BUILD)/config.mk
	@mkdir -p $(@D)
	$(call quiet,CC,$<) $(CC) -std=gnu11 -D_GNU_SOURCE $(WARNINGS) -O2 -o $@ $<

$(bench_dir)/start.elf: tests/bench/guest/start.S tests/guest/link.ld $(BUILD)/config.mk
	@mkdir -p $(@D)
	$(call quiet,GUEST,$<) $(GUEST_CC) --target=riscv64 -march=rv64i -mno-relax -nostdlib \
	    -static -fuse-ld=lld -Wl,-T,tests/guest/link.ld -o $@ $<

$(bench_dir)/exits.bin: tests/bench/guest/exits.S tests/guest/x86/firmware.ld $(BUILD)/config.mk
	@mkdir -p $(@D)
	$(call quiet,GUEST,$<) $(GUEST_CC) --target=i386-none-elf -nostdlib -static -fuse-ld=lld \
	    -Wl,-T,tests/guest/x86/firmware.ld -Wl,--oformat=binary -o $@ $<

.SECONDARY: $(foreach isa,native riscv64,$(addprefix $(bench_dir)/$(isa)/,$(bench_objects) \
    $(bench_v_objects)))
-include $(wildcard $(bench_dir)/*/*.d)

bench-programs: $(bench_programs)

# ---- Things to do ----

export BUILD

deps-%: FORCE
	@./configure --install-deps=$* --only-deps

# The riscv64 Debian kernel and initramfs; see there for what it does.
AMPHI_GUEST_DIR ?= build/guest
guest: FORCE
	@AMPHI_GUEST_DIR='$(AMPHI_GUEST_DIR)' tests/boot/get-riscv64 $(GUEST_FLAGS)

# One step after the other, whatever -j says.
run: $(BUILD)/config.mk
	@echo "amphi: looking for missing packages"
	@$(MAKE) --no-print-directory deps-run
	@echo "amphi: building $(BUILD)/amphi"
	@$(MAKE) --no-print-directory all
	@echo "amphi: getting the Debian riscv64 guest into $(AMPHI_GUEST_DIR)"
	@$(MAKE) --no-print-directory guest
	@echo "amphi: starting the guest; its shell's 'exit' powers it off, Ctrl-A X stops amphi"
	@$(BUILD)/amphi -machine virt -m 512 -nographic \
	    -kernel '$(AMPHI_GUEST_DIR)/riscv64/kernel' \
	    -initrd '$(AMPHI_GUEST_DIR)/riscv64/initramfs.cpio.gz' -append 'console=ttyS0'

# TESTS='unit/test-ir boot' limits it to programs whose names contain one of the words.
check: $(BUILD)/config.mk
	@echo "amphi: looking for missing packages"
	@$(MAKE) --no-print-directory deps-test
	@echo "amphi: building everything"
	@$(MAKE) --no-print-directory tests
	@echo "amphi: getting the Debian riscv64 guest into $(AMPHI_GUEST_DIR)"
	@$(MAKE) --no-print-directory guest GUEST_FLAGS=--tests
	@AMPHI_GUEST_DIR='$(AMPHI_GUEST_DIR)' AMPHI_SLOW='$(SANITIZERS)' tests/run-all $(BUILD) $(TESTS)

# What takes too long for that: Debian's installation in the guest and its boot to systemd, ten
# minutes of stress, all cases of the nested bed, a gibibyte over the network, fio on large disks.
check-long: $(BUILD)/config.mk
	@echo "amphi: looking for missing packages"
	@$(MAKE) --no-print-directory deps-test
	@$(MAKE) --no-print-directory tests
	@$(MAKE) --no-print-directory guest GUEST_FLAGS='--tests --fio'
	@AMPHI_GUEST_DIR='$(AMPHI_GUEST_DIR)' tests/boot/make-debian $(BUILD)/amphi
	@AMPHI_GUEST_DIR='$(AMPHI_GUEST_DIR)' AMPHI_SLOW='$(SANITIZERS)' AMPHI_LONG=1 \
	    tests/run-all $(BUILD) $(or $(TESTS),boot/test-debian boot/test-stress boot/test-kvm-bed \
	    boot/test-transfer boot/test-fio)

# BENCH='-r 5 -g integer,double' are arguments for tests/bench/run.
bench: $(BUILD)/config.mk
	@echo "amphi: looking for missing packages"
	@$(MAKE) --no-print-directory deps-bench
	@echo "amphi: building $(BUILD)/amphi and the benchmarks"
	@$(MAKE) --no-print-directory all bench-programs
	@echo "amphi: getting the Debian riscv64 guest into $(AMPHI_GUEST_DIR)"
	@$(MAKE) --no-print-directory guest
	@AMPHI_GUEST_DIR='$(AMPHI_GUEST_DIR)' tests/bench/run $(BENCH) $(BUILD)

check-includes check-docs check-format:
	@tests/$@

# By .clang-format.
format:
	@tests/check-format --fix

docs := $(wildcard README.md HACKING.md LICENSE)
install: all
	install -d '$(DESTDIR)$(PREFIX)/bin' '$(DESTDIR)$(PREFIX)/share/doc/amphi'
	install -m 755 $(BUILD)/amphi '$(DESTDIR)$(PREFIX)/bin/amphi'
	install -m 644 $(docs) '$(DESTDIR)$(PREFIX)/share/doc/amphi'

# BUILD may hold other things (by default, the guest): remove only what was made here.
clean:
	rm -rf $(addprefix $(BUILD)/,obj gen tests libamphi.a amphi) \
	    $(addprefix $(BUILD)/,$(basename $(notdir $(generators))))

distclean: clean
	rm -rf $(BUILD)/config.mk build/guest

help:
	@sed -n '4,14s/^# \?//p' Makefile

FORCE:
.PHONY: all tests run check check-long fuzz fuzz-programs bench bench-programs guest check-includes check-docs format check-format install \
    clean distclean help FORCE

-include $(objects:.o=.d) $(test_objects:.o=.d) $(guest_programs:.elf=.d)
-include $(patsubst %.c,$(BUILD)/obj/%.d,$(generators))
