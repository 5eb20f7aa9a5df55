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
OLD_CIPHERS=1
# The knobs as the top Makefile takes them: of the preset, else of .config.
config=$top/${PRESET:+config/$PRESET}.config
if [ -e "$config" ] && "$top/config/overrides.sh" "$config" |
	grep -q 'CFG_OLD_CIPHERS 0$'; then
	OLD_CIPHERS=
fi
export OLD_CIPHERS
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
packing=
for flag in $pack; do # older compilers know fewer
	if "$tools/bin/cc" "$flag" -E -o /dev/null - < /dev/null 2> /dev/null
	then
		packing="$packing $flag"
	fi
done
variant=$name-$tls${PRESET:+-$PRESET}${HARDEN:+-pie}
out=$top/build/$variant

${MAKE:-make} --no-print-directory -s -C "$top" -j "$JOBS" \
	VARIANT="$variant" TLS="$tls" PRESET="${PRESET:-}" \
	CC="$tools/bin/cc" AR="${tool}ar" CFLAGS="$small $own$packing" \
	CPPFLAGS="$include ${CPPFLAGS:-}" LDFLAGS="$small_link -Wl,-Map=\$@.map" \
	LIBS="$libs" CMOCKA="$cmocka" "${@:-all}"
[ $# -eq 0 ] || exit 0

"${tool}strip" -s -R .comment -R .note -o "$out/wherry-stripped" "$out/wherry"
"$here/inspect.sh" "$name" "$out/wherry-stripped"
