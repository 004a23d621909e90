#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Images of the merged tree are disks of a guest, by QEMU's NBD client and by
# Linux's own: they are partitioned, get file systems, are filled and checked,
# and all the while they are lower files at first, hence partial ones. The same
# server shows them as files over 9P, with the same bytes (nbd.md 13, 15).
# RIG_KERNELS: one kernel, unless told otherwise: it takes minutes.
RIG_KERNELS=${RIG_KERNELS:-stable}
. "$(dirname "$0")/suite.sh"
. "$here/debian.sh"
need_root
need e2fsck
need nbdcopy
packages="libc6 e2fsprogs libext2fs2 libcom-err2 libss2 libblkid1 libuuid1 fdisk
	libfdisk1 libsmartcols1 libmount1 libselinux1 libpcre2-8-0 libreadline8
	libtinfo6 nbd-client libnl-3-200 libnl-genl-3-200 libgnutls30 libnettle8
	libhogweed6 libp11-kit0 libidn2-0 libunistring2 libtasn1-6 libgmp10 libffi8"

# Each partial block of 64 KiB has something of its own at both ends.
make_image() {
	truncate -s 100M "$1"
	seq -f '%.0f of the lower' 300000 | dd of="$1" bs=1M conv=notrunc status=none
	seq -f '%.0f at its end' 300000 | dd of="$1" bs=1M seek=90 conv=notrunc status=none
}

cat >job <<'JOB'
. guest.sh
mount_tree /mnt cache=none || exit 1
mount -o bind /dev /mnt/dev
mount -t proc proc /mnt/proc
mount -t sysfs sys /mnt/sys
in_tree() { chroot /mnt /bin/busybox env -i PATH=/usr/sbin:/sbin:/usr/bin:/bin sh -ec "$1"; }
uptime_s() { cut -d. -f1 /proc/uptime; }

# fill DEVICE: a file system on it that is not what it was, and checks.
fill() {
	must in_tree "
		mkfs.ext4 -q -F -E lazy_itable_init=0 $1
		mount -t ext4 $1 /disk
		busybox tar cf - -C / usr/sbin usr/share | busybox tar xf - -C /disk
		busybox seq 100000 >/disk/numbers
		sync
		busybox rm -r /disk/usr/share
		busybox fstrim /disk
		busybox dd if=/dev/urandom of=/disk/random bs=64k count=100 2>/dev/null
		busybox sha1sum /disk/random >/disk/sum
		busybox umount /disk
		e2fsck -fn $1
		mount -t ext4 -o ro $1 /disk
		busybox sha1sum -c -s /disk/sum
		test \"\$(busybox tail -n 1 /disk/numbers)\" = 100000
		busybox umount /disk
	"
}

begun=$(uptime_s)
what="QEMU's client"
want '1 of the lower' head -n 1 /dev/vda
must in_tree '
	printf "label: dos\n1M,64M\n,24M\n" | sfdisk -q /dev/vda
	busybox partprobe /dev/vda
'
fill /dev/vda1
must in_tree 'mkfs.ext4 -q -F /dev/vda2; e2fsck -fn /dev/vda2'
must in_tree 'sync; busybox blockdev --flushbufs /dev/vda'
must in_tree 'busybox cmp /dev/vda /images/vda.img'
echo "took $what: $(($(uptime_s) - begun)) s"

begun=$(uptime_s)
what="Linux's client"
must in_tree "nbd-client -N images/nbd.img 10.0.2.2 $nbd_port /dev/nbd0 -C 2 -b 512"
want '1 of the lower' head -n 1 /dev/nbd0
want 104857600 blockdev --getsize64 /dev/nbd0
fill /dev/nbd0
must in_tree 'busybox cmp /dev/nbd0 /images/nbd.img'
# Written as a file, read as a disk.
must in_tree '
	echo "as a file" | busybox dd of=/images/nbd.img bs=1 seek=512 conv=notrunc 2>/dev/null
	busybox blockdev --flushbufs /dev/nbd0
	test "$(busybox dd if=/dev/nbd0 bs=512 skip=1 count=1 2>/dev/null | busybox head -n 1)" = "as a file"
'
must in_tree 'nbd-client -d /dev/nbd0'
echo "took $what: $(($(uptime_s) - begun)) s"
umount /mnt/dev /mnt/proc /mnt/sys /mnt
exit $failures
JOB

nbd_port() { sed -n 's/.*nbd+tcp:127.0.0.1:\([0-9]*\).*/\1/p' log | tail -n 1; }
p9_port() { sed -n 's/.*listening on tcp:127.0.0.1:\([0-9]*\).*/\1/p' log | tail -n 1; }

suite() {
	mkdir -p l1/images l1/disk l1/sys up
	make_image l1/images/vda.img
	make_image l1/images/nbd.img
	fingerprint l1 >before
	serve --lower l1 --lower "$DEBIAN_ROOT" --upper up \
		-o metacopy=on,copyup=background,copyup-rate=1M,partial-above=1M \
		--listen tcp:127.0.0.1:0 --listen nbd+tcp:127.0.0.1:0 \
		--listen "nbd+unix:$PWD/nbd.sock"
	cp ../job .
	RIG_DEVICES=(-drive "file=nbd+unix:///images/vda.img?socket=$PWD/nbd.sock,format=raw,if=virtio,cache=none,discard=unmap")
	run_guest 600 "port=$(p9_port)" "nbd_port=$(nbd_port)"
	grep '^took' guest-out
	nbdcopy "nbd+unix:///images/nbd.img?socket=$PWD/nbd.sock" nbd.copy
	stop_server
	RIG_DEVICES=()
	fingerprint l1 | diff before - || fail "a lower was written"
	"$VENEER" settle --lower l1 --lower "$DEBIAN_ROOT" --upper up ||
		fail "settle"
	cmp nbd.copy up/images/nbd.img || fail "the settled image is another"
	e2fsck -fn up/images/nbd.img >fsck 2>&1 || fail "$(cat fsck)"
	check_upper --lower l1 --lower "$DEBIAN_ROOT" --upper up
}

rig_prepare || exit
# shellcheck disable=SC2086
debian_root $packages || exit
rig_each suite
