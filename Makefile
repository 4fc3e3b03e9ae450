# Tenon: one makefile, not recursive. `make help` lists the targets.
PREFIX = /usr/local
DESTDIR =
CC = gcc
BUILD = build

# ---- dependencies, each with the Debian package that has it ----------------------------------
PKGS = openblas:libopenblas-dev libzstd:libzstd-dev libxxhash:libxxhash-dev \
	libutf8proc:libutf8proc-dev jansson:libjansson-dev zlib:zlib1g-dev
TEST_PKGS = cmocka:libcmocka-dev
# optional: with MPI (libopenmpi-dev) a training runs on several machines; `make MPI=` builds without
MPI = $(shell pkg-config --cflags --libs ompi-c 2>/dev/null || mpicc -show 2>/dev/null)

comma := ,
pkg_names = $(foreach p,$1,$(firstword $(subst :, ,$p)))
not_found = $(foreach p,$1,$(shell pkg-config --exists $(firstword $(subst :, ,$p)) || echo $(lastword $(subst :, ,$p))))

goals := $(or $(MAKECMDGOALS),all)
ifneq ($(filter-out clean help,$(goals)),)
ifeq ($(shell command -v pkg-config),)
$(error pkg-config is missing: sudo apt-get install pkg-config)
endif
# liblbfgs has no .pc file
lbfgs := $(if $(wildcard /usr/include/lbfgs.h /usr/local/include/lbfgs.h),,liblbfgs-dev)
missing := $(strip $(lbfgs) $(call not_found,$(PKGS) $(if $(filter check check-long asan $(BUILD)/tests/%,$(goals)),$(TEST_PKGS))))
ifneq ($(missing),)
$(error libraries are missing: sudo apt-get install $(missing))
endif
DEP_CFLAGS := $(shell pkg-config --cflags $(call pkg_names,$(PKGS)))
DEP_LIBS := $(shell pkg-config --libs $(call pkg_names,$(PKGS)))
mpi := $(MPI)
MPI_CFLAGS := $(if $(mpi),-DTENON_MPI $(filter -I%,$(mpi)))
# only what calls it is linked with it
MPI_LIBS := $(if $(mpi),-Wl$(comma)--as-needed $(filter -L% -l%,$(mpi)) -Wl$(comma)--no-as-needed)
endif

# ---- flags -----------------------------------------------------------------------------------
WARN = -Wall -Wextra -Wconversion -Wshadow -Wdouble-promotion
OPT = -O3 -g -fno-math-errno -fno-trapping-math -ffp-contract=fast
SAN =
CPPFLAGS = -Ilibcore -Iformats -Itools -D_GNU_SOURCE
CFLAGS = -std=gnu11 $(OPT) $(WARN) -fopenmp $(SAN) $(DEP_CFLAGS) $(MPI_CFLAGS)
LDFLAGS = -fopenmp $(SAN)
LDLIBS = $(DEP_LIBS) -llbfgs -lm $(MPI_LIBS)
TEST_LIBS = -lcmocka

