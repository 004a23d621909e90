#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# What fids cost that nobody uses: 200,000 on one connection, a million on
# eight, then 50,000 on directories, with 4,096 descriptors; --quick: a tenth.
#
#   run-fids.sh BUILD-FOLDER [--quick]
set -u
build=$1
shift
. "$(dirname "$0")/rig.sh"
rig_arguments "$@"
files=200000 dirs=50000
[ -z "$quick" ] || files=20000 dirs=5000
ext4= # make bench passes on what is for others
rig_begin 3G
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
rig_serve veneer --lower lower --upper upper --log-level error
rig_wait
"$build/tests/bench/bench-fids" "$tmp/veneer.sock" "${pids[0]}" $files $dirs 8
