#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# 9P and NBD are two views of one file (nbd.md 15): writes by turns, renamed,
# unlinked and truncated while it is served, through several connections.
. "$(dirname "$0")/lib-nbd.sh"
need_nbdsh
mkdir lower upper
for i in a b c d; do
	head -c 64K /dev/zero | tr '\0' $i >lower/$i.img
done
before=$(sha256sum lower/*)
serve --lower lower --upper upper --listen unix:sock9 --listen "nbd+unix:$PWD/sock"
timeout 60 "$python" "$here/test-nbd-coherence.py" "$(client_path)" || fail "see above"
stop_server
[ "$before" = "$(sha256sum lower/*)" ] || fail "a lower was written"
