#!/bin/sh
# cmocka.sh TARGET: the library of the unit tests, for that machine; prints the
# folder of its include and lib.
. "$(dirname "$0")/common.sh"
. "$here/targets.sh"
target "${1:-}"
src=$("$here/fetch.sh" cmocka)
tools=$("$here/musl.sh" "$1")
CC=$tools/bin/cc

stamp=$({
	cat "$here/cmocka.sh" "$src/src/cmocka.c"
	echo "$tools $small"
} | digest)
out=$CACHE/$1/cmocka-$stamp

if [ "${2:-}" = --build ]; then
	mkdir lib include
	cp "$src"/include/*.h include
	"$CC" -Os -std=gnu99 -DHAVE_SIGNAL_H -DHAVE_STRUCT_TIMESPEC \
		-DHAVE_CLOCK_GETTIME -DHAVE_CLOCK_REALTIME -DHAVE_STRSIGNAL \
		-DHAVE_STDLIB_H -DHAVE_STRINGS_H -DHAVE_INTTYPES_H \
		-DHAVE_UNISTD_H -DHAVE_SETJMP_H -DHAVE_TIME_H -DHAVE_MALLOC_H \
		-I"$src/include" -ffile-prefix-map="$src=cmocka" \
		-c -o cmocka.o "$src/src/cmocka.c"
	"${tool}ar" rcsD lib/libcmocka.a cmocka.o
	rm cmocka.o
	exit
fi
cached "$out" "$1" --build
echo "$out"
