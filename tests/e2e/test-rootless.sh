#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# An ordinary user, no privileges at all: copy-up, whiteouts, an opaque
# directory, marks in user.overlay.*, the same number after a restart.
. "$(dirname "$0")/lib.sh"
need setpriv
need getfattr
client=$(client_path)
chmod 755 "$tmp"
mkdir lower lower/d upper
echo one >lower/f
echo two >lower/d/x
: >log
as_user=()
if [ "$(id -u)" -eq 0 ]; then
	as_user=(setpriv --reuid=1000 --regid=1000 --clear-groups)
	chown -R 1000:1000 lower upper log "$tmp"
	"${as_user[@]}" test -x "$VENEER" || skip "an ordinary user cannot run $VENEER"
fi
start() {
	: >log
	"${as_user[@]}" "$VENEER" serve --lower lower --upper upper --listen unix:sock 2>>log &
	server=$!
	wait_for grep -q 'listening on' log || fail "the server did not start"
}
start
"${as_user[@]}" "$client" sock append f more || fail "copy-up"
"${as_user[@]}" "$client" sock rm d/x || fail "unlink"
"${as_user[@]}" "$client" sock rmdir d || fail "rmdir"
"${as_user[@]}" "$client" sock mkdir d || fail "mkdir over a whiteout"
before=$("${as_user[@]}" "$client" sock ino f)
stop_server
[ "$(cat lower/f)" = one ] || fail "the lower was written"
[ "$(cat upper/f)" = "one
more" ] || fail "the upper has $(cat upper/f)"
getfattr -n user.overlay.opaque --only-values upper/d | grep -q '^y$' ||
	[ "$(getfattr -n user.overlay.opaque --only-values upper/d)" = y ] ||
	fail "d is not opaque"
getfattr -n user.overlay.origin upper/f >/dev/null 2>&1 || fail "no origin"
start
[ "$("${as_user[@]}" "$client" sock ino f)" = "$before" ] || fail "another number after a restart"
[ -z "$("${as_user[@]}" "$client" sock ls d)" ] || fail "the lower shows through"
stop_server
