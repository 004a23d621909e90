#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# --run with images (issue 5, item 5): $veneer_nbd/NAME as typed in QEMU's
# file=, over the private socket that is made for it, and over TCP.
. "$(dirname "$0")/lib-nbd.sh"
need qemu-img
need qemu-io
need nbdinfo
mkdir lower upper
truncate -s 1M lower/disk.img

# Nothing about NBD on the command line.
"$VENEER" serve --lower lower --upper upper --run \
	'env >env; qemu-img info -f raw $veneer_nbd/disk.img >info &&
	 qemu-io -f raw -c "write -P 7 0 4k" $veneer_nbd/disk.img >/dev/null &&
	 nbdinfo --size "nbd+unix:///disk.img?socket=$veneer_nbd_socket" >size &&
	 stat -c %a "$veneer_nbd_socket" "$(dirname "$veneer_nbd_socket")" >modes &&
	 exit 5' 2>log
[ $? -eq 5 ] || fail "--run: $(cat log)"
grep -q '1 MiB' info || fail "qemu-img info: $(cat info)"
[ "$(cat size)" = 1048576 ] || fail "\$veneer_nbd_socket"
[ "$(tr '\n' ' ' <modes)" = "600 700 " ] || fail "others could connect: $(cat modes)"
[ "$(head -c 4096 upper/disk.img | tr -d '\7' | wc -c)" = 0 ] || fail "not written"
socket=$(sed -n 's/^veneer_nbd_socket=//p' env)
[ ! -e "$(dirname "$socket")" ] || fail "the private socket was left behind"
grep -q '^veneer_nbd=nbd:unix:.*:exportname=$' env || fail "$(cat env)"
grep -q '^veneer_uri=unix:' env || fail "veneer_uri is not 9P's: $(grep uri env)"

# With listeners of one's own.
"$VENEER" serve --lower lower --listen nbd+unix:- --run \
	'qemu-img info -f raw $veneer_nbd/disk.img && echo $veneer_uri' >out 2>log || fail "nbd+unix:-"
grep -q '^nbd+unix:/' out || fail "$(cat out)"
[ "$(grep -c 'listening on' log)" -eq 1 ] || fail "more sockets than asked for: $(cat log)"
"$VENEER" serve --lower lower --listen unix:sock --listen nbd+tcp:127.0.0.1:0 --run \
	'nbdinfo --size $veneer_nbd/disk.img; qemu-img info -f raw $veneer_nbd/disk.img >/dev/null &&
	 echo $veneer_nbd $veneer_nbd_port' >out 2>log || fail "nbd+tcp"
grep -qx 1048576 out || fail "nbd+tcp: $(cat out)"
grep -qx 'nbd://127.0.0.1:\([0-9]*\) \1' out || fail "nbd+tcp: $(cat out)"
grep -q unix:- log && fail "a private one beside TCP"

# The whole line of the issue: the guest's firmware reads the disk, finds
# nothing to boot, and that is the end of it.
command -v qemu-system-x86_64 >/dev/null || exit 0
# mov al, 42; out 0xf4, al: through isa-debug-exit that is status 85.
printf '\xb0\x2a\xe6\xf4\xeb\xfe' | dd of=lower/boot.img conv=notrunc status=none
printf '\x55\xaa' | dd of=lower/boot.img bs=1 seek=510 conv=notrunc status=none
truncate -s 1M lower/boot.img
timeout 100 "$VENEER" serve --lower lower --upper upper --run \
	'qemu-system-x86_64 -display none -m 64 -device isa-debug-exit,iobase=0xf4,iosize=1 \
	 -drive file=$veneer_nbd/boot.img,format=raw,if=virtio' 2>log
[ $? -eq 85 ] || fail "the guest did not boot from the image: $(cat log)"
