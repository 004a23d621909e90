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

# A kernel mount; its options say where it was mounted from, not where that is.
[ "$(id -u)" = 0 ] || exit 0
mkdir -p here/{lower,upper,work,merged} there/{lower,upper,work}
(cd here && mount -t overlay veneer-test -o lowerdir=lower,upperdir=upper,workdir=work merged) || exit 0
on_exit "umount $PWD/here/merged"
(cd here && timeout 10 "$VENEER" serve --lower lower --upper upper --work work --listen unix:sock) 2>err
[ $? -eq 1 ] || fail "status with a mount"
grep -q 'in use by the overlayfs mount on ".*/here/merged"' err || fail "$(cat err)"
timeout 10 "$VENEER" serve --lower here/lower --upper here/upper --work here/work --listen unix:sock 2>err
[ $? -eq 1 ] || fail "status with a mount, from another directory"
cd there || exit 1
: >log
serve --lower lower --upper upper --work work --listen unix:sock
stop_server
