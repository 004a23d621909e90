#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Two guests at once in one tree, if there are two kernels one of each: with
# --append strict each appended line is whole and none is lost (9p.md 5.9);
# fcntl() and flock() locks keep them, and two processes in each, apart (5.10);
# what both make in one directory is there once.
# Two of its processors race, as the real ones do.
RIG_SMP=2
. "$(dirname "$0")/suite.sh"
need_root
lines=300 times=10

build_tool together "$here/together.c"
cat >job <<'JOB'
. guest.sh
what="guest $me"
# Both guests are to say that they are the same client.
mount_tree /mnt cache=none,locktimeout=1 || exit 1
cd /mnt
meet() {
	: >"$1-$me"
	until [ -e "$1-$other" ]; do :; done
}
meet append
together append appended $me-1 $lines &
first=$!
must together append appended $me-2 $lines
must wait $first

meet make
for i in $(seq 100); do
	mkdir dirs/$i 2>/dev/null && echo "made $i"
	: >>dirs/$i/by-$me
done
meet count
for kind in fcntl flock; do
	together count $kind by-$kind $times &
	first=$!
	must together count $kind by-$kind $times
	must wait $first
done
meet leave
want 100 sh -c 'ls dirs | wc -l'
cd /
umount /mnt
exit $failures
JOB

run_one() {
	# shellcheck disable=SC2046
	rig_prepare "$3" && rig_initramfs "initramfs-$1" job "$here/guest.sh" "$tmp"/bin/* &&
		rig_boot "initramfs-$1" 600 "port=$port" $(guest_transport) \
			"me=$1" "other=$2" \
			"lines=$lines" "times=$times" >"out-$1"
}

kernels=() status=0
for kernel in $RIG_KERNELS; do
	rig_prepare "$kernel" && kernels+=("$kernel") || status=77
done
[ ${#kernels[@]} -gt 0 ] || exit 77
mkdir l1 l2 up l2/dirs
for f in appended by-fcntl by-flock; do : >l2/$f; done
fingerprint l1 l2 >before
serve --lower l1 --lower l2 --upper up --append strict --listen tcp:127.0.0.1:0
port=$(server_port)
run_one a b "${kernels[0]}" &
a=$!
run_one b a "${kernels[-1]}" &
b=$!
wait $a || failed=1
wait $b || failed=1
[ -z "${failed:-}" ] || fail "$(tail -n 20 out-a out-b)"
stop_server

# Of each process all lines, whole and in their order.
for name in a-1 a-2 b-1 b-2; do
	grep "^$name " up/appended | awk -v n=$lines '
		$2 != NR - 1 || length($3) != $2 * 37 % 100 { print "at " NR ": " $0; bad = 1 }
		END { if (NR != n) print NR " lines"; exit bad || NR != n }' ||
		fail "lines of $name"
done
[ "$(wc -l <up/appended)" -eq $((4 * lines)) ] || fail "broken lines"
for kind in fcntl flock; do
	[ "$((10#$(cat up/by-$kind)))" -eq $((4 * times)) ] ||
		fail "$kind: $(cat up/by-$kind) instead of $((4 * times))"
done
[ "$(cat out-a out-b | grep -c '^made')" -eq 100 ] || fail "a directory was made twice"
[ "$(find up/dirs -name 'by-*' | wc -l)" -eq 200 ] || fail "files are missing"
fingerprint l1 l2 | diff before - || fail "a lower was written"
check_upper --lower l1 --lower l2 --upper up
exit $status
