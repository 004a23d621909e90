#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# What fids cost that nobody uses: 200,000 on one connection, a million on
# eight, then 50,000 on directories, with 4,096 descriptors; --quick: a tenth.
#
#   run-fids.sh BUILD-FOLDER [--quick]
set -u
build=$1
shift
files=200000 dirs=50000
for arg in "$@"; do
	[ "$arg" != --quick ] || files=20000 dirs=5000
done
tmp=$(mktemp -d /tmp/veneer-bench.XXXXXX)
pid=
cleanup() {
	cd /
	[ -z "$pid" ] || { kill "$pid" && wait "$pid"; }
	mountpoint -q "$tmp/fs" && umount "$tmp/fs"
	rm -rf "$tmp"
}
trap cleanup EXIT
trap 'exit 130' INT TERM
mkdir "$tmp/fs"
[ "$(id -u)" -ne 0 ] || mount -t tmpfs -o size=3G,mode=755 bench "$tmp/fs" || exit 1
cd "$tmp/fs" || exit 1
mkdir -p lower/m lower/f upper/m
(
	cd lower/m || exit 1
	seq -f 'd%.0f' 0 $((dirs - 1)) | xargs mkdir
	# Every tenth one is merged.
	cd ../../upper/m && seq -f 'd%.0f' 0 10 $((dirs - 1)) | xargs mkdir
	cd ../../lower/f && seq -f 'd%.0f' 0 $((files / 100 - 1)) | xargs mkdir
	for f in $(seq 0 99); do
		seq -f "d%.0f/file$f" 0 $((files / 100 - 1)) | xargs touch
	done
)
ulimit -n 4096
"$build/veneer" serve --lower lower --upper upper --listen "unix:$tmp/sock" \
	--log-level error &
pid=$!
for _ in $(seq 100); do
	[ -S "$tmp/sock" ] && break
	sleep 0.05
done
"$build/tests/bench/bench-fids" "$tmp/sock" $pid $files $dirs 8