# ---- what there is ---------------------------------------------------------------------------
LIB_SRC := $(wildcard libcore/*/*.c formats/*.c)
COMMON_SRC := $(wildcard tools/*/*.c)
TOOL_SRC := $(wildcard tools/*.c)
UNIT_SRC := $(wildcard tests/unit/*.c)
BENCH_SRC := $(wildcard tests/bench/*.c)
FUZZ_SRC := $(wildcard tests/fuzz/*.c)
SUPPORT_SRC := $(wildcard tests/support/*.c)

LIB_OBJ := $(LIB_SRC:%.c=$(BUILD)/%.o)
LIBD_OBJ := $(LIB_SRC:%.c=$(BUILD)/double/%.o)
COMMON_OBJ := $(COMMON_SRC:%.c=$(BUILD)/%.o)
TOOLS := $(TOOL_SRC:tools/%.c=$(BUILD)/bin/%)
UNITS := $(UNIT_SRC:%.c=$(BUILD)/%)
BENCH := $(BUILD)/tests/bench/bench
FUZZERS := $(FUZZ_SRC:%.c=$(BUILD)/%)
# programs that test scripts use
SUPPORT := $(SUPPORT_SRC:%.c=$(BUILD)/%)
SHIM := $(BUILD)/tests/faults/shim.so
MAN := $(wildcard man/*.[1-9])

## all: the tools, in build/bin
all: $(TOOLS)

# ---- building --------------------------------------------------------------------------------
# Rewritten only when its text changes, so that other flags or other files rebuild what they touch.
$(BUILD)/flags: text = $(CC) $(CPPFLAGS) $(CFLAGS)
$(BUILD)/sources: text = $(LIB_SRC) $(COMMON_SRC)
$(BUILD)/flags $(BUILD)/sources: FORCE
	@mkdir -p $(@D)
	@echo '$(text)' | cmp -s - $@ || echo '$(text)' >$@

$(BUILD)/libtenon.a: $(LIB_OBJ) $(BUILD)/sources
	@rm -f $@
	ar rcs $@ $(filter %.o,$^)
$(BUILD)/libtenon_double.a: $(LIBD_OBJ) $(BUILD)/sources
	@rm -f $@
	ar rcs $@ $(filter %.o,$^)
$(BUILD)/libtools.a: $(COMMON_OBJ) $(BUILD)/sources
	@rm -f $@
	ar rcs $@ $(filter %.o,$^)

compile = $(CC) $(CPPFLAGS) $1 $(CFLAGS) -MMD -MP -c -o $@ $<
link = $(CC) $(LDFLAGS) -o $@ $^ $1 $(LDLIBS)

$(BUILD)/%.o: %.c $(BUILD)/flags
	@mkdir -p $(@D)
	$(call compile)
$(BUILD)/double/%.o: %.c $(BUILD)/flags
	@mkdir -p $(@D)
	$(call compile,-DTENON_DOUBLE)
$(BUILD)/tests/%.o: tests/%.c $(BUILD)/flags
	@mkdir -p $(@D)
	$(call compile,-Itests)
# tests named *_double.c are linked with libcore compiled in double precision
$(BUILD)/tests/unit/%_double.o: tests/unit/%_double.c $(BUILD)/flags
	@mkdir -p $(@D)
	$(call compile,-DTENON_DOUBLE -Itests)

$(BUILD)/bin/%: $(BUILD)/tools/%.o $(BUILD)/libtools.a $(BUILD)/libtenon.a
	@mkdir -p $(@D)
	$(call link)
$(BUILD)/tests/unit/%_double: $(BUILD)/tests/unit/%_double.o $(BUILD)/libtenon_double.a
	$(call link,$(TEST_LIBS))
$(BUILD)/tests/unit/%: $(BUILD)/tests/unit/%.o $(BUILD)/libtools.a $(BUILD)/libtenon.a
	$(call link,$(TEST_LIBS))
$(BENCH): $(BENCH_SRC:%.c=$(BUILD)/%.o) $(BUILD)/libtenon.a
	$(call link)
$(BUILD)/tests/support/%: $(BUILD)/tests/support/%.o $(BUILD)/libtenon.a
	$(call link)
# a fuzzer is a LLVMFuzzerTestOneInput; linked with tests/fuzz/main.inc it replays files
$(BUILD)/tests/fuzz/%: $(BUILD)/tests/fuzz/%.o $(BUILD)/libtools.a $(BUILD)/libtenon.a
	$(call link)
# made to fail calls in other programs; preloaded, so without sanitizers
$(SHIM): tests/faults/shim.c
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) -std=gnu11 -O1 -g $(WARN) -fPIC -shared -o $@ $<

-include $(shell find $(BUILD) -name '*.d' 2>/dev/null)
.SECONDARY:
.DELETE_ON_ERROR:

# ---- tests: every test is a program or script that prints TAP; tests/run collects ------------
SCRIPTS := $(wildcard tests/cli/*.sh tests/faults/*.sh tests/golden/*.sh tests/fuzz/*.sh tests/bench/check.sh)
run_tests = BUILD=$(abspath $(BUILD)) tests/run

## check: all tests; the last line is `N passed, N failed`
check: all $(UNITS) $(FUZZERS) $(SUPPORT) $(BENCH) $(if $(wildcard tests/faults/shim.c),$(SHIM))
	@$(run_tests) $(UNITS) $(SCRIPTS)

## check-long: check, and the tests that take many minutes
check-long: check
	@LIMIT=1800 $(run_tests) $(wildcard tests/long/*.sh)

## check-peers: exported models in other programs, which npm installs (in the folder PEERS, if set)
check-peers: all
	@LIMIT=1800 $(run_tests) $(wildcard tests/peers/*.sh)

## asan: check in a build with AddressSanitizer and UBSan, in build-asan
asan:
	$(MAKE) BUILD=build-asan OPT='-O1 -g -ffp-contract=fast -fno-math-errno' \
	    SAN='-fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer' check

## bench: rates beside what bounds them and beside other programs, in one table (ONLY=train; tests/bench/README.md)
bench: all $(BENCH)
	@$(BENCH) --records $(BUILD)/bench.ten $(BENCH_FLAGS) $(ONLY)

## bench-long: how cost grows, with plots, and quality beside other programs; many minutes
bench-long: all $(BENCH)
	@$(BENCH) --grow --records $(BUILD)/grow.ten $(BENCH_FLAGS)
	@BUILD=$(abspath $(BUILD)) bash tests/bench/plot.sh $(BUILD)/grow.ten $(BUILD)/grow
	@set -e; for b in $(wildcard tests/bench/long/*.sh); do echo "== $$b"; BUILD=$(abspath $(BUILD)) bash $$b; done

## lint: manual pages by mandoc, sources by clang and cppcheck where these are installed
lint:
	mandoc -Tlint -W warning $(MAN)
	@if command -v clang >/dev/null; then \
	    $(MAKE) CC=clang BUILD=build-clang OPT=-O1 WARN='$(WARN) -Werror' all; \
	else echo 'clang is not installed: skipped'; fi
	@if command -v cppcheck >/dev/null; then \
	    cppcheck -q --std=c11 --error-exitcode=1 --inline-suppr --suppress=missingIncludeSystem \
	        --suppress=uninitvar --enable=warning,portability $(CPPFLAGS) \
	        '-Dnoreturn=__attribute__((noreturn))' -j 2 libcore formats tools; \
	else echo 'cppcheck is not installed: skipped'; fi

## demo: from the embedded stories, or TEXT=book.txt, to a small GPT, in demo/
demo: all
	@$(MAKE) --no-print-directory -f pipelines/pretrain.mk BIN=$(abspath $(BUILD))/bin

## demo-bert: representations by masked tokens, and what they are worth, in bert/
## demo-contrastive: the same by telling views apart, in contrastive/
## demo-classify: a classifier of the embedded reviews, in classify/
## demo-tag: a tagger of names in the embedded sentences, in tag/
## demo-chat: a model that has learnt the embedded conversations, in chat/
## demo-tune: a search over settings of fine-tuning, in tune/
## demo-dpo: the same model after preferences, in dpo/
## demo-rlhf: round after round of judgements, rewards and policy optimisation, in rlhf/
## demo-irl: a reward learnt from demonstrations, and a policy that does likewise, in irl/
demos = bert contrastive classify tag chat tune dpo rlhf irl
$(demos:%=demo-%): demo-%: all
	@$(MAKE) --no-print-directory -f pipelines/$*.mk BIN=$(abspath $(BUILD))/bin

## install: tools, manual pages, pipelines, documents under DESTDIR and PREFIX (/usr/local)
share = $(DESTDIR)$(PREFIX)/share
install: all
	install -d $(DESTDIR)$(PREFIX)/bin $(share)/tenon/pipelines/data $(share)/doc/tenon
	install $(TOOLS) $(DESTDIR)$(PREFIX)/bin
	for m in $(MAN); do \
	    install -D -m 644 $$m $(share)/man/man$${m##*.}/$${m##*/} || exit 1; done
	install -m 644 $(wildcard pipelines/*.*) $(share)/tenon/pipelines
	install -m 644 $(wildcard pipelines/data/*) $(share)/tenon/pipelines/data
	install -m 644 README.md LICENSE formats/FORMAT.md $(share)/doc/tenon

## clean: removes what the other targets made
clean:
	rm -rf build build-asan build-clang demo $(demos)

help:
	@sed -n 's/^## /  /p' Makefile

FORCE:
.PHONY: all check check-long check-peers asan bench bench-long clean demo $(demos:%=demo-%) help install lint FORCE
