#!/bin/sh
# bearssl.sh TARGET: BearSSL, as small as it gets; prints the folder of its
# include and lib.
#
# Time and randomness are given by wherry, so what the library would ask the
# system for is switched off.
. "$(dirname "$0")/common.sh"
. "$here/targets.sh"
target "${1:-}"
src=$("$here/fetch.sh" bearssl)
tools=$("$here/musl.sh" "$1")
CC=$tools/bin/cc

stamp=$({
	cat "$here/bearssl.sh" "$here/targets.sh" "$src/inc/bearssl.h"
	cat "$src/../version" 2>/dev/null || true
	echo "$tools $small"
} | digest)
out=$CACHE/$1/bearssl-$stamp

if [ "${2:-}" = --build ]; then
	mkdir lib include o
	cp "$src"/inc/*.h include
	cd o
	find "$src/src" -name '*.c' | sort | compile $small \
		-I"$src/inc" -I"$src/src" -ffile-prefix-map="$src=bearssl" \
		-DBR_USE_UNIX_TIME=0 -DBR_USE_URANDOM=0 -DBR_USE_GETENTROPY=0 \
		-DBR_RDRAND=0
	"${tool}ar" rcsD ../lib/libbearssl.a ./*.o
	cd .. && rm -rf o
	exit
fi
cached "$out" "$1" --build
echo "$out"
