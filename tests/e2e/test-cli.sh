#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# The command line: mistakes end with 2 and a message that says what would be
# right; --help and the manual have the same options.
. "$(dirname "$0")/lib.sh"
mkdir lower

# refused STATUS TEXT ARGS...: that exit status, that text in the message.
refused() {
	local want=$1 text=$2 status
	shift 2
	timeout 10 "$VENEER" "$@" >out 2>&1
	status=$?
	[ $status -eq "$want" ] || fail "veneer $*: status $status, not $want: $(cat out)"
	grep -q -- "$text" out || fail "veneer $*: no \"$text\" in: $(cat out)"
}
refused 2 'usage'
refused 2 'unknown command "serv"' serv
refused 2 'nothing to serve' serve
refused 2 'did you mean "--lower"' serve --lowr lower
refused 2 'needs a value' serve --lower
refused 2 'unexpected argument' serve --lower lower extra
refused 2 'did you mean "lowerdir"' serve -o lowedir=x
refused 2 'not supported' serve --lower lower -o nfs_export=on
refused 2 'number from' serve --lower lower --loops 0
refused 2 'number from' serve --lower lower --msize 1k
for limit in connections=0 connections=1048577 fids=15 fids=1073741825 inflight=0 inflight=65536 \
	inflight-bytes=65535 inflight-bytes=1025G total-bytes=1023k total-bytes=-1 \
	xattr-bytes=63k xattr-bytes=1x; do
	refused 2 "--max-${limit%=*} ${limit#*=}: use a number from" serve --lower lower \
		"--max-$limit"
done
for limit in connections=1 connections=1048576 fids=16 fids=1G inflight=1 inflight=65535 \
	inflight-bytes=64k inflight-bytes=1024G total-bytes=1M total-bytes=1024G \
	xattr-bytes=64k xattr-bytes=1024G; do
	"$VENEER" serve --lower lower "--max-$limit" --listen unix:- --run true >out 2>&1 ||
		fail "--max-$limit: $(cat out)"
done
refused 2 '--tls maybe: use off, on or require' serve --lower lower --tls maybe
refused 2 'nobody could connect' serve --lower lower --tls on
refused 2 'nobody could connect' serve --lower lower --tls require
refused 2 'needs --tls-certificates' serve --lower lower --tls-psk-file f --tls-verify-peer
refused 2 'there is no TLS' serve --lower lower --tls-priority NORMAL
refused 2 'auto, strict' serve --lower lower --append maybe
refused 2 'error, warning' serve --lower lower --log-level loud
refused 2 'use unix:PATH' serve --lower lower --listen file:x
refused 2 'there is no such device' serve --lower lower --listen nbd+vhost-user:x
refused 2 'use 9p or nbd' serve --lower lower --listen smb+unix:x
refused 2 'use 9p or nbd' serve --lower lower --listen-fds smb
refused 2 'use tcp:HOST:PORT' serve --lower lower --listen tcp:127.0.0.1
refused 2 'use vsock:CID:PORT' serve --lower lower --listen vsock:any
refused 2 'needs a path' serve --lower lower --listen vhost-user:-
refused 2 'use 1 to 63 bytes' serve --lower lower --listen vhost-user:x,tag=
refused 2 'unknown address option' serve --lower lower --listen unix:x,tag=y
refused 2 'exclude each other' --lower lower --socket-path x --fd 3
refused 2 'tag is for' serve --lower lower --tag x
refused 2 'no such descriptor' serve --lower lower --fd 99
refused 2 'use 1 to 63 bytes' serve --lower lower --socket-path x --tag ''
refused 2 'the port' serve --lower lower --listen tcp:127.0.0.1:x
refused 2 '9P has neither.*allow-remote' serve --lower lower --listen tcp:0.0.0.0:0
refused 2 'NBD has neither.*allow-remote' serve --lower lower --listen nbd+tcp:0.0.0.0:0
refused 2 'as \[::1\]' serve --lower lower --listen tcp:::1:0
refused 2 'no such descriptor' serve --lower lower --listen fd:99
refused 2 'give it a name' serve --tree lower=lower
refused 2 'two trees called' serve --tree name=a,lower=lower --tree name=a,lower=lower
refused 1 '/none' serve --lower /none
for verb in "" serve; do
	"$VENEER" $verb --print-capabilities --bad >out || fail "$verb: capabilities"
	python3 -c 'import json; assert json.load(open("out")) == {"type": "9p"}' ||
		fail "$verb: --print-capabilities says $(cat out)"
done
"$VENEER" --socket-path sock,x --tag t --lower lower --run 'test -S sock,x' ||
	fail "--socket-path"
[ "$("$VENEER" --version)" = "veneer 0.1.0" ] || fail "--version"

"$VENEER" serve --help | grep -o -- ' --[a-z-]*' | sort -u >in-help
sed -n 's/^\.It Fl.* \(-[a-z-]*\).*/ -\1/p; s/^\.It Fl \(-[a-z-]*\).*/ -\1/p' \
	"$here/../../docs/veneer.8" | sed 's/^ --*/ --/' | sort -u >in-manual
diff in-help in-manual || fail "--help and the manual differ"

# Where there is no /proc no file could be opened. A sanitizer needs it, too.
[ "$(id -u)" -eq 0 ] && [ -z "${ASAN_TEST:-}" ] && unshare -m true 2>/dev/null || exit 0
no_proc="mount -t tmpfs none /proc && exec \"$VENEER\" serve --lower lower --listen unix:sock"
timeout 10 unshare -m sh -c "$no_proc" >out 2>&1 && fail "it starts without /proc"
grep -q '/proc is not mounted' out || fail "no /proc: $(cat out)"
