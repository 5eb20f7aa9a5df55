# Part of the top Makefile: static programs, for this machine and others.

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

cross-check: ## all targets with both libraries: inspected, within budget
	@for t in x86_64 arm64 armhf armel mips mipsel; do \
		tests/packages.sh cross-$$t || exit; done
	@tests/run-check.sh cross-check

dist: ## dist/: source archive, static programs of all targets, SHA256SUMS
	@for t in x86_64 arm64 armhf armel mips mipsel; do \
		tests/packages.sh cross-$$t || exit; done
	@cross/dist.sh

.PHONY: static static-pie cross cross-check dist
