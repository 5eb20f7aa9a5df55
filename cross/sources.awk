# sources.awk: the machine's own apt sources (both formats, any number of
# files) to one-line deb-src entries for the suites in -v want="a b". Only the
# main archive counts: entries of the machine's own suite (-v own=NAME) or of
# one by its role, with the component main; the suites of updates and other
# people's archives have other names.
function emit(uri, options) {
	if (uri ~ /^cdrom:/ || (uri, options) in seen) {
		return
	}
	seen[uri, options] = 1
	n = split(want, suite, " ")
	for (i = 1; i <= n; i++) {
		print "deb-src " options uri " " suite[i] " main"
	}
}

function is_main(suites, components) {
	return (" " suites " ") ~ (" (" own \
		"|stable|oldstable|testing|unstable) ") &&
		(" " components " ") ~ / main /
}

# The older format: deb [options] uri suite component...
function line(l,    options, keep, part, k, m) {
	options = ""
	if (match(l, /\[[^]]*\]/)) {
		m = split(substr(l, RSTART + 1, RLENGTH - 2), part, " ")
		for (k = 1; k <= m; k++) {
			if (part[k] ~ /^(signed-by|trusted)=/) {
				keep = keep (keep == "" ? "" : " ") part[k]
			}
		}
		options = keep == "" ? "" : "[" keep "] "
		l = substr(l, 1, RSTART - 1) substr(l, RSTART + RLENGTH)
	}
	m = split(l, part, " ")
	k = ""
	for (i = 4; i <= m; i++) {
		k = k " " part[i]
	}
	if (is_main(part[3], k)) {
		emit(part[2], options)
	}
}

# The newer one: paragraphs of fields, a field may go on in indented lines.
function paragraph(    part, m, k, options) {
	if (field["types"] != "" && tolower(field["enabled"]) !~ /no|false/ &&
		is_main(field["suites"], field["components"])) {
		options = ""
		if (field["signed-by"] ~ /^ *\//) {
			options = "signed-by=" field["signed-by"]
			gsub(/= +/, "=", options)
			gsub(/ +$/, "", options)
			gsub(/ +/, ",", options)
		}
		if (tolower(field["trusted"]) ~ /yes|true/) {
			options = options (options == "" ? "" : " ") \
				"trusted=yes"
		}
		options = options == "" ? "" : "[" options "] "
		m = split(field["uris"], part, " ")
		for (k = 1; k <= m; k++) {
			emit(part[k], options)
		}
	}
	split("", field)
	name = ""
}

FNR == 1 { paragraph() }
/^[ \t]*#/ { next }
/^deb(-src)?[ \t]/ { line($0); next }
/^[ \t]*$/ { paragraph(); next }
/^[ \t]/ { field[name] = field[name] " " $0; next }
/^[A-Za-z-]+:/ {
	name = tolower(substr($0, 1, index($0, ":") - 1))
	field[name] = substr($0, index($0, ":") + 1)
}
END { paragraph() }
