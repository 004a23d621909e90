#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Block devices of the tree (veneer-nbd(7), Devices): refused unless
# --nbd-device names them; written where the node is in the upper, and only
# there; and never more than that device, whatever nodes a guest makes.
. "$(dirname "$0")/lib-nbd.sh"
need nbdinfo
need qemu-img
need_nbdsh
mkdir lower upper mapped

# refused NAME TEXT
refused() {
	qemu-img info -f raw "$(uri "$1")" >out 2>&1 && fail "\"$1\" is served"
	grep -q "$2" out || fail "\"$1\": no \"$2\" in: $(cat out)"
}
# A guest's own, of which nobody needs to be root.
serve_nbd --lower lower --upper mapped --owner mapped --listen "unix:$PWD/sock9"
"$(client_path)" sock9 mknod none 0060666 7:250 || fail "mknod"
refused none 'block device.*--nbd-device'
nbdinfo --list --json --no-content "$(uri '')" >out
json 'assert o["exports"] == [], o'
stop_server
: >file
for bad in file lower missing /dev/null; do
	"$VENEER" serve --lower lower --nbd-device "$bad" 2>err && fail "$bad is taken"
	grep -q -- "--nbd-device $bad: there is no block device" err || fail "$bad: $(cat err)"
done

need_root
mknod lower/none b 7 250 2>err || skip "cannot make device nodes here: $(cat err)"

# A device of 4 MiB and half a page.
head -c 4196352 /dev/zero | tr '\0' '\252' >back
dev=$(losetup -f --show back 2>err) || skip "no loop device to be had: $(cat err)"
on_exit "losetup -d $dev"
major=$((0x$(stat -c %t "$dev"))) minor=$((0x$(stat -c %T "$dev")))
mknod lower/low b $major $minor
mknod upper/up b $major $minor
mknod upper/other b 7 251
mknod upper/private b $major $minor
chmod 600 lower/* upper/*

serve_nbd --lower lower --upper upper --nbd-device "$dev"
for name in low up; do
	nbdinfo --json --no-content "$(uri $name)" >out || fail "$name"
	json "
e = o['exports'][0]
assert e['export-size'] == 4196352 and e['is_read_only'] == ('$name' == 'low'), e"
done
grep -q '"lower 1, ' out && fail "$(cat out)"
refused other 'block device.*--nbd-device'
refused none 'block device.*--nbd-device'
nbdinfo --list --json --no-content "$(uri '')" >out
json 'assert [e["export-name"] for e in o["exports"]] == ["low", "private", "up"], o'

# A lower's is not to be written, nor by chance.
nbdsh_run "$(uri low)" '
h.set_strict_mode(0)
assert h.is_read_only() and h.pread(512, 0) == b"\xaa" * 512
for f in (lambda: h.pwrite(b"x", 0), lambda: h.trim(4096, 0), lambda: h.zero(4096, 0)):
    try: f(); assert False
    except nbd.Error as e: assert e.errnum == errno.EPERM, e
h.flush()'
[ "$(stat -c %F upper/low 2>/dev/null)" = "" ] || fail "the node was copied up"

# All commands, in and beside whole sectors; another connection sees it.
nbdsh_run "$(uri up)" '
size = h.get_size()
g = nbd.NBD()
g.add_meta_context("base:allocation")
g.add_meta_context("qemu:allocation-depth")
g.connect_uri("'"$(uri low)"'")
model = bytearray(b"\xaa" * size)
def write(text, off, flags=0):
    h.pwrite(text, off, flags)
    model[off:off+len(text)] = text
def zero(n, off, flags=0):
    try: h.zero(n, off, flags)
    except nbd.Error as e:
        assert e.errnum == errno.EOPNOTSUPP and flags & nbd.CMD_FLAG_FAST_ZERO, e
        return
    model[off:off+n] = bytes(n)
def same():
    assert h.pread(size, 0) == model and g.pread(size, 0) == model
write(b"abc", 1000)
write(b"x" * 8192, 4096, nbd.CMD_FLAG_FUA)
write(b"end", size - 3)
same()
for flags in (0, nbd.CMD_FLAG_NO_HOLE, nbd.CMD_FLAG_FAST_ZERO, nbd.CMD_FLAG_FUA,
              nbd.CMD_FLAG_NO_HOLE | nbd.CMD_FLAG_FAST_ZERO):
    for off, n in ((65536, 65536), (200001, 70000), (300000, 100), (511, 2), (1 << 20, 512)):
        write(b"y" * (n + 20), off - 10)
        zero(n, off, flags)
        same()
zero(1000, size - 1000)
same()
h.trim(1 << 20, (1 << 20) + 100)
now = h.pread(size, 0)
first, last = (1 << 20) + 512, (2 << 20)
assert now[:first] == model[:first] and now[last+512:] == model[last+512:]
h.pwrite(model[first:last+512], first)
h.cache(1 << 20, 0)
h.flush()
same()
got = {}
def extents(name, off, entries, error): got[name] = entries
g.block_status(size, 0, extents)
assert got == {"base:allocation": [size, 0], "qemu:allocation-depth": [size, 2]}, got
for off, want in ((size, errno.ENOSPC), (size - 1, errno.ENOSPC)):
    h.set_strict_mode(0)
    try: h.pwrite(b"xy", off); assert False
    except nbd.Error as e: assert e.errnum == want, e
same()
open("model", "wb").write(model)
g.shutdown()'
cmp model "$dev" || fail "another content on the device"
cmp model back || fail "a flush did not reach what is below the device"

# Whose it is counts, as of a file; and --nbd-read-only.
stop_server
chmod 666 upper/up
serve_nbd --lower lower --upper upper --nbd-device "$dev" --nbd-user 1000:1000
nbdsh_run "$(uri up)" 'assert not h.is_read_only()'
refused private 'may not'
stop_server
serve_nbd --lower lower --upper upper --nbd-device "$dev" --nbd-read-only
nbdsh_run "$(uri up)" 'assert h.is_read_only()'
stop_server

# 9P shows a node, and opens no device.
serve_nbd --lower lower --upper upper --nbd-device "$dev" --listen "unix:$PWD/sock9"
"$(client_path)" sock9 cat up 2>err && fail "opened through 9P"
grep -qi 'such device or address\|ENXIO' err || fail "$(cat err)"
stop_server
