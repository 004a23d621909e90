#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# diod's own client programs, which know nothing of us, over TCP and a Unix
# socket: list and read the merged tree.
. "$(dirname "$0")/lib.sh"
need diodcat
need diodls
mkdir -p lower/d upper
head -c 3000000 /dev/urandom >lower/d/big
echo upper >upper/f
serve --lower lower --upper upper --listen "unix:$tmp/sock" --listen tcp:127.0.0.1:0
port=$(sed -n 's/.*tcp:127.0.0.1:\([0-9]*\).*/\1/p' log)
for s in "$tmp/sock" "127.0.0.1:$port"; do
	timeout 20 diodcat -s "$s" -a / d/big | cmp - lower/d/big || fail "$s: d/big"
	[ "$(timeout 20 diodcat -s "$s" -a / f)" = upper ] || fail "$s: f"
	timeout 20 diodls -s "$s" -a / >out || fail "$s: diodls"
	grep -q d out && grep -q f out || fail "$s: $(cat out)"
done
stop_server
