# Sourced by run-check.sh: how a test of each kind is run, and its result
# counted. What it printed lies in $log.
PYTHON=${PYTHON:-/usr/bin/python3}
log=build/check
mkdir -p $log
passed=0
failed=0
skipped=0
cores=$(nproc 2>/dev/null || echo 2)
memory=${TMPDIR:-/tmp}
[ ! -w /dev/shm ] || memory=/dev/shm
since=$(date +%s)
: >$log/times
: >$log/failures

# What was done since the last time, in seconds.
took() { # took WHAT
	now=$(date +%s)
	echo "$((now - since)) $1" >>$log/times
	since=$now
}

count() { # count PASSED FAILED WHAT
	took "$3"
	passed=$((passed + $1))
	failed=$((failed + $2))
	if [ "$2" -gt 0 ]; then
		printf '%-28s %s passed, %s FAILED\n' "$3" "$1" "$2"
	else
		printf '%-28s %s passed\n' "$3" "$1"
	fi
}

# Lines of what failed and why: shown here, and once more at the end.
blame() { # blame WHAT <LINES
	cut -c1-200 | sed "s|^|    $1: |" | tee -a $log/failures
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
		why "$log/$name.log" | blame "$name"
	fi
}

# One line that says it best: the last that names an error, or the last.
why() { # why FILE
	{ tail -n 1 "$1"; grep -Ei 'error|fail|not ok' "$1"; } | tail -n 1 |
		grep . || echo "said nothing"
}

build() { # build VARIANT MAKE-ARGUMENTS...
	name=build-$1
	shift
	one "$name" make --no-print-directory -s -k -j"$cores" "$@"
}

# What took longest, if it was long; the whole list is in build/check/times.
longest() {
	sort -rn $log/times | awk '{ s += $1 } NR <= 24 { top[NR] = $0 }
		END { if (s < 300) exit
			for (i = 1; i <= NR && i <= 24; i++) {
				print "    seconds: " top[i] }
			print "    seconds: " s " in all" }'
}

# A cmocka program: its own count, and one failure more if it died.
cmocka() { # cmocka PROGRAM LABEL [WRAPPER...]
	prog=$1
	label=$2
	shift 2
	out=$log/$(echo "$label" | tr ' /' '--').log
	timeout 300 "$@" "$prog" >"$out" 2>&1
	cmocka_said $?
}

cmocka_said() { # cmocka_said EXIT-CODE, of what is called $label, from $out
	rc=$1
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
		cmocka_why $rc | blame "$label"
	fi
}

# Each test that failed, with the first thing that was wrong; or where it died.
cmocka_why() { # cmocka_why EXIT-CODE
	awk -v rc="$1" '{ last = $0 }
		/^\[ RUN / { name = $NF; error = "" }
		/^\[       OK/ { name = "" }
		/^\[  ERROR  / && error == "" { error = substr($0, 14) }
		/^\[   LINE  / { line = substr($0, 14) }
		/^\[  FAILED  \]/ && name == $NF {
			print name ": " error " " line; n++; name = "" }
		END { if (!n || name != "") print "exit " rc \
			(name == "" ? "" : " in " name) ": " last }' "$out"
}

# All unit tests, as many programs at once as there are processors.
units() { # units VARIANT [WRAPPER...]
	variant=$1
	shift
	label=$variant
	[ "$variant" != plain ] || label=${1-}
	label=${label:+$label }
	stem=$log/$(echo "$label" | tr ' /' '--')
	# On a disk once; flushes would make all the others wait for nothing.
	tmp=${TMPDIR:-/tmp}
	[ -z "$label" ] || tmp=$memory
	set -- sh -c 'timeout 300 "$@" >"$0.log" 2>&1; echo $? >"$0.rc"' \
		"$stem%" "$@" "build/$variant/unit/%"
	tests=$(cd tests/unit && ls test_*.c | sed 's/\.c$//')
	for t in $tests; do
		rm -f "$stem$t.rc"
		[ ! -x "build/$variant/unit/$t" ] || echo "$t"
	done | TMPDIR=$tmp xargs -P "$cores" -I% "$@"
	took "${label:-unit }units"
	for t in $tests; do
		out=$stem$t.log
		if [ -e "$stem$t.rc" ]; then
			called=$label
			label=$label$t
			cmocka_said "$(cat "$stem$t.rc")"
			label=$called
		else
			count 0 1 "$label$t (not built)"
			echo "not built, or no time left" | blame "$label$t"
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
			echo "no corpus" | blame "replay $t"
			continue
		fi
		if timeout 120 "build/$variant/replay/$t" "$@" \
			>"$log/replay-$t.log" 2>&1; then
			count 1 0 "replay $t ($# inputs)"
		else
			count 0 1 "replay $t"
			tail -n 15 "$log/replay-$t.log" | sed 's/^/    /'
			why "$log/replay-$t.log" | blame "$variant replay $t"
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
	pytest_run "$out" $many "$@"
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
		{ grep -E '^(FAILED|ERROR) ' "$out" ||
			echo "exit $rc: $last"
		grep '^E  ' "$out" | head -n 30; } | blame "$label"
		again "$out"
		echo "    (all of it: $out)"
	fi
}

pytest_run() { # pytest_run LOG ARGUMENTS...
	said=$1
	shift
	COLUMNS=200 timeout "${E2E_TIMEOUT:-1800}" "$PYTHON" -m pytest -q -p \
		no:cacheprovider --tb=short -rfE "$@" >"$said" 2>&1
}

# What failed once more, with nothing beside it. It has failed whatever comes
# of that: a test that then passes is unsteady, which is a fault too.
again() { # again LOG
	names=$(sed -n 's/^\(FAILED\|ERROR\) \(tests[^ ]*::.*\)/\2/p' "$1" |
		sed 's/\] - .*/]/;t
			s/ - .*//' | head -n 8)
	[ -n "$names" ] || return
	before=$IFS
	IFS='
'
	set -f
	# shellcheck disable=SC2086 # a name may have spaces
	set -- $names
	set +f
	IFS=$before
	n=0
	for t; do
		n=$((n + 1))
		if E2E_TIMEOUT=300 pytest_run "${out%.log}-again$n.log" "$t"; then
			echo "unsteady: alone it passed: $t"
		else
			echo "fails alone too: $t"
		fi | blame "$label"
	done
}

# Builds with other knobs, each with its unit tests.
flips() { # flips LABEL ARGUMENTS...
	label=$1
	shift
	out=$log/$label.log
	TMPDIR=$memory "$PYTHON" tests/check/flip.py "$@" >"$out" 2>&1
	p=$(grep -c '^ok ' "$out")
	f=$(grep -c '^not ok ' "$out")
	skipped=$((skipped + $(grep -c '^skipped ' "$out")))
	[ "$p$f" != 00 ] || f=1
	count "$p" "$f" "$label"
	if [ "$f" -gt 0 ]; then
		grep -A20 '^not ok' "$out" | head -60 | sed 's/^/    /'
		{ grep '^not ok' "$out" || why "$out"; } | blame "$label"
	fi
}
