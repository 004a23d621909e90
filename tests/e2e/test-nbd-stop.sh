#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# A server that is told to stop finishes what has begun, and answers what comes
# then with ESHUTDOWN (nbd.md 10): a write that waits for its copy-up is done.
. "$(dirname "$0")/lib-nbd.sh"
need_nbdsh
mkdir lower upper
truncate -s 32M lower/disk.img
echo data | dd of=lower/disk.img seek=20 bs=1M conv=notrunc status=none
serve_nbd --lower lower --upper upper -o test-slow=300
"$python" - "$(uri disk.img)" "$server" <<'PY' || fail "see above"
import errno, nbd, os, signal, sys, time
h = nbd.NBD()
h.connect_uri(sys.argv[1])
write = h.aio_pwrite(nbd.Buffer.from_bytearray(bytearray(b'written')), 0)
h.pread(512, 0) # comes behind the write, and is answered before
os.kill(int(sys.argv[2]), signal.SIGTERM)
end = time.monotonic() + 10
while True:
    assert time.monotonic() < end, 'never told'
    try:
        h.pread(512, 0)
    except nbd.Error as e:
        assert e.errnum == errno.ESHUTDOWN, e
        break
while not h.aio_command_completed(write): # raises what went wrong
    h.poll(-1)
PY
wait "$server"
status=$?
server=
[ $status -eq 0 ] || fail "the server ended with $status"
[ "$(head -c 7 upper/disk.img)" = written ] || fail "the write is lost"
