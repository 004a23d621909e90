#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# 9P and NBD over vsock: the guest runs the server itself, and reaches it by its
# kernel's loopback: Linux's client over a socket that a program hands it
# (trans=fd), libnbd, and veneer connect.
RIG_KERNELS=${RIG_KERNELS:-stable}
. "$(dirname "$0")/suite.sh"
need ldd
need nbdinfo
build_tool vsock-mount "$here/vsock-mount.c"

# add PROGRAM NAME: to the lower, with its libraries.
add() {
	local lib
	cp "$1" "l1/bin/$2"
	ldd "$1" | grep -o '/[^ ]*' | while read -r lib; do
		mkdir -p "l1$(dirname "$lib")"
		cp -L "$lib" "l1$lib"
	done
}
cat >job <<'JOB'
. guest.sh
mount_tree /mnt cache=loose && mount -t proc proc /mnt/proc || exit 1
in_tree() { chroot /mnt "$@"; }
what=vsock
chroot /mnt veneer serve --lower /data --listen vsock:any:5640 \
	--listen nbd+vsock:any:10809 2>/tmp/log &
server=$!
until [ "$(grep -c 'listening on' /tmp/log)" = 2 ]; do kill -0 $server || break; done
mkdir /tmp/over
must vsock-mount 1 5640 /tmp/over
want hello cat /tmp/over/file
want 100 sh -c 'ls /tmp/over/many | wc -l'
want "$(sha1sum </mnt/data/disk.img)" sh -c 'sha1sum </tmp/over/disk.img'
want 1048576 in_tree nbdinfo --size nbd+vsock://1/disk.img
must_not in_tree nbdinfo --size nbd+vsock://1/none.img
# Tversion "9P2000.L"; what comes back is Rversion, 101, which is e.
version='\025\000\000\000\144\377\377\000\040\000\000\010\0009P2000.L'
want e sh -c "(printf '$version'; sleep 1) | chroot /mnt veneer connect vsock:1:5640 |
	dd bs=1 skip=4 count=1 2>/dev/null"
must_not in_tree veneer connect vsock:1:5641 </dev/null
umount /tmp/over
kill $server
must wait $server
cat /tmp/log
exit $failures
JOB

suite() {
	mkdir -p l1/bin l1/proc l1/data/many
	echo hello >l1/data/file
	(cd l1/data/many && seq 100 | xargs touch)
	head -c 1M /dev/urandom >l1/data/disk.img
	add "$VENEER" veneer
	add "$(command -v nbdinfo)" nbdinfo
	serve --lower l1 --listen tcp:127.0.0.1:0
	cp ../job .
	run_guest 300
	stop_server
}

rig_each suite
