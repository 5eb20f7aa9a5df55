# Part of the top Makefile: tests, sizes, other compilers, sanitizers, bench. What
# a goal runs are steps of tests/run-check.sh.

# What reads certificates is not in a build without TLS.
NO_X509 = $(if $(filter none,$(TLS)),%_x509.c)
UNIT_SRC = $(filter-out $(NO_X509),$(sort $(wildcard tests/unit/test_*.c)))
UNIT = $(UNIT_SRC:tests/unit/%.c=$(B)/unit/%)
FUZZ_SRC = $(filter-out $(NO_X509),$(sort $(wildcard tests/fuzz/fuzz_*.c)))
FUZZ = $(FUZZ_SRC:tests/fuzz/%.c=$(B)/fuzz/%)
REPLAY = $(FUZZ_SRC:tests/fuzz/%.c=$(B)/replay/%)

SANFLAGS = -fsanitize=address,undefined -fno-sanitize-recover=all \
	-fno-omit-frame-pointer

$(B)/unit/%: tests/unit/%.c $(LIB) $(B)/flags $(OVERRIDES)
	@mkdir -p $(@D)
	$(CC) $(ALL_CPPFLAGS) -Itests/unit -std=gnu11 $(TEST_WARN) $(CFLAGS) \
		$(SAN) -MMD -MP -MF $@.d -o $@ $< $(LIB) $(LDFLAGS) $(CMOCKA) \
		$(LIBS)

$(B)/fuzz/%: tests/fuzz/%.c $(LIB) $(B)/flags $(OVERRIDES)
	@mkdir -p $(@D)
	$(CC) $(ALL_CPPFLAGS) -Itests/fuzz -std=gnu11 $(TEST_WARN) $(CFLAGS) \
		$(SAN) -fsanitize=fuzzer -MMD -MP -MF $@.d -o $@ $< $(LIB) \
		$(LDFLAGS) $(LIBS)

$(B)/replay/%: tests/fuzz/%.c tests/fuzz/replay_main.c $(LIB) $(B)/flags \
	$(OVERRIDES)
	@mkdir -p $(@D)
	$(CC) $(ALL_CPPFLAGS) -Itests/fuzz -std=gnu11 $(TEST_WARN) $(CFLAGS) \
		$(SAN) -MMD -MP -MF $@.d -o $@ $< tests/fuzz/replay_main.c \
		$(LIB) $(LDFLAGS) $(LIBS)

unit-bin: $(UNIT)
replay-bin: $(REPLAY)
fuzz-bin: $(FUZZ)

unit: ## build and run the unit tests
	@tests/packages.sh unit
	@$(MAKE) --no-print-directory -s -k unit-bin
	@tests/run-check.sh unit

e2e: ## the end-to-end tests alone; K=expression picks some
	@tests/packages.sh check
	@$(MAKE) --no-print-directory -s all
	@K='$(K)' tests/run-check.sh e2e

house: ## layers, forbidden symbols, recursion, memory table, headers
	@tests/packages.sh unit
	@$(MAKE) --no-print-directory -s all graph
	@tests/run-check.sh house

check: ## bring the test packages, build, run everything
	@tests/packages.sh check
	@tests/run-check.sh check

check-all: ## check, every knob turned alone, every fuzz target for a minute
	@tests/packages.sh check
	@tests/run-check.sh check-all

# The builds whose budgets hold here (tests/size/budget.txt); the last is what a
# distribution ships, with the flags that OpenWrt gives a package. Functions of
# the libraries are called through their table at once: a link time optimizer
# knows which those are.
SMALL = -Oz -fno-schedule-insns2 -fno-tree-pre -fno-code-hoisting \
	-fno-tree-dominator-opts -fno-caller-saves -fno-shrink-wrap -fno-jump-tables \
	-fno-move-loop-invariants -fno-tree-loop-im \
	-ffunction-sections -fdata-sections -fno-unwind-tables \
	-fno-asynchronous-unwind-tables -fno-pie -fno-stack-protector \
	-flto -fno-plt -malign-data=abi
SMALL_LINK = -no-pie -flto-partition=one -Wl,--gc-sections \
	-Wl,-z,noseparate-code -Wl,-z,norelro -Wl,--build-id=none -Wl,--hash-style=gnu -Wl,-z,common-page-size=64
SIZES = x86_64-mbedtls-router x86_64-bearssl-router x86_64-mbedtls-nas \
	x86_64-bearssl-nas shared-mbedtls-router
export SIZES
SHARED = shared-mbedtls-router
size-builds:
	@for tls in mbedtls bearssl; do for preset in router nas; do \
		$(MAKE) --no-print-directory -s static TLS=$$tls \
			PRESET=$$preset || exit; done; done
	@$(MAKE) --no-print-directory -s VARIANT=$(SHARED) TLS=mbedtls \
		PRESET=router CFLAGS='$(SMALL)' CPPFLAGS= \
		LDFLAGS='$(SMALL_LINK) -Wl,-Map=build/$(SHARED)/wherry.map' all
	@strip -s -R .comment -R .note -o build/$(SHARED)/wherry-stripped \
		build/$(SHARED)/wherry
	@cross/sstrip.sh build/$(SHARED)/wherry-stripped

size: ## what each build costs, beside its budget; deepest stack
	@tests/packages.sh cross-x86_64
	@$(MAKE) --no-print-directory -s size-builds
	@$(PYTHON) tests/size/size.py $(SIZES)

figures: size all ## the measured tables of README.md, anew
	@tests/packages.sh check
	@K=test_budget tests/run-check.sh e2e
	@$(PYTHON) tests/size/figures.py

# Callgraphs are read at -O0, where no call has been turned into a jump.
graph:
	@$(MAKE) --no-print-directory -s VARIANT=graph CC=gcc \
		CFLAGS='-O0 -fcallgraph-info=su' graph-objects
graph-objects: $(OBJ)

asan: ## build/asan/wherry and its unit tests, with sanitizers
	@$(MAKE) --no-print-directory VARIANT=asan CFLAGS='-O1 -g' \
		SAN='$(SANFLAGS)' all unit-bin replay-bin

# Here char is unsigned, as on ARM and PowerPC: nothing may depend on it.
clang: ## build/clang/wherry: the same warnings, the other compiler
	@$(MAKE) --no-print-directory VARIANT=clang CC=clang \
		CFLAGS='$(CFLAGS) -funsigned-char' all unit-bin

fuzz-objects:
	@$(MAKE) --no-print-directory -s VARIANT=fuzz CC=clang CFLAGS='-O1 -g' \
		SAN='-fsanitize=fuzzer-no-link $(SANFLAGS)' fuzz-bin

fuzz: fuzz-objects ## fuzz every parser for FUZZ_TIME seconds each (clang)
	@tests/packages.sh check
	@FUZZ_TIME=$(FUZZ_TIME) tests/run-check.sh fuzz

# What it takes: tests/bench/bench.py --help.
BENCH =
bench: ## wherry, mbsync, OfflineIMAP side by side; BENCH='--scale 0.1'
	@tests/packages.sh bench
	@$(MAKE) --no-print-directory -s all
	@PYTHONDONTWRITEBYTECODE=1 $(PYTHON) tests/bench/bench.py $(BENCH)

.PHONY: unit-bin replay-bin fuzz-bin unit e2e house check check-all size \
	size-builds figures graph graph-objects asan clang fuzz fuzz-objects bench

-include $(UNIT:=.d) $(FUZZ:=.d) $(REPLAY:=.d)
