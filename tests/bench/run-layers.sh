#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Prepare layers for tests/bench/bench-layers, start veneer over one lower,
# over 40, and over those that diod serves from a kernel overlay. Needs root
# and Debian's diod.
#
#   run-layers.sh BUILD-FOLDER [--quick] [--ext4]
set -u
build=$1
shift
rounds=5 ext4=
for arg in "$@"; do
	case $arg in
	--quick) rounds=1 ;;
	--ext4) ext4=1 ;;
	*)
		echo "usage: run-layers.sh BUILD-FOLDER [--quick] [--ext4]" >&2
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
	truncate -s 8G "$tmp/image"
	mkfs.ext4 -q "$tmp/image" && mount -o loop "$tmp/image" "$tmp/fs" || exit 1
else
	mount -t tmpfs -o size=8G,mode=755,nr_inodes=1M bench "$tmp/fs" || exit 1
fi
cd "$tmp/fs" || exit 1
echo "preparing 160,000 files, and three of 1 GiB"
many=(--lower empty1)
mkdir -p one/a/b merged lower1/wide lower2/wide upper/wide
for i in $(seq 100); do echo "$i" >one/a/b/f"$i"; done
echo 0 >one/a/b/f0
for i in $(seq 39); do
	mkdir -p "empty$i/a/b"
	[ "$i" = 1 ] || many+=(--lower "empty$i")
done
many+=(--lower one)
(cd lower1/wide && seq -f n%06g 0 59999 | xargs touch)
(cd lower2/wide && seq -f n%06g 50000 99989 | xargs touch)
(cd upper/wide && seq -f n%06g 99990 99999 | xargs touch)
for r in 0 1 2; do
	head -c 1073741824 /dev/zero >lower1/large$r
	for d in $(seq 0 19); do
		mkdir -p "lower1/rm$r/d$d"
		(cd "lower1/rm$r/d$d" && seq 1000 | xargs touch)
	done
done
cp -a upper d-upper
mkdir work d-work
mount -t overlay bench \
	-o "lowerdir=$tmp/fs/lower1:$tmp/fs/lower2,upperdir=$tmp/fs/d-upper,workdir=$tmp/fs/d-work" \
	merged || exit 1

diod -f -n -l "$tmp/diod.sock" -e "$tmp/fs/merged" --nwthreads 16 >"$tmp/diod.log" 2>&1 &
pids+=($!)
# serve NAME OPTION...: on its socket.
serve() {
	local name=$1
	shift
	"$build/veneer" serve "$@" --listen "unix:$tmp/$name.sock" --log-level warning &
	pids+=($!)
}
serve one --lower one
serve many "${many[@]}"
serve veneer --lower lower1 --lower lower2 --upper upper --work work -o metacopy=on
for _ in $(seq 100); do
	[ -S "$tmp/diod.sock" ] && [ -S "$tmp/one.sock" ] && [ -S "$tmp/many.sock" ] &&
		[ -S "$tmp/veneer.sock" ] && break
	sleep 0.05
done
echo "$(nproc) cores, $(uname -r), diod $(dpkg-query -W -f '${Version}' diod), $("$build/veneer" --version)"
"$build/tests/bench/bench-layers" $rounds "$tmp/one.sock" "$tmp/many.sock" "$tmp/veneer.sock" \
	"$tmp/diod.sock" "$tmp/fs/merged"
