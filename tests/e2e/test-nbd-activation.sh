#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# libnbd's programs start the server themselves and pass it a socket, without
# a name (nbd.md 18); systemd passes sockets with names, which choose what is
# spoken; fd:N; and TCP and vsock listeners.
. "$(dirname "$0")/lib-nbd.sh"
need nbdinfo
need nbdcopy
need_nbdsh
mkdir lower upper
head -c 200000 /dev/urandom >lower/disk.img
echo x >lower/f
[ "$(nbdinfo --size -- [ "$VENEER" serve --lower lower --default-export disk.img ] 2>log)" = 200000 ] ||
	fail "nbdinfo: $(cat log)"
nbdcopy -- [ "$VENEER" serve --lower lower --default-export disk.img ] - 2>log | cmp - lower/disk.img ||
	fail "nbdcopy out"
nbdcopy --flush -- lower/disk.img [ "$VENEER" serve --lower lower --upper upper --default-export disk.img ] \
	2>log || fail "nbdcopy in: $(cat log)"
cmp upper/disk.img lower/disk.img || fail "nbdcopy in: not written"

# spoken NAMES OPTION...: what is spoken on the one socket that is passed.
cat >pass.py <<'PY'
import os, signal, socket, subprocess, sys
veneer, names = sys.argv[1:3]
listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
listener.bind('passed')
listener.listen(5)
pid = os.fork()
if pid == 0:
    os.dup2(listener.fileno(), 3)
    os.set_inheritable(3, True) # it may have been 3 already
    os.environ.update(LISTEN_FDS='1', LISTEN_PID=str(os.getpid()))
    if names != '-':
        os.environ.update(LISTEN_FDNAMES=names)
    os.execv(veneer, [veneer, 'serve', '--lower', 'lower'] + sys.argv[3:])
listener.close()
c = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
c.settimeout(10)
c.connect('passed')
c.sendall(bytes.fromhex('1500000064ffff000010000800') + b'9P2000.L')
got = c.recv(8)
print({b'NBDMAGIC': 'nbd'}.get(got, '9p' if got[4:5] == b'\x65' else got))
os.kill(pid, signal.SIGTERM)
assert os.waitpid(pid, 0)[1] == 0
PY
spoken() {
	rm -f passed
	timeout 30 "$python" pass.py "$VENEER" "$@" 2>log || fail "passing a socket: $(cat log)"
}
[ "$(spoken -)" = nbd ] || fail "a socket without names"
[ "$(spoken unknown)" = nbd ] || fail "a socket of a later libnbd"
[ "$(spoken veneer.socket)" = 9p ] || fail "a socket of a unit"
[ "$(spoken nbd)" = nbd ] || fail "a socket called nbd"
[ "$(spoken 9p --listen-fds nbd)" = 9p ] || fail "a socket called 9p"
[ "$(spoken - --listen-fds 9p)" = 9p ] || fail "--listen-fds 9p"
[ "$(spoken veneer.socket --listen-fds nbd)" = nbd ] || fail "--listen-fds nbd"
grep -q 'nbd+fd:3: nbd+unix:///NAME?socket=passed' log || fail "no URI: $(cat log)"

# A connection by number.
"$python" - "$VENEER" <<'PY' 2>log || fail "nbd+fd: $(cat log)"
import nbd, socket, subprocess, sys
ours, its = socket.socketpair()
p = subprocess.Popen([sys.argv[1], 'serve', '--lower', 'lower', '--listen', 'nbd+fd:%d' % its.fileno()],
                     pass_fds=[its.fileno()])
its.close()
h = nbd.NBD()
h.set_export_name('disk.img')
h.connect_socket(ours.detach())
assert h.pread(1000, 500) == open('lower/disk.img', 'rb').read()[500:1500]
h.shutdown()
p.terminate()
assert p.wait(10) == 0
PY

# TCP, with the port in the log; IPv6.
: >log
serve --lower lower --listen nbd+tcp:127.0.0.1:0 --listen 'nbd+tcp:[::1]:0'
for where in 'nbd://127.0.0.1' 'nbd://\[::1\]'; do
	tcp=$(sed -n "s|.*: \($where:[0-9]*/\)NAME\$|\1|p" log)
	[ "$(nbdinfo --size "${tcp}disk.img")" = 200000 ] || fail "$tcp: $(cat log)"
done
stop_server
# vsock: the kernel here may have no loopback for it.
"$python" -c 'import socket; socket.socket(socket.AF_VSOCK, socket.SOCK_STREAM)' 2>/dev/null || {
	echo "no vsock here: not tested"
	exit 0
}
: >log
serve --lower lower --listen nbd+vsock:any:0
port=$(sed -n 's|.*nbd+vsock:any:\([0-9]*\): nbd+vsock://2:\1/NAME$|\1|p' log)
[ -n "$port" ] || fail "vsock: $(cat log)"
"$python" - "$port" <<'PY' || fail "vsock"
import nbd, socket, sys
s = socket.socket(socket.AF_VSOCK, socket.SOCK_STREAM)
s.settimeout(2)
try:
    s.connect((1, int(sys.argv[1])))
except OSError as e:
    print('no vsock loopback here (%s): not connected to' % e)
    sys.exit()
h = nbd.NBD()
h.connect_uri('nbd+vsock://1:%s/disk.img' % sys.argv[1])
assert h.get_size() == 200000
PY
