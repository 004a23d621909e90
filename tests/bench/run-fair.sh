#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Prepare the same tree for veneer (one loop: both clients share it) and for
# diod on kernel overlayfs, and let tests/bench/bench-fair show what a greedy
# client costs another. Needs root and Debian's diod. With --ext4 an fsync
# waits for a disk, and so for whatever else uses that.
#
#   run-fair.sh BUILD-FOLDER [--quick] [--ext4]
set -u
build=$1
shift
seconds=0.4 rounds=5 ext4=
for arg in "$@"; do
	case $arg in
	--quick) seconds=0.2 rounds=1 ;;
	--ext4) ext4=1 ;;
	*)
		echo "usage: run-fair.sh BUILD-FOLDER [--quick] [--ext4]" >&2
		exit 2
		;;
	esac
done
[ "$(id -u)" -eq 0 ] || {
	echo "bench-fair: needs root: it mounts overlayfs for diod"
	exit 77
}
command -v diod >/dev/null || {
	echo "bench-fair: diod is missing: apt-get install diod"
	exit 77
}

tmp=$(mktemp -d /tmp/veneer-bench.XXXXXX)
pids=()
cleanup() {
	cd /
	for pid in "${pids[@]}"; do
		kill "$pid" 2>/dev/null && wait "$pid" 2>/dev/null
	done
	umount "$tmp/fs/merged" 2>/dev/null
	umount "$tmp/fs" 2>/dev/null
	rm -rf "$tmp"
}
trap cleanup EXIT
trap 'exit 130' INT TERM

mkdir "$tmp/fs"
if [ -n "$ext4" ]; then
	truncate -s 2G "$tmp/image"
	mkfs.ext4 -q "$tmp/image" && mount -o loop "$tmp/image" "$tmp/fs" || exit 1
else
	mount -t tmpfs -o size=2G,mode=755 bench "$tmp/fs" || exit 1
fi
cd "$tmp/fs" || exit 1
mkdir lower merged v-upper v-work d-upper d-work
for d in $(seq -f %03g 0 199); do
	mkdir -p "lower/top/dir$d"
	for f in $(seq -f %03g 0 99); do
		echo x >"lower/top/dir$d/file$f"
	done
done
head -c 134217728 /dev/zero | tr '\0' x >lower/big
mount -t overlay bench \
	-o "lowerdir=$tmp/fs/lower,upperdir=$tmp/fs/d-upper,workdir=$tmp/fs/d-work" \
	merged || exit 1
sync
cat merged/big >/dev/null

diod -f -n -l "$tmp/diod.sock" -e "$tmp/fs/merged" --nwthreads 16 >"$tmp/diod.log" 2>&1 &
pids+=($!)
"$build/veneer" serve --lower lower --upper v-upper --work v-work --loops 1 \
	--listen "unix:$tmp/veneer.sock" --log-level warning &
pids+=($!)
for _ in $(seq 100); do
	[ -S "$tmp/diod.sock" ] && [ -S "$tmp/veneer.sock" ] && break
	sleep 0.05
done
echo "$(nproc) cores, $(uname -r), diod $(dpkg-query -W -f '${Version}' diod), $("$build/veneer" --version)"
"$build/tests/bench/bench-fair" $seconds $rounds \
	veneer "$tmp/veneer.sock" "" "${pids[1]}" \
	diod "$tmp/diod.sock" "$tmp/fs/merged" "${pids[0]}"
