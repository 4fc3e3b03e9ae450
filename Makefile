# Tenon: one makefile, not recursive. `make help` lists the targets.
VERSION = 0.1.0
PREFIX = /usr/local
DESTDIR =
CC = gcc
BUILD = build

# ---- dependencies, each with the Debian package that has it --------------------------------
PKGS = openblas:libopenblas-dev libzstd:libzstd-dev libxxhash:libxxhash-dev \
	libutf8proc:libutf8proc-dev jansson:libjansson-dev
pkg_names = $(foreach p,$(PKGS),$(firstword $(subst :, ,$(p))))

NO_BUILD_GOALS = clean help deps
ifneq ($(filter-out $(NO_BUILD_GOALS),$(or $(MAKECMDGOALS),all)),)
ifeq ($(shell command -v pkg-config),)
$(error pkg-config is missing: apt-get install pkg-config)
endif
missing := $(foreach p,$(PKGS),$(shell pkg-config --exists $(firstword $(subst :, ,$(p))) || echo $(lastword $(subst :, ,$(p)))))
ifneq ($(strip $(missing)),)
$(error missing libraries: apt-get install $(strip $(missing)))
endif
DEP_CFLAGS := $(shell pkg-config --cflags $(pkg_names))
DEP_LIBS := $(shell pkg-config --libs $(pkg_names))
endif

# ---- flags -----------------------------------------------------------------------------------
WARN = -Wall -Wextra -Wconversion -Wshadow -Wdouble-promotion
OPT = -O3 -g -fno-math-errno -fno-trapping-math -ffp-contract=fast
SAN =
CPPFLAGS = -Ilibcore -Iformats -Itools -D_GNU_SOURCE
CFLAGS = -std=gnu11 $(OPT) $(WARN) -fopenmp $(SAN) $(DEP_CFLAGS)
LDFLAGS = -fopenmp $(SAN)
LDLIBS = $(DEP_LIBS) -lm

# ---- what there is -----------------------------------------------------------------------------
LIB_SRC := $(wildcard libcore/*/*.c formats/*.c)
COMMON_SRC := $(wildcard tools/common/*.c)
TOOL_SRC := $(wildcard tools/*.c)
UNIT_SRC := $(wildcard tests/unit/*.c)
# tests named *_double.c are linked with libcore compiled in double precision
UNIT_DOUBLE := $(filter %_double.c,$(UNIT_SRC))
BENCH_SRC := $(wildcard tests/bench/*.c)
FUZZ_SRC := $(wildcard tests/fuzz/*.c)

LIB_OBJ := $(LIB_SRC:%.c=$(BUILD)/%.o)
LIBD_OBJ := $(LIB_SRC:%.c=$(BUILD)/double/%.o)
COMMON_OBJ := $(COMMON_SRC:%.c=$(BUILD)/%.o)
TOOLS := $(TOOL_SRC:tools/%.c=$(BUILD)/bin/%)
UNITS := $(UNIT_SRC:tests/unit/%.c=$(BUILD)/tests/unit/%)
BENCHES := $(BENCH_SRC:tests/bench/%.c=$(BUILD)/tests/bench/%)
FUZZERS := $(FUZZ_SRC:tests/fuzz/%.c=$(BUILD)/tests/fuzz/%)

all: $(TOOLS)

$(BUILD)/libtenon.a: $(LIB_OBJ)
	@rm -f $@
	ar rcs $@ $^
$(BUILD)/libtenon_double.a: $(LIBD_OBJ)
	@rm -f $@
	ar rcs $@ $^
$(BUILD)/libtools.a: $(COMMON_OBJ)
	@rm -f $@
	ar rcs $@ $^

$(BUILD)/%.o: %.c
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) $(CFLAGS) -MMD -MP -c -o $@ $<
$(BUILD)/double/%.o: %.c
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) -DTENON_DOUBLE $(CFLAGS) -MMD -MP -c -o $@ $<

$(BUILD)/bin/%: $(BUILD)/tools/%.o $(BUILD)/libtools.a $(BUILD)/libtenon.a
	@mkdir -p $(@D)
	$(CC) $(LDFLAGS) -o $@ $^ $(LDLIBS)

$(BUILD)/tests/unit/%_double.o: tests/unit/%_double.c
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) -DTENON_DOUBLE -Itests $(CFLAGS) -MMD -MP -c -o $@ $<
$(BUILD)/tests/%.o: tests/%.c
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) -Itests $(CFLAGS) -MMD -MP -c -o $@ $<
$(BUILD)/tests/unit/%_double: $(BUILD)/tests/unit/%_double.o $(BUILD)/libtenon_double.a
	$(CC) $(LDFLAGS) -o $@ $^ -lcmocka $(LDLIBS)
$(BUILD)/tests/unit/%: $(BUILD)/tests/unit/%.o $(BUILD)/libtools.a $(BUILD)/libtenon.a
	$(CC) $(LDFLAGS) -o $@ $^ -lcmocka $(LDLIBS)
$(BUILD)/tests/bench/%: $(BUILD)/tests/bench/%.o $(BUILD)/libtenon.a
	$(CC) $(LDFLAGS) -o $@ $^ $(LDLIBS)
# a fuzzer is a LLVMFuzzerTestOneInput; linked with tests/fuzz/main.inc it replays files
$(BUILD)/tests/fuzz/%: $(BUILD)/tests/fuzz/%.o $(BUILD)/libtenon.a
	$(CC) $(LDFLAGS) -o $@ $^ $(LDLIBS)

-include $(shell find $(BUILD) -name '*.d' 2>/dev/null)
.SECONDARY:
.DELETE_ON_ERROR:

# ---- tests: every test is a program or script that prints TAP; tests/run collects --------------
TESTS := $(UNITS) $(wildcard tests/golden/*.sh tests/cli/*.sh tests/faults/*.sh tests/fuzz/*.sh)
LONG_TESTS := $(wildcard tests/long/*.sh)

check: all $(UNITS) $(FUZZERS)
	@BUILD=$(abspath $(BUILD)) tests/run $(TESTS)
check-long: check
	@BUILD=$(abspath $(BUILD)) tests/run $(LONG_TESTS)
asan:
	$(MAKE) BUILD=build-asan SAN='-fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer' OPT='-O1 -g -ffp-contract=fast -fno-math-errno' check

clean:
	rm -rf build build-asan demo

.PHONY: all check check-long asan bench clean demo help install lint
