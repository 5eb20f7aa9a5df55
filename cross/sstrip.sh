#!/bin/sh
# sstrip.sh PROGRAM: leaves out of a stripped program what is behind its last
# segment. That is the list of its sections, which a debugger reads and no
# kernel or dynamic linker does; OpenWrt's sstrip does the same.
set -eu
export LC_ALL=C
end=0
for segment in $(readelf -lW "$1" | awk '$2 ~ /^0x/ && $5 ~ /^0x/ && NF > 6 {
		print $2 "+" $5 }'); do
	[ $(($segment)) -le $end ] || end=$(($segment))
done
[ $end -gt 0 ]
# Where they would be (e_shoff), how many, and where their names are.
case $(head -c 5 "$1" | od -An -tu1) in
*1) at=32 bytes=4 counts=48 ;;
*2) at=40 bytes=8 counts=60 ;;
esac
zero() { # PROGRAM OFFSET BYTES
	dd if=/dev/zero of="$1" bs=1 seek="$2" count="$3" conv=notrunc \
		2> /dev/null
}
zero "$1" $at $bytes
zero "$1" $counts 4
truncate -s $end "$1"
