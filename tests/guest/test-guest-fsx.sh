#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Files are what was written to them: random reads, writes, truncations and,
# where Linux has shared mappings, reads and writes through them, over files
# that begin in a lower, with and without their data copied up; at the end the
# host reads the same.
# Two of its processors race, as the real ones do.
RIG_SMP=2
. "$(dirname "$0")/suite.sh"
need_root

build_tool fsx "$here/fsx.c"
cat >job <<'JOB'
. guest.sh
caches="none mmap loose"
case $(uname -r) in
[1-5].* | 6.[0-3].*) ;;
*) caches="$caches readahead" ;;
esac
for cache in $caches; do
	what="cache=$cache"
	mount_tree /mnt "$what,aname=$cache" || exit 1
	cd /mnt
	[ $cache = none -o $cache = readahead ] && m= || m=mapped
	for seed in 1 2 3; do
		must fsx file$seed $seed 300 $m
		echo "sum $cache file$seed $(sha1sum <file$seed)"
	done
	cd /
	umount /mnt
done
exit $failures
JOB

suite() {
	local mode seed trees=() sum
	mkdir l1 l2
	for seed in 1 2 3; do
		seq $((seed * 10000)) >l2/file$seed
	done
	for mode in none mmap loose readahead; do
		mkdir -p "up/$mode" "work/$mode"
		trees+=(--tree "name=$mode,lower=l1,lower=l2,upper=up/$mode,work=work/$mode,redirect_dir=on,metacopy=on")
	done
	fingerprint l1 l2 >before
	serve "${trees[@]}" --listen tcp:127.0.0.1:0
	cp ../job .
	run_guest 600
	stop_server
	fingerprint l1 l2 | diff before - || fail "a lower was written"
	while read -r _ mode file sum; do
		[ "$(sha1sum <"up/$mode/$file")" = "$sum" ] ||
			fail "$mode/$file is not what the guest has"
		check_upper -o metacopy=on --lower l1 --lower l2 --upper "up/$mode" --work "work/$mode"
	done < <(grep '^sum' guest-out)
	[ "$(grep -c '^sum' guest-out)" -ge 9 ] || fail "not all modes"
}

rig_each suite
