#!/bin/sh
# bearssl.sh TARGET: BearSSL, as small as it gets; prints the folder of its
# include and lib.
#
# Time and randomness are given by wherry, so what the library would ask the
# system for is switched off. Without FAST_CRYPTO=1 it is packed as wherry itself
# is, and SHA-256 and SHA-512 take a loop for what is written out eight times.
. "$(dirname "$0")/common.sh"
. "$here/targets.sh"
target "${1:-}"
src=$("$here/fetch.sh" bearssl)
tools=$("$here/musl.sh" "$1")
CC=$tools/bin/cc

stamp=$({
	cat "$here/bearssl.sh" "$here/targets.sh" "$src/inc/bearssl.h"
	cat "$src/../version" 2>/dev/null || true
	echo "$tools $small $pack ${FAST_CRYPTO:-}"
} | digest)
out=$CACHE/$1/bearssl-$stamp

short() { # DIGEST: its source with one step in a round, then the turn of all
	[ "$(grep -c '_STEP(.*, i + [0-7]);' "$src/src/hash/$1.c")" = 8 ]
	sed -e '/_STEP(.*, i + [1-7]);/d' -e 's/; i += 8) {/; i ++) {/' \
		-e '/_STEP(.*, i + 0);/a w[i] = h; h = g; g = f; f = e;' \
		-e '/_STEP(.*, i + 0);/a e = d; d = c; c = b; b = a; a = w[i];' \
		"$src/src/hash/$1.c"
}

if [ "${2:-}" = --build ]; then
	mkdir lib include o
	cp "$src"/inc/*.h include
	cd o
	others='^$'
	if [ -z "${FAST_CRYPTO:-}" ]; then
		small="$small $pack" others='/sha2\(big\|small\)\.c$'
		short sha2big > sha2big.c
		short sha2small > sha2small.c
	fi
	{
		find . -name '*.c'
		find "$src/src" -name '*.c' | grep -v "$others"
	} | sort | compile $small \
		-I"$src/inc" -I"$src/src" -ffile-prefix-map="$src=bearssl" \
		-DBR_USE_UNIX_TIME=0 -DBR_USE_URANDOM=0 -DBR_USE_GETENTROPY=0 \
		-DBR_RDRAND=0
	"${tool}ar" rcsD ../lib/libbearssl.a ./*.o
	cd .. && rm -rf o
	exit
fi
cached "$out" "$1" --build
echo "$out"
