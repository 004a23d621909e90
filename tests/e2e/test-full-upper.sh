#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# A full upper: the copy-up says ENOSPC, the lower file is still what is seen,
# nothing is left in the staging area, and the server goes on; with room, it
# is copied. The same for the data of a file whose metadata is in the upper
# already. Then a read-only upper, and a lower that vanishes.
. "$(dirname "$0")/lib.sh"
need_root
mkdir fs
mount -t tmpfs -o size=1M veneer-test fs || skip "cannot mount a tmpfs"
on_exit "umount $PWD/fs"
mkdir lower lower/sub fs/upper fs/work
head -c 3000000 /dev/urandom >lower/big
cp -p lower/big lower/late
cp -p lower/big lower/below
echo small >lower/small
sum=$(sha256sum <lower/big)

serve --lower lower --upper fs/upper --work fs/work --listen unix:sock \
	-o metacopy=on
client=$(client_path)
"$client" sock append big x && fail "3 MB fit into 1 MB"
[ "$("$client" sock cat big | sha256sum)" = "$sum" ] || fail "big changed"
[ -z "$(ls -A fs/work/work)" ] || fail "left in staging: $(ls -A fs/work/work)"
[ -e fs/upper/big ] && fail "half a file in the upper"
"$client" sock append small more || fail "no room for a small file either"
[ "$("$client" sock cat small)" = "small
more" ] || fail "small is wrong"

"$client" sock chmod late 600 || fail "no room for metadata either"
before=$(stat -c '%s %y %b' fs/upper/late) used=$(df -k --output=used fs)
"$client" sock append late x && fail "3 MB fit into 1 MB"
[ "$(stat -c '%s %y %b' fs/upper/late)" = "$before" ] ||
	fail "late: $(stat -c '%s %y %b' fs/upper/late), was $before"
[ "$(df -k --output=used fs)" = "$used" ] || fail "room is lost"
[ "$("$client" sock cat late | sha256sum)" = "$sum" ] || fail "late changed"
mount -o remount,size=16M fs
for f in big late; do
	"$client" sock append $f x || fail "$f: there is room now"
	[ "$(head -c 3000000 fs/upper/$f | sha256sum)" = "$sum" ] ||
		fail "$f was copied wrongly"
done
mount -o remount,ro fs
"$client" sock append small x && fail "wrote to a read-only file system"
mount -o remount,rw fs

mv lower gone && rm -rf gone
"$client" sock cat below >/dev/null 2>&1 && fail "read what is gone"
"$client" sock cat small >/dev/null || fail "the upper is there still"
stop_server
