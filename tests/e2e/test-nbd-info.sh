#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# What libnbd's nbdinfo finds out about an image: properties, contexts and
# maps; read-only where it is; and --nbd-list (issue 5, nbd.md 2, 18).
. "$(dirname "$0")/lib-nbd.sh"
need nbdinfo
mkdir lower upper lower/d
truncate -s 1M lower/disk.img
printf hello | dd of=lower/disk.img bs=4096 seek=16 conv=notrunc status=none
echo x >lower/d/deep.img
: >lower/empty
ln -s disk.img lower/link

serve_nbd --lower lower --upper upper
nbdinfo --json "$(uri disk.img)" >out || fail "--json"
json '
e = o["exports"][0]
assert o["protocol"] == "newstyle-fixed" and o["structured"], o
assert e["export-name"] == "disk.img" and e["export-size"] == 1048576, e
assert e["description"] == "lower 1, 1 MiB", e
assert set(e["contexts"]) == {"base:allocation", "qemu:allocation-depth"}, e
assert not e["is_read_only"], e
for can in "flush fua trim zero cache df multi_conn".split():
    assert e["can_" + can], can
assert e["block_size_minimum"] == 1 and e["block_size_preferred"] == 4096, e
'
[ "$(nbdinfo --size "$(uri disk.img)")" = 1048576 ] || fail "--size"
nbdinfo --can fua "$(uri disk.img)" || fail "--can fua"
nbdinfo --is read-only "$(uri disk.img)"
[ $? -eq 2 ] || fail "--is read-only: it is not"

# Where data is, and in which layer: a write to one block brings all of it up.
nbdinfo --map --json "$(uri disk.img)" >out || fail "--map"
json '
data = [e for e in o if e["type"] == 0]
assert len(data) == 1 and data[0]["offset"] <= 65536, o
assert data[0]["offset"] + data[0]["length"] >= 65536 + 5, o
assert sum(e["length"] for e in o) == 1048576, o
'
nbdinfo --map=qemu:allocation-depth --json "$(uri disk.img)" >out
json 'assert {e["type"] for e in o} == {0, 2}, o'
nbdsh_run "$(uri disk.img)" 'h.pwrite(b"up", 0)'
nbdinfo --map=qemu:allocation-depth --json "$(uri disk.img)" >out
json 'assert 1 in {e["type"] for e in o} and not 2 in {e["type"] for e in o}, o'

# Listed are the files of the root: no directories, links, empty files.
listed() {
	nbdinfo --list --json --no-content "nbd+unix:///?socket=$PWD/sock" >out || fail "--list"
	json 'print(" ".join(e["export-name"] for e in o["exports"]))'
}
echo 2 >lower/$'bad\xff'
echo 2 >lower/second
[ "$(listed)" = "disk.img second" ] || fail "listed: $(listed)"
nbdinfo --json "$(uri disk.img)" >out
json 'assert o["exports"][0]["description"] == "upper, 1 MiB", o'
stop_server

serve_nbd --lower lower --nbd-list '*/*.img'
[ "$(listed)" = d/deep.img ] || fail "listed by a pattern: $(listed)"
nbdinfo --is read-only "$(uri disk.img)" || fail "without an upper: not read-only"
nbdinfo --can trim "$(uri disk.img)" && fail "trims what is read-only"
stop_server
serve_nbd --lower lower --upper upper --nbd-list none --nbd-read-only
nbdinfo --list "nbd+unix:///?socket=$PWD/sock" >out 2>&1 && fail "listed with none"
nbdinfo --is read-only "$(uri disk.img)" || fail "--nbd-read-only"
nbdsh_run "$(uri disk.img)" '
try:
    h.set_strict_mode(0); h.pwrite(b"x", 0); assert False
except nbd.Error as e: assert e.errnum == errno.EPERM, e
'
stop_server
