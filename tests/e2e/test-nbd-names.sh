#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# What a name in a URI leads to: paths, links, trees, the default; and what
# people are told where it leads nowhere (nbd.md 12).
. "$(dirname "$0")/lib-nbd.sh"
need nbdinfo
need qemu-img
mkdir -p lower/a/b two upper
truncate -s 4096 lower/a/b/disk.img lower/gone
truncate -s 8192 lower/'mit raum ä.img' two/disk.img
ln -s a/b lower/dir
ln -s /a/b/disk.img lower/current
ln -s ../../etc/passwd lower/escape
mkfifo lower/fifo
: >lower/empty

# is NAME SIZE CANONICAL: it has that size and name.
is() {
	nbdinfo --json --no-content "$(uri "$1")" >out 2>err || fail "\"$1\": $(cat err)"
	json "
e = o['exports'][0]
assert (e['export-size'], e['export-name']) == ($2, '$3'), e"
}
# is_not NAME TEXT: refused with that text.
is_not() {
	nbdinfo "$(uri "$1")" >out 2>&1 && fail "\"$1\" is there"
	# Of these two it is QEMU that passes the sentence on.
	qemu-img info -f raw "$(uri "$1")" >out 2>&1 && fail "\"$1\" is there"
	grep -q "$2" out || fail "\"$1\": no \"$2\" in: $(cat out)"
}
serve_nbd --lower lower --upper upper
is a/b/disk.img 4096 a/b/disk.img
is //a///b/./disk.img 4096 a/b/disk.img
is dir/disk.img 4096 dir/disk.img
is current 4096 current
is mit%20raum%20%C3%A4.img 8192 'mit raum ä.img'
is empty 0 empty
is_not escape 'no such file'
is_not a 'directory'
is_not a/../gone '\.\.'
is_not fifo 'regular file'
is_not current/x 'not a directory'
is_not '' 'no default export'
is_not none 'no such file'
is_not "$(printf '%04097d' 0)" 'export name.*too long\|4096'
# What 9P hides is hidden here.
"$(client_path)" sock cat x 2>/dev/null && fail "9P is spoken there, too"
nbdsh_run "$(uri gone)" 'pass'
stop_server
serve --lower lower --upper upper --listen unix:sock9 --listen "nbd+unix:$PWD/sock" \
	--default-export a/b/disk.img
"$(client_path)" sock9 unlink gone || fail "unlink"
is_not gone 'no such file'
is '' 4096 a/b/disk.img
is / 4096 a/b/disk.img
stop_server

# Several trees: the unnamed one where none is named.
serve_nbd --lower lower --tree name=two,lower=two
is a/b/disk.img 4096 a/b/disk.img
is two:disk.img 8192 two:disk.img
is two:/disk.img 8192 two:disk.img
is /two:disk.img 8192 two:disk.img
is :a/b/disk.img 4096 a/b/disk.img
is_not disk.img 'no such file'
is_not one:disk.img 'no such file'
stop_server

# QEMU's older form, which $veneer_nbd has.
serve_nbd --lower two
qemu-img info -f raw "nbd:unix:$PWD/sock:exportname=/disk.img" >out || fail "nbd:unix:"
grep -q '8 KiB' out || fail "nbd:unix: $(cat out)"
stop_server

# As another user: only what he may read, and write.
[ "$(id -u)" -eq 0 ] || exit 0
echo 1 >lower/readable
echo 2 >lower/his
echo 3 >lower/secret
chmod 640 lower/readable
chmod 600 lower/his lower/secret
chown 0:4321 lower/readable
chown 4321 lower/his
serve_nbd --lower lower --upper upper --nbd-user 4321
is his 2 his
nbdinfo --is read-only "$(uri his)" && fail "not his to write"
nbdinfo --is read-only "$(uri readable)" || fail "written by who may read it"
is_not secret 'may not'
stop_server
serve_nbd --lower lower --upper upper --nbd-user 4321:99
is_not readable 'may not'
