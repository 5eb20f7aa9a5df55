# wherry: two-way IMAP <-> Maildir in fixed memory.
#
# `make` needs a C compiler, make and mbedTLS. CC, CFLAGS, CPPFLAGS and LDFLAGS
# are honoured; nothing is stripped, and no -O is added to CFLAGS of yours.
# Everything made lies in ./wherry and build/.

CC ?= cc
CFLAGS ?= -O2 -g
PREFIX ?= /usr/local
DESTDIR ?=
PYTHON ?= /usr/bin/python3
# Seconds that `make fuzz` spends on each target.
FUZZ_TIME ?= 20

# A variant is a set of flags with a folder of its own; the plain one makes
# ./wherry, any other build/<variant>/wherry.
VARIANT ?= plain
B = build/$(VARIANT)

# Values of the knobs (config.h): PRESET=tiny|router|nas|full, or a .config at
# the top, from `make menuconfig`; else the defaults, which are nas.
PRESET ?=
DOTCONFIG = $(if $(PRESET),config/$(PRESET).config,$(wildcard .config))
ifneq ($(PRESET),)
ifeq ($(wildcard $(DOTCONFIG)),)
$(error there is no preset $(PRESET); there are \
	$(patsubst config/%.config,%,$(wildcard config/*.config)))
endif
endif
ifneq ($(DOTCONFIG),)
OVERRIDES = $(B)/overrides.h
OVERRIDE = -include $(OVERRIDES)
endif

WARN = -Wall -Wextra -Wshadow -Wconversion -Wundef -Wvla -Werror
TEST_WARN = -Wall -Wextra -Wshadow -Wundef -Wvla -Werror
ALL_CPPFLAGS = $(TLS_FLAG_$(TLS)) $(OVERRIDE) -I. -Isrc $(CPPFLAGS)
ALL_CFLAGS = -std=c11 $(WARN) $(CFLAGS) $(SAN)

# TLS=mbedtls, bearssl or none: port/tls_$(TLS) and what it needs. Without it
# the choice of the .config counts; config.h is told which it is.
TLS_CHOSEN := $(if $(DOTCONFIG),$(shell sed -n \
	's/^CFG_TLS_\([A-Z]*\)=y *$$/\1/p' $(DOTCONFIG) | tr A-Z a-z))
TLS ?= $(or $(TLS_CHOSEN),mbedtls)
TLS_FLAG_mbedtls = -DCFG_TLS_MBEDTLS=1 -DCFG_TLS_BEARSSL=0 -DCFG_TLS_NONE=0
TLS_FLAG_bearssl = -DCFG_TLS_MBEDTLS=0 -DCFG_TLS_BEARSSL=1 -DCFG_TLS_NONE=0
TLS_FLAG_none = -DCFG_TLS_MBEDTLS=0 -DCFG_TLS_BEARSSL=0 -DCFG_TLS_NONE=1
PORTS_mbedtls = port/tls_common port/tls_mbedtls
LIBS_mbedtls = -lmbedtls -lmbedx509 -lmbedcrypto
PORTS_bearssl = port/tls_common port/tls_bearssl
LIBS_bearssl = -lbearssl
PORTS_none = port/tls_none
LIBS_none =
ifeq ($(PORTS_$(TLS)),)
$(error TLS=$(TLS): it is mbedtls, bearssl or none)
endif
LIBS = $(LIBS_$(TLS))
CMOCKA = -lcmocka

# Memory of the libraries in the program: static (one block, port/arena) or
# libc (its own allocator: sanitizers replace that one).
ARENA ?= $(if $(SAN),libc,static)

PORTS = port/posix port/linux $(PORTS_$(TLS)) port/arena port/arena_libc
SRC = $(sort $(wildcard src/*/*.c) $(wildcard $(PORTS:%=%/*.c)))
OBJ = $(SRC:%.c=$(B)/%.o)
# The program takes one of the two that are called malloc; libwherry.a, and
# so every test, has libc's.
MAIN = $(B)/src/app/main.o
MALLOC = $(B)/port/arena/malloc.o
NO_MALLOC = $(B)/port/arena_libc/arena_libc.o
BINOBJ = $(filter-out $(if $(filter libc,$(ARENA)),$(MALLOC),$(NO_MALLOC)),$(OBJ))
LIBOBJ = $(filter-out $(MAIN) $(MALLOC),$(OBJ))
LIB = $(B)/libwherry.a

# What reads certificates is not in a build without TLS.
NO_X509 = $(if $(filter none,$(TLS)),%_x509.c)
UNIT_SRC = $(filter-out $(NO_X509),$(sort $(wildcard tests/unit/test_*.c)))
UNIT = $(UNIT_SRC:tests/unit/%.c=$(B)/unit/%)
FUZZ_SRC = $(filter-out $(NO_X509),$(sort $(wildcard tests/fuzz/fuzz_*.c)))
FUZZ = $(FUZZ_SRC:tests/fuzz/%.c=$(B)/fuzz/%)
REPLAY = $(FUZZ_SRC:tests/fuzz/%.c=$(B)/replay/%)

ifeq ($(VARIANT),plain)
BIN = wherry
else
BIN = $(B)/wherry
endif

SANFLAGS = -fsanitize=address,undefined -fno-sanitize-recover=all \
	-fno-omit-frame-pointer

all: $(BIN) ## build ./wherry

help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/\1|\2/p' $(firstword \
		$(MAKEFILE_LIST)) | awk -F'|' '{ printf "  %-14s %s\n", $$1, $$2 }'

# The folder remembers the flags it was built with: other flags, new objects.
FLAGS_NOW = $(TLS) $(ARENA) $(CC) $(ALL_CPPFLAGS) $(ALL_CFLAGS) $(LDFLAGS) \
	$(LIBS)
$(B)/flags: FORCE
	@mkdir -p $(B)
	@printf '%s\n' '$(subst ','\'',$(FLAGS_NOW))' | cmp -s - $@ || \
		printf '%s\n' '$(subst ','\'',$(FLAGS_NOW))' > $@

# Touched only if it says something else.
$(B)/overrides.h: FORCE
	@mkdir -p $(B)
	@config/overrides.sh $(or $(DOTCONFIG),/dev/null) > $@.new && \
		{ cmp -s $@.new $@ || mv $@.new $@; }

$(B)/%.o: %.c $(B)/flags $(OVERRIDES)
	@mkdir -p $(@D)
	$(CC) $(ALL_CPPFLAGS) $(ALL_CFLAGS) -MMD -MP -c -o $@ $<

# A compiler that knows malloc would turn ours into calls of itself. How much
# there is depends on what the TLS port says.
$(MALLOC): private ALL_CFLAGS += -fno-builtin
$(MALLOC): private ALL_CPPFLAGS += -Iport/tls_$(TLS)

$(BIN): $(OBJ)
	$(CC) $(CFLAGS) $(SAN) $(LDFLAGS) -o $@ $(BINOBJ) $(LIBS)

# The same program with CFG_ARENA=n, to see it run out of it.
$(B)/arena-%/wherry: $(OBJ)
	@mkdir -p $(@D)
	$(CC) $(ALL_CPPFLAGS) -Iport/tls_$(TLS) -DCFG_ARENA=$* $(ALL_CFLAGS) \
		-fno-builtin -c -o $(@D)/malloc.o port/arena/malloc.c
	$(CC) $(CFLAGS) $(SAN) $(LDFLAGS) -o $@ \
		$(filter-out $(MALLOC) $(NO_MALLOC),$(OBJ)) $(@D)/malloc.o $(LIBS)

# The list of members is part of the archive: a removed source leaves it.
$(LIB): $(LIBOBJ)
	@rm -f $@
	@$(AR) rcs $@ $(LIBOBJ)

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

demo: ## a private server, sample mail, two runs: see it work
	@tests/packages.sh demo
	@$(MAKE) --no-print-directory -s all
	@$(PYTHON) tests/demo/demo.py ./wherry

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
# distribution ships, with the flags that OpenWrt gives a package.
# Link time optimization is left out: it makes the file larger once compressed.
SMALL = -Oz -fno-schedule-insns2 -fno-tree-pre -fno-code-hoisting \
	-fno-tree-dominator-opts -fno-caller-saves -fno-shrink-wrap -fno-jump-tables \
	-ffunction-sections -fdata-sections -fno-unwind-tables \
	-fno-asynchronous-unwind-tables -fno-pie -fno-stack-protector
SMALL_LINK = -no-pie -Wl,--gc-sections -Wl,-z,noseparate-code -Wl,-z,norelro \
	-Wl,--build-id=none -Wl,--hash-style=gnu
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

bench: ## times against mbsync in the same run; nothing is asserted
	@tests/packages.sh check
	@$(MAKE) --no-print-directory -s all
	@$(PYTHON) tests/bench/versus.py ./wherry

# Static programs, with musl and a TLS library built here from Debian's sources
# (cross/build.sh says where they are left). What was fetched and built stays
# in CACHE.
CACHE ?= build/cache
export CACHE
TARGET ?= x86_64
static: TARGET = x86_64
static static-pie cross: FORCE
	@tests/packages.sh cross-$(TARGET)
	+@MAKE='$(MAKE)' PRESET='$(PRESET)' HARDEN=$(HARDEN) \
		cross/build.sh $(TARGET) $(TLS)
static-pie: HARDEN = 1
static: ## build/x86_64-mbedtls/wherry: static, with musl; TLS=bearssl
static-pie: ## the same, hardened: lies anywhere, guarded stack
cross: ## for TARGET=arm64,armhf,armel,mips,mipsel,x86_64; TLS=, PRESET=

# Kconfig: .config by a menu or from a preset; needs a front end, see there.
CONFIGS = defconfig tinyconfig routerconfig nasconfig fullconfig \
	allyesconfig allnoconfig savedefconfig
menuconfig: ## choose knobs and features in a menu (.config)
	@config/front.sh $@
$(CONFIGS):
	@config/front.sh $@

cross-check: ## all targets with both libraries: inspected, within budget
	@for t in x86_64 arm64 armhf armel mips mipsel; do \
		tests/packages.sh cross-$$t || exit; done
	@tests/run-check.sh cross-check

dist: ## dist/: source archive, static programs of all targets, SHA256SUMS
	@for t in x86_64 arm64 armhf armel mips mipsel; do \
		tests/packages.sh cross-$$t || exit; done
	@cross/dist.sh

install: all ## install to $(DESTDIR)$(PREFIX)
	install -d $(DESTDIR)$(PREFIX)/bin
	install -m 755 $(BIN) $(DESTDIR)$(PREFIX)/bin/wherry
	@if [ -f doc/wherry.1 ]; then set -x; \
		install -d $(DESTDIR)$(PREFIX)/share/man/man1 && \
		install -m 644 doc/wherry.1 \
			$(DESTDIR)$(PREFIX)/share/man/man1/; fi
	@if [ -f doc/wherry.conf.example ]; then set -x; \
		install -d $(DESTDIR)$(PREFIX)/share/doc/wherry && \
		install -m 644 doc/wherry.conf.example \
			$(DESTDIR)$(PREFIX)/share/doc/wherry/; fi

clean: ## remove ./wherry, build/ and dist/
	rm -rf build wherry demo-data dist

FORCE:

.PHONY: menuconfig $(CONFIGS) all help unit-bin replay-bin fuzz-bin demo unit e2e house check \
	check-all size size-builds figures graph graph-objects asan clang fuzz fuzz-objects bench static static-pie cross \
	cross-check dist install clean FORCE

-include $(OBJ:.o=.d) $(UNIT:=.d) $(FUZZ:=.d) $(REPLAY:=.d)
