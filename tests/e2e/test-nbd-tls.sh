#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# TLS of NBD connections (nbd.md 2, 11) with real clients, libnbd's and QEMU's:
# keys and certificates that are right, wrong and missing; off, on, require;
# data both ways, whatever the size of a request.
. "$(dirname "$0")/lib.sh"
for tool in certtool psktool nbdinfo nbdcopy qemu-img cmp; do need $tool; done
"$VENEER" serve --lower / --tls on --tls-psk-file /none 2>&1 | grep -q 'without GnuTLS' &&
	skip "built without GnuTLS"
. "$here/tls.sh"
mkdir lower up other tls client stranger server-as-client
head -c 40000000 /dev/urandom >lower/disk.img
head -c 40000000 /dev/urandom >new.img
for user in alice bob; do psktool -u $user -p keys.psk >/dev/null; done
for user in alice mallory; do psktool -u $user -p other/keys.psk >/dev/null; done
make_ca tls
make_cert tls server
make_ca stranger
make_cert stranger client
make_cert client client tls
cp tls/ca-cert.pem client
cp tls/ca-cert.pem server-as-client
for what in cert key; do cp tls/server-$what.pem server-as-client/client-$what.pem; done
cp tls/ca-cert.pem stranger

plain="nbd+unix:///disk.img?socket=$tmp/s"
psk() { echo "nbds+unix://$1@/disk.img?socket=$tmp/s&tls-psk-file=$tmp/${2:-.}/keys.psk"; }
x509() { echo "nbds+unix://localhost/disk.img?socket=$tmp/s&tls-certificates=$tmp/$1"; }
qemu() { # qemu TYPE,OPTIONS COMMAND [,OPTIONS]: with those credentials
	timeout 60 qemu-img "$2" --object "tls-creds-$1,id=t,endpoint=client" --image-opts \
		"driver=nbd,export=disk.img,server.type=unix,server.path=s,tls-creds=t${3-}" >out 2>&1
}
serves() { # serves OPTION...: another server than before
	[ -z "$server" ] || stop_server
	rm -f s log
	serve --lower lower --upper up --listen nbd+unix:s "$@"
}
yes() { timeout 60 nbdinfo --is tls "$1" >out 2>&1 || fail "$2: $(cat out)"; }
no() { timeout 60 nbdcopy "$1" null: >out 2>&1 && fail "$2: it was served"; }
tells() { grep -q -- "$1" out || fail "no \"$1\" in: $(cat out)"; }
logged() { wait_for grep -q -- "$1" log || fail "no \"$1\" in the log"; }

# Keys, and who has none or the wrong one.
serves --tls require --tls-psk-file keys.psk
logged "nbds+unix:///NAME?socket="
yes "$(psk alice)" alice
logged 'TLS1.3.*AES.*"alice"'
yes "$(psk bob)" bob
no "$(psk alice other)" "another key"
logged 'closed: TLS handshake: .*a wrong key?'
no "$(psk mallory other)" "another user"
no "$plain" "without TLS"
tells 'requires TLS'
qemu psk,username=alice,dir=. info || fail "qemu: $(cat out)"
tells '38.1 MiB (40000000 bytes)'
qemu psk,username=alice,dir=other info && fail "qemu with another key"

# Beyond loopback where all clients are known, and only there; never 9P.
remote() { # remote STATUS PROTOCOL OPTION...
	"$VENEER" serve --lower lower --listen "$2tcp:0.0.0.0:0" "${@:3}" --run true >out 2>&1
	local status=$?
	[ $status -eq "$1" ] || fail "remote $*: $status: $(cat out)"
	[ "$1" = 0 ] || grep -q -- --allow-remote out || fail "remote $*: $(cat out)"
}
remote 0 nbd+ --tls require --tls-psk-file keys.psk
tells 'nbds://localhost:'
remote 0 nbd+ --tls require --tls-certificates tls --tls-verify-peer
remote 2 nbd+ --tls on --tls-psk-file keys.psk
remote 2 nbd+ --tls require --tls-certificates tls
remote 2 nbd+ --tls require --tls-certificates tls --tls-psk-file keys.psk
remote 2 '' --tls require --tls-psk-file keys.psk
remote 0 nbd+ --tls on --tls-psk-file keys.psk --allow-remote

# Data, at all sizes of requests.
for size in 4096 65536 1048576 33554432; do
	timeout 100 nbdcopy --request-size=$size --requests=4 "$(psk alice)" - | cmp - lower/disk.img ||
		fail "read by $size"
done
timeout 100 nbdcopy -C 4 "$(psk alice)" - | cmp - lower/disk.img || fail "4 connections"
timeout 100 nbdcopy --request-size=33554432 --flush new.img "$(psk alice)" || fail "write by 32 MiB"
cmp new.img up/disk.img || fail "written by 32 MiB"
timeout 100 nbdcopy -C 4 --request-size=65536 --flush lower/disk.img "$(psk bob)" || fail "write"
cmp lower/disk.img up/disk.img || fail "written by 4 connections"
if command -v fio >/dev/null && command -v nbdkit >/dev/null; then
	# fio takes no keys: by a proxy.
	timeout 200 nbdkit -U - nbd socket=s export=disk.img tls=require tls-psk=keys.psk \
		tls-username=alice --run 'fio --name=v --ioengine=nbd --uri=$uri --rw=randrw \
		--bsrange=512-256k --bs_unaligned=1 --iodepth=16 --size=16m --verify=crc32c \
		--verify_fatal=1 --fsync=64' >out 2>&1 || fail "fio: $(cat out)"
fi

# Both ways in; certificates of clients are not asked for.
serves --tls on --tls-psk-file keys.psk --tls-certificates tls
yes "$(psk alice)" "alice, beside certificates"
yes "$(x509 client)" "a certificate"
qemu x509,dir=client info ,tls-hostname=localhost || fail "qemu: $(cat out)"
qemu x509,dir=client info ,tls-hostname=elsewhere && fail "qemu, of another server"
mkdir only-ca
cp tls/ca-cert.pem only-ca
yes "$(x509 only-ca)" "no certificate, and none asked for"
timeout 60 nbdinfo --is tls "$plain" && fail "plain is called TLS"
timeout 60 nbdcopy "$plain" - | cmp - up/disk.img || fail "plain, where TLS is on"

# Certificates of clients.
serves --tls require --tls-psk-file keys.psk --tls-certificates tls --tls-verify-peer
yes "$(x509 client)" "a client's certificate"
timeout 100 nbdcopy "$(x509 client)" - | cmp - up/disk.img || fail "read with a certificate"
yes "$(psk alice)" "a key, where certificates are asked for"
no "$(x509 only-ca)" "no certificate"
no "$(x509 stranger)" "a stranger's certificate"
no "$(x509 server-as-client)" "a server's certificate"
certtool --generate-crl --load-ca-privkey tls-ca-key.pem --load-ca-certificate tls/ca-cert.pem \
	--load-certificate client/client-cert.pem --template <(echo crl_next_update = 9) \
	--outfile tls/ca-crl.pem >/dev/null 2>&1 || fail "certtool --generate-crl"
serves --tls require --tls-certificates tls --tls-verify-peer
no "$(x509 client)" "a revoked certificate"
logged 'closed: TLS handshake: '

# Off.
serves --tls off --tls-psk-file keys.psk
no "$(psk alice)" "TLS, where it is off"
timeout 60 nbdcopy "$plain" - | cmp - up/disk.img || fail "plain, where TLS is off"
stop_server
exit 0
