#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Give veneer, nbdkit's file plugin and qemu-nbd an image of the same content
# each, on the same file system, and let tests/bench/bench-nbd compare them.
# With --ext4 (root: a loop mount) also what partial files cost, which need a
# file system without reflink.
#
#   run-nbd.sh BUILD-FOLDER [--quick] [--ext4]
set -u
build=$1
shift
seconds=0.5 rounds=5 ext4= nr_first=200
for arg in "$@"; do
	case $arg in
	--quick) seconds=0.2 rounds=1 nr_first=20 ;;
	--ext4) ext4=1 ;;
	*)
		echo "usage: run-nbd.sh BUILD-FOLDER [--quick] [--ext4]" >&2
		exit 2
		;;
	esac
done
for tool in nbdkit qemu-nbd; do
	command -v $tool >/dev/null || {
		echo "bench-nbd: $tool is missing: apt-get install nbdkit qemu-utils"
		exit 77
	}
done
[ "$(id -u)" -eq 0 ] || {
	echo "bench-nbd: needs root: it mounts a file system for the images"
	exit 77
}

tmp=$(mktemp -d /tmp/veneer-bench.XXXXXX)
pids=()
cleanup() {
	cd /
	for pid in "${pids[@]}"; do
		kill "$pid" 2>/dev/null && wait "$pid" 2>/dev/null
	done
	umount "$tmp/fs" 2>/dev/null
	rm -rf "$tmp"
}
trap cleanup EXIT
trap 'exit 130' INT TERM

mkdir "$tmp/fs"
if [ -n "$ext4" ]; then
	truncate -s 20G "$tmp/image"
	mkfs.ext4 -q "$tmp/image" && mount -o loop "$tmp/image" "$tmp/fs" || exit 1
else
	mount -t tmpfs -o size=8G,mode=755 bench "$tmp/fs" || exit 1
fi
cd "$tmp/fs" || exit 1
mib=512
span=$((mib << 20))
mkdir lower upper work
echo "preparing images of $mib MiB"
head -c $span /dev/urandom >nbdkit.img
cp nbdkit.img qemu.img
cp nbdkit.img upper/disk.img
if [ -n "$ext4" ]; then
	# Sparse ones of 10 GiB; the first GiB has data, of one of them.
	truncate -s 10G lower/partial.img
	head -c 1G /dev/urandom | dd of=lower/partial.img bs=1M conv=notrunc status=none
	cp --sparse=always lower/partial.img upper/whole.img
	truncate -s 10G upper/holes.img
	for i in $(seq 0 $((nr_first - 1))); do
		truncate -s 10G "lower/first-$i.img"
		head -c 4M nbdkit.img | dd of="lower/first-$i.img" bs=1M conv=notrunc status=none
	done
fi
sync

nbdkit -f -U "$tmp/nbdkit.sock" file nbdkit.img &
pids+=($!)
qemu-nbd -f raw -t -e 8 -x disk.img -k "$tmp/qemu.sock" qemu.img &
pids+=($!)
"$build/veneer" serve --lower lower --upper upper --work work \
	-o metacopy=on${ext4:+,copyup=lazy} \
	--listen "nbd+unix:$tmp/veneer.sock" --log-level warning &
pids+=($!)
for _ in $(seq 100); do
	[ -S "$tmp/nbdkit.sock" ] && [ -S "$tmp/qemu.sock" ] &&
		[ -S "$tmp/veneer.sock" ] && break
	sleep 0.05
done
echo "$(nproc) cores, $(uname -r), $(nbdkit --version), $(qemu-nbd --version | head -1), $("$build/veneer" --version)"
"$build/tests/bench/bench-nbd" $seconds $rounds $span \
	veneer "$tmp/veneer.sock" disk.img "${pids[2]}" \
	nbdkit "$tmp/nbdkit.sock" "" "${pids[0]}" \
	qemu-nbd "$tmp/qemu.sock" disk.img "${pids[1]}"
status=$?
if [ -n "$ext4" ]; then
	"$build/tests/bench/bench-nbd" partial whole.img holes.img \
		partial.img $nr_first \
		"$tmp/veneer.sock" "${pids[2]}" || status=1
fi
exit $status
