#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Prepare the same tree for veneer and for diod on kernel overlayfs, start
# both, and let tests/bench/bench compare them. Needs root (it mounts) and
# Debian's diod.
#
#   run.sh BUILD-FOLDER [--quick] [--ext4]
set -u
build=$1
shift
seconds=0.4 rounds=5 ext4=
for arg in "$@"; do
	case $arg in
	--quick) seconds=0.1 rounds=1 ;;
	--ext4) ext4=1 ;;
	*)
		echo "usage: run.sh BUILD-FOLDER [--quick] [--ext4]" >&2
		exit 2
		;;
	esac
done
[ "$(id -u)" -eq 0 ] || {
	echo "bench: needs root: it mounts overlayfs for diod"
	exit 77
}
command -v diod >/dev/null || {
	echo "bench: diod is missing: apt-get install diod"
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
	# Journaled: without, creating after unlinking costs 0.4 ms by itself.
	truncate -s 3G "$tmp/image"
	mkfs.ext4 -q "$tmp/image" && mount -o loop "$tmp/image" "$tmp/fs" || exit 1
else
	mount -t tmpfs -o size=3G,mode=755 bench "$tmp/fs" || exit 1
fi
cd "$tmp/fs" || exit 1
mkdir lower merged v-upper v-work d-upper d-work
echo "preparing 20,000 files in 200 directories, and one of 128 MiB"
head -c 4096 /dev/zero | tr '\0' x >"$tmp/4k"
mkdir -p lower/top/dir000
for f in $(seq -f %03g 0 99); do
	cat "$tmp/4k" >"lower/top/dir000/file$f"
done
for d in $(seq -f %03g 1 199); do
	cp -r lower/top/dir000 "lower/top/dir$d"
done
head -c 134217728 /dev/zero | tr '\0' x >lower/big
cp lower/big v-upper/big-written
cp lower/big d-upper/big-written
mount -t overlay bench \
	-o "lowerdir=$tmp/fs/lower,upperdir=$tmp/fs/d-upper,workdir=$tmp/fs/d-work" \
	merged || exit 1
find merged v-upper lower -type f -exec cat {} + >/dev/null

diod -f -n -l "$tmp/diod.sock" -e "$tmp/fs/merged" --nwthreads 16 >"$tmp/diod.log" 2>&1 &
pids+=($!)
"$build/veneer" serve --lower lower --upper v-upper --work v-work \
	--listen "unix:$tmp/veneer.sock" --log-level warning &
pids+=($!)
for _ in $(seq 100); do
	[ -S "$tmp/diod.sock" ] && [ -S "$tmp/veneer.sock" ] && break
	sleep 0.05
done
echo "$(nproc) cores, $(uname -r), diod $(dpkg-query -W -f '${Version}' diod), $("$build/veneer" --version)"
"$build/tests/bench/bench" $seconds $rounds "$tmp/fs/merged" "$tmp/echo.sock" \
	veneer "$tmp/veneer.sock" "${pids[1]}" diod "$tmp/diod.sock" "${pids[0]}"
