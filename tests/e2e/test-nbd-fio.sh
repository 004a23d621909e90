#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Random writes of all sizes that are read back and verified, by fio: one at a
# time, 16 at a time, and from four connections (issue 5).
. "$(dirname "$0")/lib-nbd.sh"
need fio
fio --enghelp=nbd >/dev/null 2>&1 || skip "fio has no nbd engine"
mkdir lower upper
truncate -s 64M lower/disk.img
serve_nbd --lower lower --upper upper
# run OPTION...: on 64 MiB, until all of it was written once.
run() {
	timeout 120 fio --name=v --ioengine=nbd --uri="$(uri disk.img)" --verify=crc32c --verify_fatal=1 \
		--randrepeat=1 --output=out "$@" || fail "fio $*: $(cat out)"
}
run --rw=randwrite --bsrange=512-256k --bs_unaligned=1 --iodepth=16 --size=32m --fsync=64
run --rw=randrw --bs=4k --iodepth=1 --size=4m
run --rw=randwrite --bs=64k --iodepth=16 --numjobs=4 --size=8m --offset_increment=16m --fsync=16
run --rw=write --bs=1m --iodepth=4 --size=64m
timeout 60 fio --name=t --ioengine=nbd --uri="$(uri disk.img)" --rw=randtrim --bs=64k --size=16m \
	--output=out || fail "randtrim: $(cat out)"
stop_server
[ "$(stat -c %b lower/disk.img)" = 0 ] || fail "the lower was written"
