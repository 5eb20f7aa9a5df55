# common.sh: what the scripts of this folder share. Sourced, not run.
#
# Everything that is fetched or built lies below $CACHE (build/cache). What is
# finished has a name that carries a digest of all that went into it, and came
# to that name by one rename; so a run that was cut off leaves nothing that
# looks finished, and two runs at once wait for each other.
set -eu
export LC_ALL=C
top=$(cd "$(dirname "$0")/.." && pwd)
here=$top/cross
CACHE=${CACHE:-$top/build/cache}
case $CACHE in
/*) ;;
*) CACHE=$top/$CACHE ;;
esac
JOBS=${JOBS:-$(nproc 2>/dev/null || echo 2)}

die() {
	echo "cross: $*" >&2
	exit 1
}

digest() { # of standard input, short
	sha256sum | cut -c1-12
}

# cached FOLDER COMMAND...: runs COMMAND in a new empty folder that becomes
# FOLDER if it succeeds; does nothing if FOLDER is there. Not for use in a
# condition: the shell would go on after an error.
cached() {
	dir=$1
	shift
	[ ! -d "$dir" ] || return 0
	mkdir -p "$(dirname "$dir")"
	(
		flock 9
		[ ! -d "$dir" ] || exit 0
		rm -rf "$dir.new" && mkdir "$dir.new" && cd "$dir.new"
		if ! sh "$here/$(basename "$0")" "$@" >"$dir.log" 2>&1; then
			tail -n 20 "$dir.log" >&2
			die "$(basename "$0"): failed (all of it: $dir.log)"
		fi
		cd .. && mv "$dir.new" "$dir" && rm -f "$dir.log"
	) 9>"$dir.lock"
}

# compile FLAGS...: the sources named on standard input to objects here, as
# many at once as there are processors. Basenames must differ.
compile() {
	xargs -P "$JOBS" -n 10 "$CC" -c "$@"
}
