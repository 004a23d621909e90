#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Prepare the same tree for veneer (one loop: both clients share it) and for
# diod on kernel overlayfs, and let tests/bench/bench-fair show what a greedy
# client costs another. Needs root and Debian's diod. In memory an fsync is
# done on the loop; with --ext4 by a worker, which waits for a disk, and so for
# whatever else uses that.
#
#   run-fair.sh BUILD-FOLDER [--quick] [--ext4]
set -u
build=$1
shift
. "$(dirname "$0")/rig.sh"
rig_arguments "$@"
seconds=0.4 rounds=5
[ -z "$quick" ] || seconds=0.2 rounds=1
rig_needs_diod
rig_begin 2G
mkdir lower merged v-upper v-work d-upper d-work
for d in $(seq -f %03g 0 199); do
	mkdir -p "lower/top/dir$d"
	for f in $(seq -f %03g 0 99); do
		echo x >"lower/top/dir$d/file$f"
	done
done
head -c 134217728 /dev/zero | tr '\0' x >lower/big
rig_overlay "$tmp/fs/lower"
sync
cat merged/big >/dev/null

rig_diod
rig_serve veneer --lower lower --upper v-upper --work v-work --loops 1 \
	--log-level warning
rig_wait
rig_versions
"$build/tests/bench/bench-fair" $seconds $rounds \
	veneer "$tmp/veneer.sock" "" "${pids[1]}" \
	diod "$tmp/diod.sock" "$tmp/fs/merged" "${pids[0]}"
