#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# The vsock of Cloud Hypervisor and Firecracker (veneer-qemu(7)): what a guest
# connects to, port P of its host, is the Unix socket PATH_P. vmm.py plays the
# monitor: a socket stands for each port of the guest's host, and bytes go to
# and fro in packets, as many as the other side has credit for.
. "$(dirname "$0")/lib.sh"
client=$(client_path)
cat >vmm.py <<'E2'
import os, socket, sys, threading
base, ports = sys.argv[1], sys.argv[2:]
CREDIT = 262144

def way(a, b):
    try:
        while True:
            packet = a.recv(65536)
            if not packet:
                break
            b.sendall(packet)
        b.shutdown(socket.SHUT_WR)
    except OSError:
        a.close()
        b.close()

def connect(guest, port):
    host = socket.socket(socket.AF_UNIX)
    for s in guest, host:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, CREDIT)
    try:
        host.connect('%s_%s' % (base, port))
    except OSError:
        guest.close()               # VIRTIO_VSOCK_OP_RST
        return
    for pair in (guest, host), (host, guest):
        threading.Thread(target=way, args=pair, daemon=True).start()

def serve(port):
    s = socket.socket(socket.AF_UNIX)
    s.bind('guest%s.new' % port)
    s.listen(16)
    os.rename('guest%s.new' % port, 'guest%s' % port)
    while True:
        connect(s.accept()[0], port)

for port in ports[1:]:
    threading.Thread(target=serve, args=(port,), daemon=True).start()
serve(ports[0])
E2
mkdir lower upper
head -c 3000000 /dev/urandom >lower/f
serve --lower lower --upper upper --listen unix:v.sock_564,mode=0660 \
	--listen unix:v.sock_5640
[ "$(stat -c %a v.sock_564)" = 660 ] || fail "mode"
python3 vmm.py v.sock 564 5640 99 &
vmm=$!
on_exit "kill $vmm"
for port in 564 5640 99; do
	wait_for test -S guest$port
done

timeout 60 "$client" guest564 cat f >out || fail "port 564"
cmp out lower/f || fail "what came through port 564"
timeout 60 "$client" guest5640 append f more || fail "port 5640"
(cat lower/f && echo more) | cmp - upper/f || fail "what was written"
timeout 60 "$client" guest564 cat f >out && cmp out upper/f || fail "not one tree"
timeout 60 "$client" guest99 cat f >out 2>err && fail "nobody is at port 99"
# Several at a time; each ends for itself.
for i in 1 2 3 4; do
	timeout 60 "$client" guest564 cat f >out$i &
	pids[i]=$!
done
for i in 1 2 3 4; do
	wait "${pids[i]}" && cmp out$i upper/f || fail "client $i"
done
# The monitor dies with a guest in it: the server is there for the next one.
nr=$(grep -c ' connected' log)
mkfifo quiet
"$VENEER" connect unix:guest564 <>quiet &
wait_for grep -q "conn=$((nr + 1)) connected" log || fail "no guest came"
kill "$vmm"
wait "$vmm" 2>/dev/null
wait_for grep -q "conn=$((nr + 1)) closed" log || fail "it is connected still"
timeout 60 "$client" v.sock_564 cat f | cmp - upper/f || fail "the server is gone"
stop_server
ls v.sock_* 2>/dev/null && fail "a socket was left behind"
exit 0
