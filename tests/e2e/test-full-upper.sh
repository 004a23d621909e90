#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# A full upper: the copy-up says ENOSPC, the lower file is still what is seen,
# nothing is left in the staging area, and the server goes on. Then a
# read-only upper, and a lower that vanishes.
. "$(dirname "$0")/lib.sh"
need_root
mkdir fs
mount -t tmpfs -o size=1M veneer-test fs || skip "cannot mount a tmpfs"
on_exit "umount $PWD/fs"
mkdir lower lower/sub fs/upper fs/work
head -c 3000000 /dev/urandom >lower/big
echo small >lower/small
sum=$(sha256sum <lower/big)

serve --lower lower --upper fs/upper --work fs/work --listen unix:sock
client=$(client_path)
"$client" sock append big x && fail "3 MB fit into 1 MB"
[ "$("$client" sock cat big | sha256sum)" = "$sum" ] || fail "big changed"
[ -z "$(ls -A fs/work/work)" ] || fail "left in staging: $(ls -A fs/work/work)"
[ -e fs/upper/big ] && fail "half a file in the upper"
"$client" sock append small more || fail "no room for a small file either"
[ "$("$client" sock cat small)" = "small
more" ] || fail "small is wrong"

mount -o remount,ro fs
"$client" sock append small x && fail "wrote to a read-only file system"
mount -o remount,rw fs

mv lower gone && rm -rf gone
"$client" sock cat big >/dev/null 2>&1 && fail "read what is gone"
"$client" sock cat small >/dev/null || fail "the upper is there still"
stop_server
