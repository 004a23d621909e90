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
. "$(dirname "$0")/rig.sh"
rig_arguments "$@"
rounds=5
[ -z "$quick" ] || rounds=1
rig_needs_diod
rig_begin 8G nr_inodes=1M
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
rig_overlay "$tmp/fs/lower1:$tmp/fs/lower2"

rig_diod
rig_serve one --lower one --log-level warning
rig_serve many "${many[@]}" --log-level warning
rig_serve veneer --lower lower1 --lower lower2 --upper upper --work work \
	-o metacopy=on --log-level warning
rig_wait
rig_versions
"$build/tests/bench/bench-layers" $rounds "$tmp/one.sock" "$tmp/many.sock" "$tmp/veneer.sock" \
	"$tmp/diod.sock" "$tmp/fs/merged"
