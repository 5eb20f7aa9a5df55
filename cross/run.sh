#!/bin/sh
# run.sh TARGET STACK PROGRAM [ARGUMENT...]: runs a program that was built for
# TARGET, here or in qemu, with that many KiB of stack ("-": as it comes).
. "$(dirname "$0")/common.sh"
. "$here/targets.sh"
target "$1"
stack=$2
shift 2
if [ -n "$qemu" ]; then
	# qemu before 8.0 gives the numbers of this machine in SO_ERROR; those of
	# MIPS are others. Tests of their text are skipped.
	case $qemu in
	qemu-mips*) export WHERRY_SO_ERROR=foreign ;;
	esac
	[ "$stack" = - ] || qemu="$qemu -s $((stack * 1024))"
	exec $qemu "$@"
fi
[ "$stack" = - ] || ulimit -s "$stack"
exec "$@"
