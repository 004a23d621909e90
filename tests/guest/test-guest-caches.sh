#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# What Linux's caches and open files may rely on (9p.md 5.2, 5.5, 10): a change
# by another client is seen after the next open; a file stays itself when it is
# copied up, renamed, unlinked or replaced while open, and st_ino is the same
# then, at the next mount and after a restart of the server.

# 6.12 is between them: the caches of 6.4 and later, and what they got wrong.
RIG_KERNELS=${RIG_KERNELS:-stable backports newest}
. "$(dirname "$0")/suite.sh"
need_root
modes="none mmap loose fscache readahead"

make_layers() {
	mkdir -p l1/a/b l2/a/b/c l2/dir
	local f
	for f in copied gone-rw gone-ro target a/b/c/file again written moved \
		dir/file kept; do
		echo lower >l2/$f
	done
	echo source >l1/source
	ln l2/kept l2/kept-link
}

build_tool held-files "$here/held-files.c"
cat >job <<'JOB'
. guest.sh
caches="none mmap loose fscache"
case $(uname -r) in
[1-5].* | 6.[0-3].*) old=1 ;;
*) old= caches="$caches readahead" ;;
esac
ino() { stat -c %i "$@"; }
mkdir /tmp/other

for cache in $caches; do
	what="cache=$cache"
	mount_tree /mnt "$what,aname=$cache,cachetag=$cache" || exit 1
	mount_tree /tmp/other "cache=none,aname=$cache" || exit 1
	cd /mnt
	case $cache in
	mmap | loose | fscache) must held-files mapped ;;
	*) must held-files ;;
	esac
	case $cache in
	# These believe that nobody else changes the tree.
	loose | fscache) ;;
	*)
		# 6.12 keeps its pages while somebody has the file open, though
		# our Rlopen shows another version.
		[ -n "$old" -o $cache = none ] && exec 8<again
		want lower cat again
		echo other >/tmp/other/again
		want other cat again
		[ -n "$old" -o $cache = none ] && want other cat /proc/self/fd/8
		exec 8<&-
		echo longer >>/tmp/other/again
		want 'other
longer' cat again
		host append "$cache" again
		want 'other
longer
host' cat again
		: >/tmp/other/again
		want '' cat again
		mv /tmp/other/again /tmp/other/elsewhere
		must_not cat again
		echo mine >made-here
		want mine cat /tmp/other/made-here
		;;
	esac
	# Each number as it is before any of it is changed.
	written=$(ino written) moved=$(ino moved) dir=$(ino dir)
	file=$(ino dir/file) kept=$(ino kept)
	echo more >>written
	mv moved moved2
	mv dir dir2
	chmod 600 kept-link
	want "$written" ino written
	want "$moved" ino moved2
	want "$dir" ino dir2
	want "$file" ino dir2/file
	want "$kept" ino kept
	want "$kept" ino kept-link
	want "$written" sh -c 'ls -i written | sed "s/ *\([0-9]*\) .*/\1/"'
	# QEMU's device connects once (veneer-qemu.7).
	agains='remount restart'
	[ "$transport" = tcp ] || agains=remount
	for again in $agains; do
		what="cache=$cache after $again"
		cd /
		[ $again = remount ] || host restart
		umount /mnt /tmp/other || exit 1
		mount_tree /mnt "cache=$cache,aname=$cache,cachetag=$cache" || exit 1
		mount_tree /tmp/other "cache=none,aname=$cache" || exit 1
		cd /mnt
		want "$written" ino written
		want "$moved" ino moved2
		want "$dir" ino dir2
		want "$file" ino dir2/file
		want "$kept" ino kept
		want "$kept" ino kept-link
		want 'lower
more' cat written
		want 600 stat -c %a kept
	done
	cd /
	umount /mnt /tmp/other
	echo "done $cache"
done
exit $failures
JOB

# Another client, on the host.
step_append() { ANAME=$1 "$(client_path)" "tcp:127.0.0.1:$port" append "$2" host; }
step_restart() {
	stop_server
	: >log
	serve "${trees[@]}" --listen "tcp:127.0.0.1:$port"
}

suite() {
	local mode trees=() port
	make_layers
	for mode in $modes; do
		mkdir -p "up/$mode" "work/$mode"
		trees+=(--tree "name=$mode,lower=l1,lower=l2,upper=up/$mode,work=work/$mode")
	done
	fingerprint l1 l2 >before
	serve "${trees[@]}" --listen tcp:127.0.0.1:0
	port=$(server_port)
	cp ../job .
	run_guest 600
	stop_server
	fingerprint l1 l2 | diff before - || fail "a lower was written"
	for mode in $(sed -n 's/^done //p' guest-out); do
		check_upper --lower l1 --lower l2 --upper "up/$mode" --work "work/$mode"
	done
	[ "$(grep -c '^done' guest-out)" -ge 4 ] || fail "not all modes"
}

rig_each suite
