#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# An ordinary user's server with owner=mapped: a client's root chowns, makes
# devices and setuid files, also of a lower's; all of it is the user's on the
# host. access=server by such a server needs owner=mapped, and says so.
. "$(dirname "$0")/lib.sh"
need setpriv
need_root # to be two different users
client=$(client_path)
chmod 755 "$tmp"
mkdir lower lower/d upper
echo one >lower/f
echo two >lower/d/x
: >log
chown -R 1000:1000 lower upper log "$tmp"
as_user=(setpriv --reuid=1000 --regid=1000 --clear-groups)
"${as_user[@]}" test -x "$VENEER" || skip "an ordinary user cannot run $VENEER"
start() {
	: >log
	"${as_user[@]}" "$VENEER" serve --lower lower --upper upper --listen unix:sock "$@" 2>>log &
	server=$!
	wait_for grep -q 'listening on' log || fail "the server did not start"
}
do_it() { "$client" sock "$@" || fail "$*"; }
expect() {
	local want=$1
	shift
	[ "$("$client" sock stat "$1")" = "$want" ] || fail "$1: $("$client" sock stat "$1"), not $want"
}
start --owner mapped
expect "0:0 100644" f
do_it chown f 33:34
do_it chmod f 4755
do_it chown d 7:8
do_it mknod null 20666 1:3
do_it chown null 0:5
expect "33:34 104755" f
expect "7:8 40755" d
expect "0:5 20666 1:3" null
stop_server
[ "$(find upper -not -user 1000)" = "" ] || fail "not all of it is the user's"
[ "$(stat -c '%a %F' upper/f)" = "755 regular file" ] || fail "upper/f: $(stat -c '%a %F' upper/f)"
[ "$(getfattr --only-values -n user.containers.override_stat upper/null)" = "0:5:0666:char-1-3" ] ||
	fail "upper/null: $(getfattr -d upper/null)"
# With the marks, and two users who are kept apart.
start --owner mapped --access server
expect "33:34 104755" f
do_it chmod d 700
CLIENT_UID=1001 "$client" sock append d/x more 2>said && fail "a stranger got in"
grep -qi "permission denied\|no such file" said || fail "$(cat said)"
CLIENT_UID=7 "$client" sock cat d/x >said || fail "its owner did not get in"
grep -q two said || fail "$(cat said)"
stop_server
# Without them it cannot be done.
if "${as_user[@]}" "$VENEER" serve --lower lower --upper upper --listen unix:sock --access server 2>said; then
	fail "access=server without root"
fi
grep -q "access=server needs root" said || fail "$(cat said)"
[ "$(cat lower/f lower/d/x)" = "one
two" ] || fail "a lower was written"
