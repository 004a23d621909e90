#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# The files of TLS: one that is missing or wrong keeps the server from starting,
# and the message names it and says what to do; what everybody can read is
# warned of; with --tls=off nobody looks. The recipe is veneer(8)'s, TLS.
. "$(dirname "$0")/lib.sh"
need certtool
need psktool
"$VENEER" serve --lower / --tls on --tls-psk-file /none 2>&1 | grep -q 'without GnuTLS' &&
	skip "built without GnuTLS"
mkdir lower tls

# refused TEXT ARGS...: with status 1, and that text.
refused() {
	local text=$1 status
	shift
	timeout 10 "$VENEER" serve --lower lower --listen unix:- --run true "$@" >out 2>&1
	status=$?
	[ $status -eq 1 ] || fail "$*: status $status, not 1: $(cat out)"
	grep -q -- "$text" out || fail "$*: no \"$text\" in: $(cat out)"
}
# taken ARGS...
taken() {
	timeout 10 "$VENEER" serve --lower lower --listen unix:- --run true "$@" >out 2>&1 ||
		fail "$*: $(cat out)"
}

refused '"tls/server-cert.pem": No such file.*veneer(8), TLS' --tls-certificates tls
. "$here/tls.sh"
make_ca tls
make_cert tls server
chmod 600 tls/*
taken --tls-certificates tls
grep -q warning out && fail "a warning of nothing: $(cat out)"
taken --tls-certificates tls --tls-verify-peer --tls require

# The key: another one, none, one for everybody's eyes.
mv tls/server-key.pem good.pem
refused '"tls/server-key.pem": No such file' --tls-certificates tls
certtool --generate-privkey --key-type ecdsa --outfile tls/server-key.pem 2>/dev/null
refused 'do not match.*Give the key' --tls-certificates tls
: >tls/server-key.pem
refused 'server-cert.pem and server-key.pem in "tls"' --tls-certificates tls
mv good.pem tls/server-key.pem
chmod 644 tls/server-key.pem
taken --tls-certificates tls
grep -q '"tls/server-key.pem": a secret that everybody' out || fail "no warning: $(cat out)"
chmod 600 tls/server-key.pem

# The authority is only for clients; the list of the revoked need not be there.
echo nonsense >tls/ca-crl.pem
taken --tls-certificates tls
refused 'ca-crl.pem in "tls"' --tls-certificates tls --tls-verify-peer
rm tls/ca-crl.pem
mv tls/ca-cert.pem .
taken --tls-certificates tls
refused '"tls/ca-cert.pem": No such file' --tls-certificates tls --tls-verify-peer
echo nonsense >tls/ca-cert.pem
refused 'ca-cert.pem in "tls"' --tls-certificates tls --tls-verify-peer
mv ca-cert.pem tls

# Shared keys.
refused '"none": No such file.*psktool' --tls-psk-file none
: >users
refused 'has no user in it' --tls-psk-file users
psktool -u alice -p users >/dev/null
chmod 600 users
taken --tls-psk-file users
grep -q warning out && fail "a warning of nothing: $(cat out)"
for line in bob bob: :00 bob:0 bob:0x 'bob:00 ' '#6:00' '#:00'; do
	echo "$line" >>users
	refused '"users", line 2: not "USER:KEY"' --tls-psk-file users
	sed -i '$d' users
done
printf '\n#00ff:0011\r\nodd:name:00\n' >>users
taken --tls-psk-file users
chmod 604 users
taken --tls-psk-file users
grep -q '"users": a secret that everybody' out || fail "no warning: $(cat out)"
head -c 1048576 /dev/zero >large
refused '"large": File too large' --tls-psk-file large

# Ciphers; a mistake in the command line.
taken --tls-psk-file users --tls-priority SECURE256:+PSK
timeout 10 "$VENEER" serve --lower lower --tls-psk-file users --tls-priority NORMAL:+NONSENSE >out 2>&1
[ $? -eq 2 ] || fail "a priority string of nonsense"
grep -q 'From "+NONSENSE" on' out || fail "not told where: $(cat out)"

# Off: what is not used is not read.
taken --tls off --tls-psk-file none --tls-certificates none
exit 0
