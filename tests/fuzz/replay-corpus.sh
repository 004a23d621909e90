#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# Every input that a fuzzer has once found worth keeping, crashes included,
# still runs through its target without a fault.
set -eu
here=tests/fuzz
for target in 9p-decode 9p-session 9p-tree nbd-handshake nbd-session vhost; do
	"./$here/replay-$target" "${srcdir:-.}/$here/corpus-$target"
done
