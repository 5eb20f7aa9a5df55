#!/bin/sh
# packages.sh SET: bring the Debian packages that a make target needs.
# As root they are installed; anyone else gets the one line to run.
set -eu

build="build-essential libmbedtls-dev"
demo="$build dovecot-imapd openssl python3-minimal"
unit="$build libcmocka-dev python3-minimal"
check="$unit dovecot-imapd openssl python3-pytest python3-pytest-xdist"
cross="$build dpkg-dev xz-utils file"
check="$check dpkg-dev xz-utils file libbearssl-dev clang libclang-rt-14-dev valgrind strace"
check="$check isync offlineimap3"
bench="$build dovecot-imapd openssl python3-minimal libssl-dev isync offlineimap3"

case ${1-} in
build) want=$build ;;
demo) want=$demo ;;
unit) want=$unit ;;
check) want=$check ;;
bench) want=$bench ;;
cross-x86_64) want="$cross" ;;
cross-arm64) want="$cross gcc-aarch64-linux-gnu qemu-user-static" ;;
cross-armhf) want="$cross gcc-arm-linux-gnueabihf qemu-user-static" ;;
cross-armel) want="$cross gcc-arm-linux-gnueabi qemu-user-static" ;;
cross-mips) want="$cross gcc-mips-linux-gnu qemu-user-static" ;;
cross-mipsel) want="$cross gcc-mipsel-linux-gnu qemu-user-static" ;;
*) echo "usage: $0 build|demo|unit|check|bench|cross-TARGET" >&2; exit 64 ;;
esac

# A tool that is there without its package (another distribution, a compiler
# of one's own) counts as there.
have() {
	case $1 in
	build-essential) command -v cc >/dev/null && command -v make >/dev/null ;;
	python3-minimal) [ -x /usr/bin/python3 ] ;;
	gcc-*) command -v "${1#gcc-}-gcc" >/dev/null ;;
	qemu-user-static) command -v qemu-mips-static >/dev/null ;;
	dpkg-dev) command -v dpkg-source >/dev/null ;;
	xz-utils) command -v xz >/dev/null ;;
	openssl | file | clang | valgrind | strace) command -v "$1" >/dev/null ;;
	dovecot-imapd) [ -x /usr/lib/dovecot/imap ] ;;
	libmbedtls-dev) [ -e /usr/include/mbedtls/ssl.h ] ;;
	libssl-dev) [ -e /usr/include/openssl/ssl.h ] ;;
	libbearssl-dev) [ -e /usr/include/bearssl.h ] ;;
	libcmocka-dev) [ -e /usr/include/cmocka.h ] ;;
	python3-pytest) /usr/bin/python3 -c 'import pytest' 2>/dev/null ;;
	python3-pytest-xdist) /usr/bin/python3 -c 'import xdist' 2>/dev/null ;;
	isync) command -v mbsync >/dev/null ;;
	offlineimap3) command -v offlineimap >/dev/null ;;
	libclang-rt-14-dev) ls /usr/lib/llvm-*/lib/clang/*/lib/linux/*fuzzer* \
		>/dev/null 2>&1 ;;
	*) return 1 ;;
	esac
}

missing=
for p in $want; do
	have "$p" || missing="$missing $p"
done
[ -n "$missing" ] || exit 0

if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
	echo "Some packages are missing. As root, run:" >&2
	echo "  apt-get install -y$missing" >&2
	exit 1
fi

echo "Installing:$missing"
export DEBIAN_FRONTEND=noninteractive
log=$(mktemp)
install() {
	# Without init (a container), no daemon starts at the installation.
	RUNLEVEL=1 apt-get install -y --no-install-recommends $missing
}
if ! install >"$log" 2>&1; then
	if ! { apt-get update && install; } >"$log" 2>&1; then
		tail -n 20 "$log" >&2
		rm -f "$log"
		exit 1
	fi
fi
rm -f "$log"
