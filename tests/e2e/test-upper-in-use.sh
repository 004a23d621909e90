#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Two servers on one upper: the second is refused and names the first; after
# kill -9 the next one starts.
. "$(dirname "$0")/lib.sh"
mkdir lower upper
serve --lower lower --upper upper --listen unix:sock
"$VENEER" serve --lower lower --upper upper --listen unix:sock2 2>err
[ $? -eq 1 ] || fail "status"
grep -q "in use by .*veneer.* (pid $server)" err || fail "$(cat err)"
kill -9 "$server"
wait "$server" 2>/dev/null
: >log
serve --lower lower --upper upper --listen unix:sock
stop_server
