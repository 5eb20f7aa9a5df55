#!/bin/sh
# run-check.sh STEP...: run tests and end with one line "N passed, N failed".
#
# Steps: unit old-kernel replay house size presets flips e2e tls asan clang
# valgrind-sync valgrind fuzz, or check and check-all for the usual sets. What
# a step printed lies in build/check/, and in times there how long it took.
set -u
cd "$(dirname "$0")/.."
. tests/check/count.sh

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
	cc -O1 -o build/nosys tests/e2e/nosys.c || {
		count 0 1 nosys
		echo "cannot be built" | blame nosys
		return
	}
	build/nosys new true
	if [ $? -eq 126 ]; then
		skipped=$((skipped + 1))
		return
	fi
	for t in test_fs test_port; do
		cmocka build/plain/unit/$t "old kernel $t" build/nosys new
	done
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
# Sessions, what a large transfer is, memory and its end, stack, several
# connections: where the TLS library can make a difference. Everything else
# has musl in the other static program, mbedTLS in the plain one; check-all
# runs all of it.
TLS_TESTS=
for t in session compress clock arena memory messages counts lanes ahead \
	accounts hostile refused headless old_kernel; do
	TLS_TESTS="$TLS_TESTS tests/e2e/test_$t.py"
done
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
		pytests "asan e2e" tests/e2e -k "not memory and not durability and not old_kernel and not clock and not counts"
		unset WHERRY ASAN_OPTIONS ;;
	clang) build clang clang
		units clang ;;
	static) # all of it with one of the two, with the other what it can touch
		static_build x86_64 mbedtls
		static_e2e x86_64 mbedtls "x86_64-mbedtls e2e" $TLS_TESTS
		static_build x86_64 bearssl
		static_e2e x86_64 bearssl "x86_64-bearssl e2e" tests/e2e ;;
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
		pytests "static-pie e2e" tests/e2e/test_table.py \
			tests/e2e/test_session.py -k "presence or session"
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
	# The rest of the suite has BearSSL in the static program.
	pytests "bearssl e2e" tests/e2e/test_session.py
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
		static_e2e x86_64 mbedtls "x86_64-mbedtls all e2e" tests/e2e
		WHERRY_TABLE=all pytests "e2e table" tests/e2e/test_table.py
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
longest
[ $skipped -eq 0 ] || echo "$skipped skipped"
[ ! -s $log/failures ] || { echo "failed:"; cat $log/failures; }
echo "$passed passed, $failed failed"
[ $failed -eq 0 ] && [ $passed -gt 0 ]
