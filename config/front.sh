#!/bin/sh
# front.sh TARGET: a Kconfig front end on ../Kconfig, if one is installed.
#
# menuconfig; defconfig (as config.h is), tinyconfig, routerconfig, nasconfig,
# fullconfig (the presets), allyesconfig, allnoconfig; savedefconfig. All of
# them read or write .config at the top. kconfig-frontends comes first,
# kconfiglib second; neither is needed to build.
set -eu
cd "$(dirname "$0")/.."
# Names are written as they are, with no CONFIG_ before them.
export CONFIG_=
export KCONFIG_CONFIG=.config

none() {
	echo "make $1: no Kconfig front end; install kconfig-frontends-nox" \
		"(or python3-kconfiglib), or edit config.h or .config" >&2
	exit 69
}

# python MODULE ARGUMENT...: a program of kconfiglib, wherever it was put.
python() {
	module=$1
	shift
	"${PYTHON:-python3}" -m "$module" "$@"
}

if command -v kconfig-conf >/dev/null; then
	conf() { # conf OPTION [FILE]
		kconfig-conf -s "--$1${2+=$2}" Kconfig
	}
	menu() {
		kconfig-mconf Kconfig
	}
elif "${PYTHON:-python3}" -c 'import kconfiglib' 2>/dev/null; then
	conf() {
		case $1 in
		alldefconfig) python alldefconfig Kconfig ;;
		defconfig) python defconfig --kconfig Kconfig "$2" ;;
		savedefconfig) python savedefconfig --kconfig Kconfig \
			--out "$2" ;;
		*) python "$1" Kconfig ;;
		esac
	}
	menu() {
		python menuconfig Kconfig
	}
else
	none "$1"
fi

case $1 in
menuconfig) menu ;;
defconfig) conf alldefconfig ;;
tinyconfig | routerconfig | nasconfig | fullconfig)
	conf defconfig "config/${1%config}.config" ;;
allyesconfig | allnoconfig) conf "$1" ;;
savedefconfig)
	[ -f .config ] || {
		echo "make savedefconfig: there is no .config" >&2
		exit 66
	}
	conf savedefconfig defconfig ;;
*)
	echo "usage: $0 menuconfig|defconfig|savedefconfig|...config" >&2
	exit 64
	;;
esac
case $1 in
savedefconfig) echo "defconfig: what .config says beyond the defaults" ;;
menuconfig) ;;
*) echo ".config: as $1 has it; make uses it" ;;
esac
