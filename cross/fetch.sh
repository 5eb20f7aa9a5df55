#!/bin/sh
# fetch.sh musl|mbedtls|bearssl|cmocka: the sources of a Debian package, with
# Debian's patches; prints their folder. MUSL_SRC=folder and so on: that one.
#
# apt is asked through a state of its own below the cache, which needs neither
# root nor deb-src lines in the machine's sources: they are made of the deb
# lines that are there. mbedTLS 3.6 is not in Debian 12; it comes from the next
# suite, from the same mirror. Its sources alone are taken; the machine stays
# as it is.
. "$(dirname "$0")/common.sh"
NEXT=${NEXT:-trixie}

name=${1:-}
case $name in
musl) given=${MUSL_SRC:-} ;;
mbedtls) given=${MBEDTLS_SRC:-} ;;
bearssl) given=${BEARSSL_SRC:-} ;;
cmocka) given=${CMOCKA_SRC:-} ;;
*) die "usage: $0 musl|mbedtls|bearssl|cmocka" ;;
esac
if [ -n "$given" ]; then
	[ -d "$given" ] || die "no folder $given"
	cd "$given" && pwd
	exit
fi

own=$(. /etc/os-release 2>/dev/null && echo "${VERSION_CODENAME:-}")
suite=$own
[ "$name" != mbedtls ] || suite=$NEXT
[ -n "$suite" ] || die "what Debian suite is this? Set $(echo "$name" |
	tr a-z A-Z)_SRC to the folder of the sources of $name"
apt=$CACHE/apt

apt() {
	command=$1
	shift
	"$command" -o Dir::Etc::sourcelist="$apt/sources.list" \
		-o Dir::Etc::sourceparts="$apt/parts" \
		-o Dir::State::lists="$apt/lists" -o Dir::Cache="$apt/cache" \
		-o APT::Sandbox::User="$(id -un)" "$@"
}

# The lists of both suites, fetched anew where a day has passed.
update() {
	mkdir -p "$apt/parts" "$apt/lists/partial" "$apt/cache/archives/partial"
	set -- /etc/apt/sources.list /etc/apt/sources.list.d/*.list \
		/etc/apt/sources.list.d/*.sources
	for f; do
		[ ! -r "$f" ] || have="${have:-} $f"
	done
	[ -n "${have:-}" ] || die "no apt sources in /etc/apt"
	awk -v own="$own" -v want="$own $NEXT" -f "$here/sources.awk" $have \
		>"$apt/sources.new"
	[ -s "$apt/sources.new" ] || die "no line in /etc/apt/sources.list*" \
		"gives the main archive of $own"
	if cmp -s "$apt/sources.new" "$apt/sources.list" &&
		[ -n "$(find "$apt/updated" -mtime -1 2>/dev/null)" ]; then
		return
	fi
	mv "$apt/sources.new" "$apt/sources.list"
	apt apt-get update
	touch "$apt/updated"
}

if [ "${2:-}" = --build ]; then
	(
		flock 8
		update
	) 8>"$CACHE/apt.lock"
	if ! apt apt-get source -t "$suite" --only-source "$name"; then
		die "the sources of $name cannot be had from $suite (is the" \
			"mirror reachable?): set $(echo "$name" |
			tr a-z A-Z)_SRC to their folder"
	fi
	basename "$(ls ./*.dsc)" .dsc >version
	rm -f ./*.tar.* ./*.dsc ./*.asc
	mv "$name"-*/ source
	exit
fi

command -v apt-get >/dev/null && command -v dpkg-source >/dev/null ||
	die "apt-get and dpkg-source are needed to fetch $name"
cached "$CACHE/src/$name-$suite" "$name" --build
echo "$CACHE/src/$name-$suite/source"
