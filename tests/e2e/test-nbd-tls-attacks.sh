#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# NBD clients that mean harm on their way to TLS: options in the same segment as
# STARTTLS (nbd.md 11: command injection), garbage for a ClientHello, half a
# handshake and then nothing. All are closed, and others are served.
. "$(dirname "$0")/lib.sh"
for tool in psktool nbdinfo python3; do need $tool; done
"$VENEER" serve --lower / --tls on --tls-psk-file /none 2>&1 | grep -q 'without GnuTLS' &&
	skip "built without GnuTLS"
mkdir lower
echo data >lower/disk.img
psktool -u alice -p keys.psk >/dev/null

cat >attack.py <<'EOF'
import socket, struct, sys

OPTION = b"IHAVEOPT"
STARTTLS, LIST = 5, 3
ACK = 1

def option(n):
    return OPTION + struct.pack(">II", n, 0)

def take(s, n):
    out = b""
    while len(out) < n:
        more = s.recv(n - len(out))
        if not more:
            sys.exit("closed too early")
        out += more
    return out

def begin():
    s = socket.socket(socket.AF_UNIX)
    s.settimeout(30)
    s.connect("s")
    take(s, 18)
    s.sendall(struct.pack(">I", 3))
    return s

def starttls(s, more=b""):
    s.sendall(option(STARTTLS) + more)

def acked(s):
    kind = struct.unpack(">QIII", take(s, 20))
    assert kind[1:] == (STARTTLS, ACK, 0), kind

def until_closed(s):
    out = b""
    try:
        while True:
            more = s.recv(65536)
            if not more:
                return out
            out += more
    except ConnectionResetError:
        return out

def injection():
    s = begin()
    starttls(s, option(LIST))
    out = until_closed(s)
    # At most the ACK; above all no answer to what came behind.
    assert len(out) in (0, 20), out

def part_of_an_option():
    s = begin()
    starttls(s, OPTION[:1])
    assert len(until_closed(s)) in (0, 20)

def injection_afterwards():
    s = begin()
    starttls(s)
    acked(s)
    s.sendall(option(LIST))
    assert b"disk.img" not in until_closed(s)

def garbage():
    s = begin()
    starttls(s)
    acked(s)
    s.sendall(bytes(range(256)) * 16)
    until_closed(s)

def silence():
    s = begin()
    starttls(s)
    acked(s)
    until_closed(s)

def half():
    s = begin()
    starttls(s)
    acked(s)
    s.sendall(bytes([22, 3, 1, 2, 0, 1, 0]))
    until_closed(s)

globals()[sys.argv[1]]()
EOF
serve --lower lower --listen nbd+unix:s --tls on --tls-psk-file keys.psk --timeout 2
# One more warning than before, and its text.
logged=0
is_logged() {
	[ "$(grep -c 'warning: ' log)" -eq $logged ] && grep 'warning: ' log | tail -n 1 | grep -q "$text"
}
for attack in injection part_of_an_option injection_afterwards garbage silence half; do
	timeout 60 python3 attack.py $attack || fail "$attack"
	case $attack in
	injection | part*) text='it sent more before it was answered' ;;
	silence | half) text='closed: TLS handshake: begun, and not ended' ;;
	*) text='closed: TLS handshake: ' ;;
	esac
	logged=$((logged + 1))
	wait_for is_logged || fail "$attack: not logged: $text"
	timeout 60 nbdinfo --is tls "nbds+unix://alice@/disk.img?socket=$tmp/s&tls-psk-file=$tmp/keys.psk" ||
		fail "$attack: another client is not served"
done
stop_server
exit 0
