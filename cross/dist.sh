#!/bin/sh
# dist.sh: a release in dist/: the source archive, static programs for every
# target with each TLS library, and their SHA-256. TARGETS="..." and LIBRARIES="..."
# pick some. Nothing in it tells when, where or by whom it was made: a second
# run, in another folder, gives the same bytes.
. "$(dirname "$0")/common.sh"
. "$here/targets.sh"
version=$(sed -n 's/^#define WHERRY_VERSION "\(.*\)"/\1/p' "$top/config.h")
stamp=$(sed -n 's/^#define WHERRY_STAMP *\([0-9]*\).*/\1/p' "$top/config.h")
dist=$top/dist
cd "$top"
rm -rf "$dist"
mkdir "$dist"

# What git tracks as it lies here, or (in an unpacked archive) all but what
# is built.
files() {
	if [ -e .git ] && git ls-files >/dev/null 2>&1; then
		git ls-files -z
	else
		find . \( -path ./build -o -path ./dist -o -path ./wherry -o \
			-path ./.config -o -path ./demo-data -o \
			-name __pycache__ \) -prune -o -type f -printf '%P\0'
	fi | sort -z
}
files | tar --no-recursion --transform="s,^,wherry-$version/," \
	--mtime="@${stamp:-0}" --owner=0 --group=0 --numeric-owner \
	--mode='u+w,go-w,a+rX' --format=ustar --null -cf - -T - |
	gzip -n9 >"$dist/wherry-$version.tar.gz"

for t in ${TARGETS:-$targets}; do
	for tls in ${LIBRARIES:-mbedtls bearssl}; do
		PRESET= "$here/build.sh" "$t" "$tls"
		cp "build/$t-$tls/wherry-stripped" \
			"$dist/wherry-$version-$t-$tls"
	done
done
cd "$dist"
sha256sum wherry-* >SHA256SUMS
ls -l
