# targets.sh: what differs between the machines, and the flags of small
# programs, both in one place. Sourced after common.sh.
#
# target NAME sets:
#   triplet   of Debian's GNU tool chain        musl     name of the machine in musl
#   machine   flags that choose the instructions
#   package   of the compiler                   qemu     runs it here, "" if natively
#
# adds to small_link what the linker must be told there, and changes pack, flags
# for wherry itself beside small.
#
# armhf: every ARMv7 with the common half of a floating-point unit; Thumb-2 is
# a third smaller than ARM code. armel: the oldest NAS boxes (ARMv5, 88F6281).
# mips and mipsel: 24kc as in most routers, without MIPS16, which the assembly
# of the TLS libraries does not know. Position-independent calls are MIPS's
# default and cost a tenth; the linker would warn of each file that leaves them
# out beside libgcc, which does not.
targets="x86_64 arm64 armhf armel mips mipsel"

target() {
	case $1 in
	x86_64)
		triplet=x86_64-linux-gnu musl=x86_64 package=gcc
		machine="-march=x86-64" pack="-Oz $pack -fno-jump-tables" ;;
	arm64)
		triplet=aarch64-linux-gnu musl=aarch64
		machine="-march=armv8-a" ;;
	armhf)
		triplet=arm-linux-gnueabihf musl=armhf
		machine="-mthumb -march=armv7-a+vfpv3-d16 -mfloat-abi=hard" ;;
	armel)
		triplet=arm-linux-gnueabi musl=arm
		machine="-marm -march=armv5te -mfloat-abi=soft" ;;
	mips | mipsel)
		triplet=$1-linux-gnu musl=$1
		machine="-march=24kf -mno-mips16 -mno-abicalls -fno-pie" pack=
		small_link="$small_link -Wl,--no-warn-mismatch" ;;
	*) die "no target $1; there are: $targets" ;;
	esac
	package=gcc-$triplet
	case $1 in
	arm64) qemu=qemu-aarch64-static ;;
	armhf | armel) qemu=qemu-arm-static ;;
	mips | mipsel) qemu=qemu-$1-static ;;
	esac
	if [ "$1" = "$(uname -m)" ]; then
		package=gcc qemu=
	elif [ "$1" = x86_64 ]; then
		qemu=qemu-x86_64-static
	fi
	tool=$triplet-
}

# Small: each function and object in a section of its own, so that the linker
# leaves out what nobody calls; no tables for stack traces; no read-only
# relocation segment, which pads to a page. HARDEN=1: a program that can lie
# anywhere, with guarded stacks and read-only relocations.
small="-Os -ffunction-sections -fdata-sections -fno-asynchronous-unwind-tables"
small="$small -fno-unwind-tables"
small_link="-Wl,--gc-sections -Wl,-z,noseparate-code -Wl,--build-id=none"
if [ -n "${HARDEN:-}" ]; then
	small="$small -fPIE -fstack-protector-strong"
	small_link="-static-pie -Wl,-z,relro -Wl,-z,now $small_link"
else
	small="$small -fno-pie -fno-stack-protector"
	small_link="-static -no-pie -Wl,-z,norelro $small_link"
fi
# Fast where a transfer or a handshake spends its time, in the TLS library.
fast="-O2"
# Also for wherry itself, where it pays: code in the order in which it was
# written packs better than code that was scheduled, and steps that copy code to
# save jumps are left out. On MIPS the slots behind jumps would stay empty.
pack="-fno-schedule-insns2 -fno-tree-pre -fno-code-hoisting"
pack="$pack -fno-tree-dominator-opts -fno-caller-saves -fno-shrink-wrap"
# More for wherry itself: frames and calls beside each object, for
# tests/size/size.py.
own="-fcallgraph-info=su"
