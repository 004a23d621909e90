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
. "$(dirname "$0")/rig.sh"
rig_arguments "$@"
seconds=0.4 rounds=5
[ -z "$quick" ] || seconds=0.1 rounds=1
rig_needs_diod
rig_begin 3G
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
rig_overlay "$tmp/fs/lower"
find merged v-upper lower -type f -exec cat {} + >/dev/null

rig_diod
rig_serve veneer --lower lower --upper v-upper --work v-work --log-level warning
rig_wait
rig_versions
"$build/tests/bench/bench" $seconds $rounds "$tmp/fs/merged" "$tmp/echo.sock" \
	veneer "$tmp/veneer.sock" "${pids[1]}" diod "$tmp/diod.sock" "${pids[0]}"
