#!/bin/sh
# build.sh TARGET mbedtls|bearssl|none [GOAL...]: wherry as a static program
# for another machine, by way of the top Makefile; PRESET=name picks a preset,
# HARDEN=1 makes a static-pie. Without a goal, what it leaves is
#
#   build/TARGET-TLS[-PRESET][-pie]/wherry           with its symbols
#   build/TARGET-TLS[-PRESET][-pie]/wherry-stripped  to be installed
#   build/TARGET-TLS[-PRESET][-pie]/wherry.map       what is in it, and why
#
# and is inspected (inspect.sh). The goal unit-bin builds the unit tests.
. "$(dirname "$0")/common.sh"
. "$here/targets.sh"
[ $# -ge 2 ] || die "usage: $0 TARGET mbedtls|bearssl|none [GOAL...]"
name=$1
tls=$2
shift 2
target "$name"
tools=$("$here/musl.sh" "$name")
include= libs= cmocka=
# The knobs as the top Makefile takes them: of the preset, else of .config.
config=$top/${PRESET:+config/$PRESET}.config
off=
[ ! -e "$config" ] || off=$("$top/config/overrides.sh" "$config" |
	sed -n 's/^#define CFG_\([A-Z_]*\) 0$/\1/p')
for knob in OLD_CIPHERS FAST_CRYPTO; do
	case " "$off" " in
	*"$knob"*) export $knob= ;;
	*) export $knob=1 ;;
	esac
done
case $tls in
mbedtls | bearssl)
	lib=$("$here/$tls.sh" "$name")
	include="-isystem $lib/include" libs="$lib/lib/lib$tls.a" ;;
none) ;;
*) die "no TLS library $tls; there are: mbedtls bearssl none" ;;
esac
case " $* " in
*" unit-bin "*)
	lib=$("$here/cmocka.sh" "$name")
	cmocka="-isystem $lib/include $lib/lib/libcmocka.a" ;;
esac
# More for wherry itself, beside targets.sh, which libraries are built with.
#
# It does not wait for its processor: where there are two sets of instructions
# it takes the short one, Thumb or MIPS16. The libraries' loops are long, and
# their assembly knows one set only. On MIPS a jump cannot change the set as a
# call can, and to what the libraries call by its name, malloc.c, some jump.
#
# Link time optimization saves where code is large and is left out where stack
# and modules are read from the objects, x86-64. The unit tests, which are many
# programs, use the other half of the objects.
#
# ARM64 reaches what lies within a MiB in one instruction: text and memory of
# the small presets do.
# What is taken out of loops costs more than it is worth.
pack="$pack -fno-move-loop-invariants -fno-tree-loop-im"
malloc= lto=
case $name in
armel) pack="$pack -mthumb -mthumb-interwork" ;;
mips | mipsel)
	pack="$pack -mips16 -minterlink-mips16"
	malloc=-mno-mips16 ;;
arm64)
	case ${PRESET:-} in
	router | tiny) pack="$pack -mcmodel=tiny" ;;
	esac
	lto=1 ;;
armhf) lto=1 ;;
x86_64) pack="$pack -malign-data=abi" ;; # no array at 32 bytes
esac
if [ -n "$lto" ]; then
	pack="$pack -flto -ffat-lto-objects"
	small_link="$small_link -flto-partition=one"
	cmocka="${cmocka:+$cmocka -fno-lto}"
fi
# No gap between text and data; it would be most of a page.
[ -n "${HARDEN:-}" ] || small_link="$small_link -Wl,-z,common-page-size=64"
packing=
for flag in $pack; do # older compilers know fewer
	if "$tools/bin/cc" "$flag" -E -o /dev/null - < /dev/null 2> /dev/null
	then
		packing="$packing $flag"
	fi
done
variant=$name-$tls${PRESET:+-$PRESET}${HARDEN:+-pie}
out=$top/build/$variant
if [ "$name" = armhf ]; then
	mkdir -p "$out"
	"$tools/bin/cc" -c -o "$out/div.o" "$here/armhf_div.S"
	libs="$libs $out/div.o"
fi

${MAKE:-make} --no-print-directory -s -C "$top" -j "$JOBS" \
	VARIANT="$variant" TLS="$tls" PRESET="${PRESET:-}" \
	CC="$tools/bin/cc" AR="${tool}ar" CFLAGS="$small $own$packing" \
	CPPFLAGS="$include ${CPPFLAGS:-}" LDFLAGS="$small_link -Wl,-Map=\$@.map" \
	LIBS="$libs" CMOCKA="$cmocka" MALLOC_CFLAGS="$malloc" "${@:-all}"
[ $# -eq 0 ] || exit 0

"${tool}strip" -s -R .comment -R .note -o "$out/wherry-stripped" "$out/wherry"
"$here/sstrip.sh" "$out/wherry-stripped"
"$here/inspect.sh" "$name" "$out/wherry-stripped"
