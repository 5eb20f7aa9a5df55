#!/bin/sh
# mbedtls.sh TARGET: mbedTLS with our configuration (port/tls_mbedtls/
# mbedtls_config.h), as small as it gets; prints the folder of its include and
# lib.
#
# OLD_CIPHERS=1 adds what servers of ten years ago need, FAST_CRYPTO=1 tables of
# curves and long loops of digests.
#
# Objects in which transfers and handshakes spend their time are compiled for
# speed; see targets.sh and the list below.
. "$(dirname "$0")/common.sh"
. "$here/targets.sh"
target "${1:-}"
src=$("$here/fetch.sh" mbedtls)
tools=$("$here/musl.sh" "$1")
CC=$tools/bin/cc
config=$top/port/tls_mbedtls/mbedtls_config.h
fast_ones="chacha20 poly1305 bignum_core"

grep -q 'define MBEDTLS_VERSION_MAJOR *3$' \
	"$src/include/mbedtls/build_info.h" ||
	die "mbedTLS 3.x is needed, and $src is another one"
stamp=$({
	cat "$here/mbedtls.sh" "$config" "$here/targets.sh" \
		"$src/include/mbedtls/build_info.h"
	ls "$src/debian/patches" 2>/dev/null || true
	echo "$tools $small ${OLD_CIPHERS:-} ${FAST_CRYPTO:-}"
} | digest)
out=$CACHE/$1/mbedtls-$stamp

if [ "${2:-}" = --build ]; then
	mkdir lib
	cp -R "$src/include" .
	{
		[ -z "${OLD_CIPHERS:-}" ] || echo "#define WHERRY_OLD_CIPHERS"
		[ -z "${FAST_CRYPTO:-}" ] || echo "#define WHERRY_FAST_CRYPTO"
		cat "$config"
	} >include/mbedtls/mbedtls_config.h
	mkdir o && cd o
	set -- -std=c99 $small -I../include -I"$src/library" \
		-ffile-prefix-map="$src=mbedtls"
	fast_files=
	for f in $fast_ones; do
		fast_files="$fast_files $src/library/$f.c"
	done
	ls "$src"/library/*.c | grep -vxF "$(echo $fast_files | tr ' ' '\n')" |
		compile "$@"
	echo $fast_files | compile "$@" $fast
	"${tool}ar" rcsD ../lib/libmbedtls.a ./*.o
	cd .. && rm -rf o
	exit
fi
cached "$out" "$1" --build
echo "$out"
