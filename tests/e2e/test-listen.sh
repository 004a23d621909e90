#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Addresses, several trees, --run, --daemon, pidfile, sd_notify, a private
# socket, a stale one, and one in use.
. "$(dirname "$0")/lib.sh"
client=$(client_path)
mkdir one two
echo 1 >one/f
echo 2 >two/f

# Two trees, chosen by aname; three sockets.
serve --tree name=one,lower=one --tree name=two,lower=two \
	--listen unix:sock,mode=0666 --listen tcp:127.0.0.1:0 \
	--listen 'tcp:[::1]:0' --pidfile pid
[ "$(cat pid)" = "$server" ] || fail "pidfile"
[ "$(stat -c %a sock)" = 666 ] || fail "mode of the socket"
[ "$(ANAME=two "$client" sock cat f)" = 2 ] || fail "aname two"
[ "$(ANAME=/one "$client" sock cat f)" = 1 ] || fail "aname /one"
[ "$("$client" sock cat f)" = 1 ] || fail "the default tree"
ANAME=three "$client" sock cat f 2>/dev/null && fail "a tree that is not there"
port=$(sed -n 's/.*tcp:127.0.0.1:\([0-9]*\).*/\1/p' log)
[ "$(ANAME=two "$client" "tcp:127.0.0.1:$port" cat f)" = 2 ] || fail "tcp"
grep -q 'tcp:\[::1\]:' log || fail "tcp6"
# Read-only without an upper.
"$client" sock append f x 2>err && fail "wrote without an upper"
grep -q 'Read-only' err || fail "not EROFS: $(cat err)"
# And listed, merged and not: no upper to ask there.
kill "$server" && wait "$server"
: >log
mkdir one/sub two/sub two/alone
touch one/sub/a two/sub/b two/alone/c
serve --lower one --lower two --listen unix:sock
[ "$("$client" sock ls sub | sort | tr '\n' ' ')" = "a b " ] || fail "a merged listing without an upper"
[ "$("$client" sock ls alone)" = c ] || fail "a listing of one lower"
[ "$("$client" sock ls '' | sort | tr '\n' ' ')" = "alone f sub " ] || fail "the root's listing"
# A socket in use is not taken over; a stale one is.
"$VENEER" serve --lower one --listen unix:sock 2>err && fail "took a live socket"
grep -q 'another server' err || fail "$(cat err)"
kill -9 "$server"
wait "$server" 2>/dev/null
[ -S sock ] || fail "the socket of a killed server should be there"
: >log
serve --lower one --listen unix:sock
stop_server
[ -e sock ] && fail "the socket was left behind"

# --run: the environment, the private socket, the exit status.
"$VENEER" serve --lower one --run "'$client' \"\$veneer_socket\" cat f; exit 7" \
	>out 2>log
[ $? -eq 7 ] || fail "--run: status"
[ "$(cat out)" = 1 ] || fail "--run: output $(cat out)"
"$VENEER" serve --lower one --listen tcp:127.0.0.1:0 \
	--run "'$client' \"tcp:127.0.0.1:\$veneer_port\" cat f" >out 2>log ||
	fail "--run over tcp"
"$VENEER" serve --lower one --run 'kill -9 $$' 2>/dev/null
[ $? -eq 137 ] || fail "--run: killed"

# --daemon: the parent ends once connections are accepted.
"$VENEER" serve --lower one --listen unix:sock --daemon --pidfile pid 2>log ||
	fail "--daemon: $(cat log)"
on_exit "kill $(cat pid)"
[ "$("$client" sock cat f)" = 1 ] || fail "--daemon: not ready"
kill "$(cat pid)"
wait_for test ! -e pid || fail "the pidfile was left behind"
"$VENEER" serve --lower none --listen unix:sock --daemon 2>err &&
	fail "--daemon hides a failed start"
grep -q none err || fail "--daemon: no message"
