#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# The disk fills up while blocks of a partial file are being filled: who writes
# is told so, each block is the old or the new one, what was there stays, reads
# go on, and with room all goes on; also in a server that was started again.
. "$(dirname "$0")/lib-nbd.sh"
need_root
need_nbdsh
need nbdcopy
mkdir fs
mount -t tmpfs -o size=1M veneer-test fs || skip "cannot mount a tmpfs"
on_exit "umount $PWD/fs"
mkdir lower fs/upper fs/work
head -c 3000000 /dev/urandom >lower/big
cp -p lower/big lower/first
cp lower/big want
uri="nbd+unix:///big?socket=$PWD/nbd"

serve_partial() {
	serve --lower lower --upper fs/upper --work fs/work \
		-o metacopy=on,copyup=$1,partial-above=64k \
		--listen "nbd+unix:nbd" --listen unix:sock
}
# What is read is what is wanted.
is_right() {
	nbdcopy "$uri" - >got && cmp got want || fail "$1: the image is wrong"
}
# Writes of 40 KiB, which begin and end in the middle of blocks, with FUA for
# odd ones.
nr_failed=0
write_some() {
	nbdsh_run "$uri" "
failed = 0
want = open('want', 'r+b')
for i in range(1, 41):
    at, data = (i * 64 + 10) * 1024, bytes([i]) * 40960
    try:
        h.pwrite(data, at, nbd.CMD_FLAG_FUA if i % 2 else 0)
        want.seek(at)
        want.write(data)
    except nbd.Error as e:
        assert e.errnum == errno.ENOSPC, e
        failed += 1
open('failed', 'w').write(str(failed))"
	nr_failed=$(cat failed)
}

serve_partial lazy
write_some
[ $nr_failed -gt 0 ] && [ $nr_failed -lt 40 ] || fail "$nr_failed of 40 failed"
is_right full
nbdsh_run "$uri" 'h.flush()'
dd if=/dev/zero of=fs/filler bs=4k 2>/dev/null
"$(client_path)" sock append first x && fail "there was room for another one"
cmp <("$(client_path)" sock cat first) lower/first || fail "first changed"
stop_server
serve_partial background
is_right "started again"
write_some
is_right "still full"
[ $nr_failed -gt 0 ] || fail "there is room suddenly"
rm fs/filler
mount -o remount,size=32M fs
write_some
[ $nr_failed -eq 0 ] || fail "$nr_failed failed with room"
is_right "with room"
"$(client_path)" sock append first x || fail "first: there is room now"
is_whole() { ! getfattr -n trusted.overlay.metacopy fs/upper/big >/dev/null 2>&1; }
wait_for is_whole || fail "it is not completed in the background"
is_right complete
stop_server
cmp want fs/upper/big || fail "the upper is not what was served"
"$VENEER" check --lower lower --upper fs/upper --work fs/work >checked 2>&1 ||
	fail "$(cat checked)"
