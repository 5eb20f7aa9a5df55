#!/bin/sh
# overrides.sh CONFIG: the C header of a file in the syntax of .config.
#
# What the file names becomes "#define CFG_X n", ahead of the defaults in
# config.h: a bool is 1 or 0 ("is not set", or a child whose parent is off),
# a number is a number. What it does not name is left to config.h. A -DCFG_X=n
# on the compiler's command line comes first. Anything else is refused with
# file and line, for a knob that is silently not turned is a wrong program.
#
# Needs sh and awk, and ../Kconfig for the names, types and ranges.
set -eu
[ $# -eq 1 ] || {
	echo "usage: $0 CONFIG" >&2
	exit 64
}
[ -r "$1" ] || {
	echo "$1: cannot be read" >&2
	exit 66
}
LC_ALL=C awk -v config="$1" '
function refuse(text)
{
	printf "%s:%d: %s\n", config, FNR, text | "cat >&2"
	failed = 1
}

# The value of a bound: a number, or that of another knob.
function bound(word)
{
	return word ~ /^[0-9]+$/ ? word + 0 : (word in value) ? value[word] : \
		standard[word] + 0
}

function set(name, text)
{
	if (!(name in type)) {
		refuse("there is no knob " name)
	} else if (name in line) {
		refuse(name " stands in line " line[name] " already")
	} else if (type[name] == "bool") {
		if (text != "y" && text != "n") {
			refuse(name " is y or n, not " text)
		}
		value[name] = text == "y"
		line[name] = FNR
	} else if (text ~ /^"/) {
		refuse(name " is a number, not a string")
	} else if (text ~ /^-?0[xX]/) {
		refuse(name ": write " text " as a decimal number")
	} else if (text !~ /^-?[0-9]+$/) {
		refuse(name " is a number, not " text)
	} else if (length(text) > 10) {
		refuse(name ": " text " has more digits than any range")
	} else {
		value[name] = text + 0
		line[name] = FNR
	}
}

# Kconfig: names, types, ranges, parents, choices.
NR == FNR && /^config / { knob = $2; order[++n] = knob; group[knob] = choice }
NR == FNR && /^choice/ { choice = ++choices }
NR == FNR && /^endchoice/ { choice = 0 }
NR == FNR && ($1 == "bool" || $1 == "int") && knob != "" { type[knob] = $1 }
NR == FNR && $1 == "default" && knob != "" { standard[knob] = $2 }
NR == FNR && $1 == "range" { least[knob] = $2; most[knob] = $3 }
NR == FNR && $1 == "depends" && knob != "" { parent[knob] = $3 }
NR == FNR && $1 ~ /^(choice|endchoice|menu|endmenu|help)$/ { knob = "" }
NR == FNR { next }

{ sub(/[ \t\r]+$/, "") }
/^$/ { next }
/^# CFG_[A-Za-z0-9_]* is not set$/ {
	if ($2 in type && type[$2] != "bool") {
		refuse($2 " is a number and cannot be unset: leave the line " \
			"out for the default")
	} else {
		set($2, "n")
	}
	next
}
/^#/ { next }
/^[A-Za-z0-9_]+=./ {
	equals = index($0, "=")
	set(substr($0, 1, equals - 1), substr($0, equals + 1))
	next
}
{ refuse("not CFG_X=y, CFG_X=number or # CFG_X is not set: " $0) }

END {
	for (i = 1; i <= n; i++) {
		k = order[i]
		if (group[k] && (k in value) && value[k]) {
			if (group[k] in chosen) {
				FNR = line[k]
				refuse(k " and " chosen[group[k]] \
					" exclude each other")
			}
			chosen[group[k]] = k
		}
	}
	for (i = 1; i <= n; i++) {
		k = order[i]
		if (type[k] == "bool" && !(k in value) && \
			((k in parent && (parent[k] in value) && \
			!value[parent[k]]) || (group[k] in chosen))) {
			value[k] = 0
			line[k] = 0
		}
		if (type[k] == "int" && (k in value) && (k in least) && \
			(value[k] < bound(least[k]) || \
			value[k] > bound(most[k]))) {
			FNR = line[k]
			refuse(k " must be " bound(least[k]) " to " \
				bound(most[k]) ", not " value[k])
		}
	}
	if (failed) {
		exit 1
	}
	printf "/* Made of %s by config/overrides.sh. */\n", config
	for (i = 1; i <= n; i++) {
		k = order[i]
		if (k in value) {
			printf "#ifndef %s\n#define %s %d\n#endif\n", k, k, \
				value[k]
		}
	}
}' "$(dirname "$0")/../Kconfig" "$1"
