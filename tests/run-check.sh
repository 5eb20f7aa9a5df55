#!/bin/sh
# run-check.sh STEP...: run tests and end with one line "N passed, N failed".
#
# Steps: unit old-kernel replay house size presets flips e2e tls asan clang
# valgrind-sync valgrind fuzz, or check and check-all for the usual sets. What
# a step printed lies in build/check/.
set -u
cd "$(dirname "$0")/.."
PYTHON=${PYTHON:-/usr/bin/python3}
log=build/check
mkdir -p $log
passed=0
failed=0
skipped=0

count() { # count PASSED FAILED WHAT
	passed=$((passed + $1))
	failed=$((failed + $2))
	if [ "$2" -gt 0 ]; then
		printf '%-28s %s passed, %s FAILED\n' "$3" "$1" "$2"
	else
		printf '%-28s %s passed\n' "$3" "$1"
	fi
}

# one NAME COMMAND...: a test that is passed if the command succeeds.
one() {
	name=$1
	shift
	if "$@" >"$log/$name.log" 2>&1; then
		count 1 0 "$name"
	else
		count 0 1 "$name"
		tail -n 25 "$log/$name.log" | sed 's/^/    /'
	fi
}

build() { # build VARIANT MAKE-ARGUMENTS...
	name=build-$1
	shift
	one "$name" make --no-print-directory -s -k -j2 "$@"
}

# A cmocka program: its own count, and one failure more if it died.
cmocka() { # cmocka PROGRAM LABEL [WRAPPER...]
	prog=$1
	label=$2
	shift 2
	out=$log/$(echo "$label" | tr ' /' '--').log
	timeout 300 "$@" "$prog" >"$out" 2>&1
	rc=$?
	p=$(sed -n 's/^\[  PASSED  \] \([0-9]*\) test.*/\1/p' "$out" |
		awk '{ s += $1 } END { print s + 0 }')
	f=$(sed -n 's/^\[  FAILED  \].* \([0-9]*\) test(s), listed.*/\1/p' \
		"$out" | awk '{ s += $1 } END { print s + 0 }')
	k=$(sed -n 's/^\[  SKIPPED \] \([0-9]*\) test.*/\1/p' "$out")
	skipped=$((skipped + ${k:-0}))
	if [ $rc -ne 0 ] && [ "$f" -eq 0 ]; then
		f=1
	fi
	if [ $rc -eq 0 ] && [ "$p" -eq 0 ] && grep -q '^skipped' "$out"; then
		skipped=$((skipped + 1))
		return
	fi
	if [ $rc -eq 0 ] && [ "$p" -eq 0 ]; then
		f=1
		echo "no test ran" >>"$out"
	fi
	count "$p" "$f" "$label"
	if [ "$f" -gt 0 ]; then
		grep -v '^\[\( RUN  \|       OK\)' "$out" | tail -n 25 |
			sed 's/^/    /'
	fi
}

