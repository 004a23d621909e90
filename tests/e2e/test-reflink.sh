#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Copy-up clones where the file system can (xfs), and keeps holes exactly
# where it cannot (a lower on tmpfs).
. "$(dirname "$0")/lib.sh"
need_root
need mkfs.xfs
client=$(client_path)
truncate -s 400M image
mkfs.xfs -q -m reflink=1 image || skip "cannot make an xfs"
mkdir fs tmpfs
mount -o loop image fs || skip "cannot mount an xfs"
on_exit "umount $PWD/fs"
mount -t tmpfs -o size=50M veneer-test tmpfs || skip "cannot mount a tmpfs"
on_exit "umount $PWD/tmpfs"
mkdir fs/lower fs/upper fs/work tmpfs/lower
head -c 64M /dev/urandom >fs/lower/big
truncate -s 30M tmpfs/lower/sparse
printf x | dd of=tmpfs/lower/sparse bs=1 seek=10000000 conv=notrunc status=none
sync fs/lower/big
used() { df --output=used -k "$PWD/fs" | tail -n 1; }

serve --lower fs/lower --lower tmpfs/lower --upper fs/upper --work fs/work --listen unix:sock
before=$(used)
"$client" sock append big end || fail "append"
"$client" sock append sparse end || fail "append"
stop_server
sync -f fs
grown=$(($(used) - before))
[ "$grown" -lt 8000 ] || fail "64 MB were copied, not cloned: $grown kB more"
head -c 64M fs/upper/big | cmp - fs/lower/big || fail "big differs"
[ "$(du -k fs/upper/sparse | cut -f 1)" -lt 300 ] || fail "holes were filled"
head -c 30M fs/upper/sparse | cmp - tmpfs/lower/sparse || fail "sparse differs"
