#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# QEMU's commands on an image, with patterns that are read back: FUA, zeroing
# with and without holes, discard, several at once, and a qcow2 on top
# (nbd.md 18).
. "$(dirname "$0")/lib-nbd.sh"
need qemu-io
need qemu-img
mkdir lower upper
head -c 8M /dev/zero | tr '\0' '\252' >lower/disk.img
before=$(sha256sum lower/disk.img)
serve_nbd --lower lower --upper upper

# io COMMAND...: all of them, and no pattern may fail.
io() {
	local c=()
	for _ in "$@"; do c+=(-c "$_"); done
	timeout 60 qemu-io -f "${format:-raw}" -t none --discard=unmap "${c[@]}" "$(uri "${name:-disk.img}")" >out 2>&1 ||
		fail "qemu-io $*: $(cat out)"
	grep -qi 'verification failed\|error' out && fail "qemu-io $*: $(cat out)"
}
io 'read -P 0xaa 0 8M' 'write -f -P 0xbb 1M 64k' 'read -P 0xbb 1M 64k' 'read -P 0xaa 1088k 64k' \
	'write -z 512k 64k' 'write -z -u 576k 64k' 'read -P 0 512k 128k' 'read -P 0xaa 448k 64k' \
	'discard 2M 1M' flush 'read -P 0 2M 1M' 'read -P 0xaa 3M 1M' \
	'write -P 1 513 511' 'read -P 1 513 511' 'read -P 0xaa 0 513' 'read -P 0xaa 1k 1k'
io 'aio_write -P 3 5M 1M' 'aio_write -P 4 6M 1M' 'aio_write -P 5 4M 4k' 'aio_read -P 0xaa 7M 512k' aio_flush \
	'read -P 3 5M 1M' 'read -P 4 6M 1M' 'read -P 5 4M 4k'
[ "$before" = "$(sha256sum lower/disk.img)" ] || fail "the lower was written"
# All of it is in the file.
qemu-img compare -f raw -F raw upper/disk.img "$(uri disk.img)" >/dev/null || fail "another content in the upper"
nbd=$(qemu-img map -f raw --output=json "$(uri disk.img)" | grep -c '"data": false')
[ "$nbd" -ge 1 ] || fail "no hole where there was a discard"
qemu-img bench -f raw -w --flush-interval=16 -c 500 -d 16 -s 4096 "$(uri disk.img)" >/dev/null || fail "qemu-img bench"

# A format on top, with its room.
qemu-img create -q -f qcow2 -o preallocation=metadata upper/disk.qcow2 16M
truncate -s 32M upper/disk.qcow2
name=disk.qcow2 format=qcow2 io 'write -P 9 0 4M' 'write -P 8 10M 1M' 'discard 1M 1M' 'read -P 9 0 1M' 'read -P 8 10M 1M'
qemu-img check -q -f qcow2 "$(uri disk.qcow2)" || fail "qemu-img check"
stop_server
