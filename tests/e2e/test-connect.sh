#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# veneer connect: standard input and output are a connection to the server,
# over each kind of socket, however much goes through; it ends with the server.
. "$(dirname "$0")/lib.sh"
mkdir lower
head -c 300000 /dev/urandom >lower/f
serve --lower lower --listen unix:sock --listen tcp:127.0.0.1:0
port=$(sed -n 's/.*tcp:127.0.0.1:\([0-9]*\).*/\1/p' log)

cat >talk.py <<'E2'
import struct, subprocess, sys
p = subprocess.Popen(sys.argv[1:], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
def call(kind, tag, body):
    p.stdin.write(struct.pack('<IBH', 7 + len(body), kind, tag) + body)
    p.stdin.flush()
    return answer()
def answer():
    head = p.stdout.read(7)
    size, kind, tag = struct.unpack('<IBH', head)
    return kind, p.stdout.read(size - 7)
def string(s):
    return struct.pack('<H', len(s)) + s
assert call(100, 0xffff, struct.pack('<I', 1 << 20) + string(b'9P2000.L'))[0] == 101
assert call(104, 1, struct.pack('<II', 0, 0xffffffff) + string(b'') + string(b'') +
            struct.pack('<I', 0))[0] == 105
assert call(110, 1, struct.pack('<IIH', 0, 1, 1) + string(b'f'))[0] == 111
assert call(12, 1, struct.pack('<II', 1, 0))[0] == 13
kind, body = call(116, 1, struct.pack('<IQI', 1, 0, 400000))
assert kind == 117 and body[4:] == open('lower/f', 'rb').read()
p.stdin.close()
assert p.stdout.read() == b'' and p.wait() == 0
E2
for where in unix:sock "tcp:127.0.0.1:$port"; do
	timeout 30 python3 talk.py "$VENEER" connect "$where" || fail "$where"
done

for where in fd:3 vhost-user:x file:x ''; do
	"$VENEER" connect "$where" </dev/null 2>err
	[ $? -eq 2 ] || fail "$where: $(cat err)"
done
"$VENEER" connect unix:nobody </dev/null 2>err && fail "nobody is there"
grep -q 'No such file' err || fail "$(cat err)"

# It ends with the server, whatever it is still told.
"$VENEER" connect unix:sock < <(exec sleep 100) &
pid=$!
wait_for grep -q 'conn=3 connected' log
stop_server
wait "$pid" || fail "it ends with $?"
