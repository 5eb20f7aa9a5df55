#!/bin/sh
# servers.sh cyrus|courier: print the folder where that server lies, fetched if
# it is not there yet.
#
# Debian lets one IMAP server be installed at a time, so the others are
# unpacked into CACHE and run from there. A library that is installed is taken
# from the machine.
set -eu
cd "$(dirname "$0")/.."
dir=${CACHE:-build/cache}/servers

case ${1-} in
cyrus) want="cyrus-imapd cyrus-common libical3 libxapian30 libpq5 libjansson4
	libwrap0 libnsl2 libtirpc3 libsasl2-2 libsasl2-modules libicu72
	libldap-2.5-0 libsqlite3-0 libxml2 libpcre3 libkeyutils1 libdb5.3" ;;
courier) want="courier-imap courier-base courier-authlib libcourier-unicode4
	libidn12 libltdl7 libgdbm6 libpcre3" ;;
*) echo "usage: $0 cyrus|courier" >&2; exit 64 ;;
esac

top=$dir/$1
if [ ! -e "$top/.whole" ]; then
	command -v apt-get >/dev/null || exit 1
	mkdir -p "$dir"
	exec 9>"$dir/$1.lock"
	flock 9 2>/dev/null || :
fi
if [ ! -e "$top/.whole" ]; then
	new=$(mktemp -d "$dir/$1.XXXXXX")
	trap 'rm -rf "$new"' EXIT
	missing=
	for p in $want; do
		case $p in
		lib*) dpkg-query -W -f '${Status}\n' "$p" 2>/dev/null |
			grep -q 'ok installed' && continue ;;
		esac
		missing="$missing $p"
	done
	(cd "$new" && apt-get download $missing) >"$dir/$1.log" 2>&1 || {
		tail -n 5 "$dir/$1.log" >&2
		exit 1
	}
	for p in "$new"/*.deb; do
		dpkg -x "$p" "$new/root"
		rm "$p"
	done
	: >"$new/root/.whole"
	chmod -R a+rX "$new/root"
	rm -rf "$top"
	mv "$new/root" "$top"
fi
cd "$top" && pwd
