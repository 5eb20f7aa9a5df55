#!/bin/sh
# musl.sh TARGET: the C library and a compiler that uses it; prints their
# folder, in which bin/cc is the compiler, include and lib the library.
#
# Debian's GNU tool chains do the work. With the specs below they see no other
# C library. Everything is static: musl's own wrapper would turn -static-pie
# into a program that wants a dynamic linker, so the start files are named
# here. C needs nothing of GCC's crtbegin and crtend, which are left out; musl
# runs constructors by itself.
. "$(dirname "$0")/common.sh"
. "$here/targets.sh"
target "${1:-}"
src=$("$here/fetch.sh" musl)

command -v "${tool}gcc" >/dev/null ||
	die "no ${tool}gcc: install the Debian package $package"
stamp=$({
	cat "$here/musl.sh" "$here/targets.sh" "$src/VERSION"
	ls "$src/debian/patches" 2>/dev/null || true
	"${tool}gcc" -v 2>&1
	echo "$small"
} | digest)
prefix=$CACHE/$1/musl-$stamp
start=${HARDEN:+r}crt1.o

specs() {
	cat <<-END
	%rename cpp_options old_cpp_options

	*cpp_options:
	-nostdinc -isystem $prefix/include -isystem include%s %(old_cpp_options)

	*cc1:
	%(cc1_cpu) -nostdinc -isystem $prefix/include -isystem include%s

	*link_libgcc:
	-L$prefix/lib -L .%s

	*libgcc:
	libgcc.a%s

	*lib:
	-lc

	*startfile:
	$prefix/lib/$start

	*endfile:


	*link:
	-nostdlib -static %{static-pie: -pie --no-dynamic-linker -z text}

	*esp_link:


	*esp_options:


	*esp_cpp_options:


	END
}

if [ "${2:-}" = --build ]; then
	mkdir build && cd build
	CC="${tool}gcc $machine" CROSS_COMPILE=$tool \
		CFLAGS="$small -ffile-prefix-map=$src=musl" \
		"$src/configure" --prefix="$prefix" --target="$musl-linux-musl" \
		--disable-shared --disable-wrapper
	make -j "$JOBS" lib/libc.a "lib/$start"
	make DESTDIR="$PWD/to" install-headers
	cd ..
	mkdir bin lib
	mv "build/to$prefix/include" .
	mv build/lib/libc.a "build/lib/$start" lib
	rm -rf build
	specs >lib/small.specs
	printf '#!/bin/sh\nexec %sgcc %s "$@" -specs %s\n' "$tool" \
		"$machine" "$prefix/lib/small.specs" >bin/cc
	chmod +x bin/cc
	exit
fi
cached "$prefix" "$1" --build
echo "$prefix"
