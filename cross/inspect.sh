#!/bin/sh
# inspect.sh TARGET PROGRAM: is this a release? Static (or static-pie where
# HARDEN=1), stripped, for that machine, free of paths of the machine that
# built it, and it says its version when run. Prints one line.
. "$(dirname "$0")/common.sh"
. "$here/targets.sh"
target "${1:-}"
bin=$2

kind=$(file -b "$bin")
case ${HARDEN:-}/$kind in
/*"statically linked"*", no section header") ;;
1/*"static-pie linked"*", no section header") ;;
*) die "$bin is not static and stripped: $kind" ;;
esac
heads=$("${tool}readelf" -lWd "$bin")
case $heads in
*INTERP* | *"(NEEDED)"*) die "$bin wants a dynamic linker" ;;
esac
if [ -n "${HARDEN:-}" ]; then
	case $heads in
	*GNU_RELRO*) ;;
	*) die "$bin has no GNU_RELRO" ;;
	esac
	case $heads in
	*"BIND_NOW"* | *"NOW"*) ;;
	*) die "$bin is not bound at its start" ;;
	esac
fi
case $heads in
*GNU_STACK*RWE*) die "$bin has an executable stack" ;;
esac
for path in "$top" "$CACHE" "$HOME/" /build/; do
	if grep -qaF "$path" "$bin"; then
		die "$bin holds the path $path"
	fi
done
version=$(sed -n 's/^#define WHERRY_VERSION "\(.*\)"/\1/p' "$top/config.h")
if [ -z "$qemu" ] || command -v "$qemu" >/dev/null; then
	says=$(${qemu:+"$qemu"} "$bin" --version) || die "$bin does not run"
	case $says in
	*"$version"*) ;;
	*) die "$bin --version does not say $version: $says" ;;
	esac
else
	echo "cross: $qemu is not installed: $bin was not run" >&2
fi
echo "$(wc -c <"$bin") bytes  ${bin#"$top"/}"
