#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Images copied out and in by nbdcopy and qemu-img, whole and with their holes;
# nbdkit's sparse-random, which fails with EIO when what it reads back is not
# what it gave (nbd.md 18).
. "$(dirname "$0")/lib-nbd.sh"
need nbdcopy
need qemu-img
need nbdkit
mkdir lower upper
# Data and holes of all sizes, and an odd size at the end.
"$python" - <<'PY'
import random
r = random.Random(5)
with open('lower/src.img', 'wb') as f:
    for _ in range(60):
        f.seek(r.randrange(1, 300000), 1)
        f.write(r.randbytes(r.randrange(1, 100000)))
    f.truncate((f.tell() | 511) + 1)
PY
size=$(stat -c %s lower/src.img)
truncate -s "$size" lower/dst.img
truncate -s 64M lower/random.img
before=$(sha256sum lower/*)
serve_nbd --lower lower --upper upper

# Out.
nbdcopy "$(uri src.img)" out.img || fail "nbdcopy out"
cmp out.img lower/src.img || fail "nbdcopy out: another content"
nbdcopy "$(uri src.img)" - | cmp - lower/src.img || fail "nbdcopy to a pipe"
qemu-img compare -f raw -F raw lower/src.img "$(uri src.img)" >/dev/null || fail "qemu-img compare"
qemu-img convert -f raw -O qcow2 "$(uri src.img)" out.qcow2 &&
	qemu-img compare -f qcow2 -F raw out.qcow2 lower/src.img >/dev/null || fail "qemu-img convert"
# The same map as of the file itself.
qemu-img map -f raw --output=json lower/src.img >map-file
qemu-img map -f raw --output=json "$(uri src.img)" >map-nbd
"$python" - <<'PY' || fail "maps differ"
import json
def holes(name):
    return [(e['start'], e['length']) for e in json.load(open(name)) if not e['data']]
assert holes('map-file') == holes('map-nbd'), (holes('map-file'), holes('map-nbd'))
PY
qemu-img info --output=json -f raw "$(uri src.img)" >out
json "assert o['virtual-size'] == $size, o"

# In, by each of the ways that nbdcopy has.
for how in '--flush' '-C 1' '-C 4 --requests=16' '--synchronous' '--no-extents -S 0' '--request-size=4096'; do
	# shellcheck disable=SC2086
	nbdcopy $how lower/src.img "$(uri dst.img)" || fail "nbdcopy $how"
	nbdcopy "$(uri dst.img)" - | cmp - lower/src.img || fail "nbdcopy $how: another content"
	cmp upper/dst.img lower/src.img || fail "nbdcopy $how: not in the upper"
done
qemu-img convert -n -f raw -O raw out.img "$(uri dst.img)" || fail "qemu-img convert -n"
cmp upper/dst.img lower/src.img || fail "qemu-img convert -n: another content"

# There and back.
nbdkit -U - sparse-random size=64M seed=7 percent=30 \
	--run "nbdcopy --flush \$uri '$(uri random.img)' && nbdcopy '$(uri random.img)' \$uri" ||
	fail "sparse-random"
[ "$(stat -c %b upper/random.img)" -lt 100000 ] || fail "the holes were filled"
stop_server
[ "$before" = "$(sha256sum lower/*)" ] || fail "a lower was written"
