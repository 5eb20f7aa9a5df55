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

ifeq ($(VARIANT),plain)
BIN = wherry
else
BIN = $(B)/wherry
endif

all: $(BIN) ## build ./wherry

help: ## this list
	@sed -n 's/^\([a-z0-9-]*\):.*## \(.*\)/\1|\2/p' Makefile $(PARTS) | awk -F'|' '{ printf "  %-14s %s\n", $$1, $$2 }'

# The folder remembers the flags it was built with: other flags, new objects.
FLAGS_NOW = $(TLS) $(ARENA) $(CC) $(ALL_CPPFLAGS) $(ALL_CFLAGS) \
	$(MALLOC_CFLAGS) $(LDFLAGS) $(LIBS)
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
$(MALLOC): private ALL_CFLAGS += -fno-builtin $(MALLOC_CFLAGS)
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

demo: ## a private server, sample mail, two runs: see it work
	@tests/packages.sh demo
	@$(MAKE) --no-print-directory -s all
	@$(PYTHON) tests/demo/demo.py ./wherry

# Kconfig: .config by a menu or from a preset; needs a front end, see there.
CONFIGS = defconfig tinyconfig routerconfig nasconfig fullconfig \
	allyesconfig allnoconfig savedefconfig
menuconfig: ## choose knobs and features in a menu (.config)
	@config/front.sh $@
$(CONFIGS):
	@config/front.sh $@

PARTS = tests/tests.mk cross/cross.mk
include $(PARTS)

install: all ## install to $(DESTDIR)$(PREFIX)
	install -d $(DESTDIR)$(PREFIX)/bin
	install -m 755 $(BIN) $(DESTDIR)$(PREFIX)/bin/wherry
	install -d $(DESTDIR)$(PREFIX)/share/man/man1
	install -m 644 doc/wherry.1 $(DESTDIR)$(PREFIX)/share/man/man1/
	install -d $(DESTDIR)$(PREFIX)/share/doc/wherry
	install -m 644 doc/wherry.conf.example doc/CONFIG.md \
		$(DESTDIR)$(PREFIX)/share/doc/wherry/

clean: ## remove ./wherry, build/ and dist/
	rm -rf build wherry demo-data dist

FORCE:

.PHONY: all help demo menuconfig $(CONFIGS) install clean FORCE

-include $(OBJ:.o=.d)