units() { # units VARIANT [WRAPPER...]
	variant=$1
	shift
	for c in tests/unit/test_*.c; do
		[ -e "$c" ] || continue
		t=$(basename "$c" .c)
		label="$variant $t"
		[ "$variant" != plain ] || label="${1-} $t"
		label=${label# }
		if [ -x "build/$variant/unit/$t" ]; then
			cmocka "build/$variant/unit/$t" "$label" "$@"
		else
			count 0 1 "$label (not built)"
		fi
	done
}

replays() { # replays VARIANT
	for c in tests/fuzz/fuzz_*.c; do
		[ -e "$c" ] || continue
		t=$(basename "$c" .c)
		dir=tests/fuzz/corpus/${t#fuzz_}
		set -- "$dir"/*
		if [ ! -e "$1" ]; then
			count 0 1 "replay $t (no corpus)"
			continue
		fi
		if timeout 120 "build/$variant/replay/$t" "$@" \
			>"$log/replay-$t.log" 2>&1; then
			count 1 0 "replay $t ($# inputs)"
		else
			count 0 1 "replay $t"
			tail -n 15 "$log/replay-$t.log" | sed 's/^/    /'
		fi
	done
}

pytests() { # pytests LABEL ARGUMENTS...
	label=$1
	shift
	out=$log/$(echo "$label" | tr ' /' '--').log
	many=
	if "$PYTHON" -c 'import xdist' 2>/dev/null; then
		many="-n $(nproc 2>/dev/null || echo 2) --dist worksteal"
		"$PYTHON" -m pytest --help 2>/dev/null | grep -q worksteal ||
			many="-n $(nproc 2>/dev/null || echo 2)"
	fi
	timeout "${E2E_TIMEOUT:-1800}" "$PYTHON" -m pytest -q -p \
		no:cacheprovider --tb=short -rf $many "$@" >"$out" 2>&1
	rc=$?
	last=$(tail -n 1 "$out")
	num() {
		echo "$last" | sed -n "s/.*[^0-9]\([0-9][0-9]*\) $1.*/\1/p;t
			s/^\([0-9][0-9]*\) $1.*/\1/p"
	}
	p=$(num passed)
	f=$(num failed)
	e=$(num error)
	s=$(num skipped)
	f=$((${f:-0} + ${e:-0}))
	if [ $rc -ne 0 ] && [ $f -eq 0 ]; then
		f=1
	fi
	skipped=$((skipped + ${s:-0}))
	count "${p:-0}" "$f" "$label"
	if [ $f -gt 0 ]; then
		grep -E '^(FAILED|ERROR)' "$out" | cut -c1-150 |
			sed 's/^/    /'
		echo "    (all of it: $out)"
	fi
}

house() {
	for c in layers library text symbols recursion memory headers posix porting stamp; do
		one "house-$c" "$PYTHON" tests/check/house.py $c
	done
	one house-figures "$PYTHON" tests/size/figures.py --check
	one house-limits "$PYTHON" tests/check/limits.py
	one house-overrides "$PYTHON" tests/check/overrides.py
	one house-menu "$PYTHON" tests/check/front.py
}

# The port in a kernel that has no call younger than Linux 2.6.32.
old_kernel() {
	cc -O1 -o build/nosys tests/e2e/nosys.c || { count 0 1 nosys; return; }
	build/nosys new true
	if [ $? -eq 126 ]; then
		skipped=$((skipped + 1))
		return
	fi
	for t in test_fs test_port; do
		cmocka build/plain/unit/$t "old kernel $t" build/nosys new
	done
}

# Builds with other knobs, each with its unit tests.
flips() { # flips LABEL ARGUMENTS...
	label=$1
	shift
	out=$log/$label.log
	"$PYTHON" tests/check/flip.py "$@" >"$out" 2>&1
	p=$(grep -c '^ok ' "$out")
	f=$(grep -c '^not ok ' "$out")
	skipped=$((skipped + $(grep -c '^skipped ' "$out")))
	[ "$p$f" != 00 ] || f=1
	count "$p" "$f" "$label"
	[ "$f" -eq 0 ] || grep -A20 '^not ok' "$out" | head -60 |
		sed 's/^/    /'
}

# static_build TARGET TLS: the program and its unit tests, run. Tests do not
# wait a minute before an interrupted upload is sent again.
static_build() {
	CPPFLAGS=-DCFG_APPEND_SETTLE_S=1
	export CPPFLAGS
	one "build-$1-$2" cross/build.sh "$1" "$2"
	one "build-$1-$2-unit" cross/build.sh "$1" "$2" -k unit-bin
	unset CPPFLAGS
	units "$1-$2" cross/run.sh "$1" -
}

# static_e2e TARGET TLS LABEL ARGUMENTS...: end to end, with 64 KiB of stack
# (tests/e2e/wherry.py sees to that, but for qemu).
static_e2e() {
	WHERRY=$PWD/build/$1-$2/wherry-stripped
	WRAP=
	[ "$1" = "$(uname -m)" ] || WRAP="$PWD/cross/run.sh $1 64"
	WHERRY_OTHER=$PWD/wherry
	export WHERRY WRAP WHERRY_OTHER
	shift 2
	pytests "$@"
	unset WHERRY WRAP WHERRY_OTHER
}

# A program for another machine: unit tests in qemu; its state goes to and
# fro between it and ours.
cross() { # cross TARGET TLS
	static_build "$1" "$2"
	static_e2e "$1" "$2" "$1-$2 e2e" tests/e2e/test_cross.py
}

K=${K:-}
step() {
	case $1 in
	unit) units plain ;;
	replay) variant=plain; replays ;;
	house) house ;;
	size) build size size-builds
		for b in ${SIZES:?comes from the Makefile: make check, make size}; do
			one "size $b" "$PYTHON" tests/size/size.py -q "$b"
		done ;;
	old-kernel) old_kernel ;;
	presets) flips presets sample ;;
	flips) flips flips ;;
	e2e) if [ -n "$K" ]; then
		pytests e2e tests/e2e -k "$K"
	else
		pytests e2e tests/e2e
	fi ;;
	fuzz) for c in tests/fuzz/fuzz_*.c; do
		t=$(basename "$c" .c)
		mkdir -p "build/fuzz/corpus/$t"
		one "$t" "build/fuzz/fuzz/$t" -max_total_time="${FUZZ_TIME:-20}" \
			-print_final_stats=1 -artifact_prefix="build/fuzz/" \
			"build/fuzz/corpus/$t" "tests/fuzz/corpus/${t#fuzz_}"
	done ;;
	asan) build asan asan CPPFLAGS=-DCFG_APPEND_SETTLE_S=1
		units asan
		variant=asan
		replays
		WHERRY=$PWD/build/asan/wherry
		ASAN_OPTIONS=detect_leaks=1
		export WHERRY ASAN_OPTIONS
		pytests "asan e2e" tests/e2e -k "not memory and not kill and not durability and not old_kernel and not clock"
		unset WHERRY ASAN_OPTIONS ;;
	clang) build clang clang
		units clang ;;
	static) for tls in mbedtls bearssl; do
		static_build x86_64 $tls
		static_e2e x86_64 $tls "x86_64-$tls e2e" tests/e2e \
			-k "not test_kill"
	done ;;
	cross-check) for t in x86_64 arm64 armhf armel mips mipsel; do
		for tls in mbedtls bearssl; do
			one "build-$t-$tls" env PRESET=router \
				cross/build.sh $t $tls
			one "size-$t-$tls" "$PYTHON" tests/size/size.py -q \
				"$t-$tls-router"
		done
	done ;;
	hardened)
		one build-pie env HARDEN=1 cross/build.sh x86_64 mbedtls
		WHERRY=$PWD/build/x86_64-mbedtls-pie/wherry-stripped
		export WHERRY
		pytests "static-pie e2e" tests/e2e/test_table.py
		unset WHERRY ;;
	build) for c in flags sources dist same; do
		one "build-$c" "$PYTHON" tests/check/cross.py $c
	done ;;
	cross)
		tests/packages.sh cross-armhf && tests/packages.sh cross-mips
		cross armhf bearssl
		cross mips mbedtls ;;
	# The same tests for the other two choices of TLS=.
	tls) for t in bearssl none; do
		build $t VARIANT=$t TLS=$t CPPFLAGS=-DCFG_APPEND_SETTLE_S=1 \
			all unit-bin
		for u in build/$t/unit/test_tls build/$t/unit/test_x509 \
			build/$t/unit/test_port build/$t/unit/test_io; do
			[ ! -x $u ] || cmocka $u "$t $(basename $u)"
		done
	done
	WHERRY=$PWD/build/bearssl/wherry
	export WHERRY
	pytests "bearssl e2e" tests/e2e/test_session.py tests/e2e/test_app.py \
		tests/e2e/test_headless.py tests/e2e/test_messages.py
	unset WHERRY ;;
	valgrind) units plain valgrind -q --error-exitcode=99 ;;
	valgrind-sync) WRAP='valgrind -q --error-exitcode=99'
		export WRAP
		pytests "valgrind sync" tests/e2e/test_table.py -k test_presence
		unset WRAP ;;
	check)
		build plain all unit-bin replay-bin graph
		WHERRY_BIG=1 # with the plain build alone: it takes seconds
		export WHERRY_BIG
		step unit
		unset WHERRY_BIG
		step old-kernel
		step replay
		step house
		step size # before e2e: the peaks of its builds are measured there
		step presets
		step e2e
		step tls
		step static
		step cross
		step hardened
		step build
		step clang
		step asan
		step valgrind
		step valgrind-sync ;;
	check-all)
		step check
		step flips
		FUZZ_TIME=${FUZZ_TIME:-60}
		build fuzz fuzz-objects
		step fuzz ;;
	*) echo "run-check.sh: no step $1" >&2; exit 64 ;;
	esac
}

for s; do
	step "$s"
done
[ $skipped -eq 0 ] || echo "$skipped skipped"
echo "$passed passed, $failed failed"
[ $failed -eq 0 ] && [ $passed -gt 0 ]
