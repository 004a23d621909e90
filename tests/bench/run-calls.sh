#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# System calls of the server for each request: the difference between 1,000
# requests and 3,000, as strace counts them, without polling. VENEER and the
# tree options can be others (another build, access=server, ...). On a busy
# machine strace makes calls so long that requests go to workers: futex, read,
# write and getrusage are that.
#
#   run-calls.sh BUILD-FOLDER [OPTION-OF-SERVE...]
set -u
build=$1
shift
VENEER=${VENEER:-$build/veneer}
command -v strace >/dev/null || {
	echo "bench-calls: strace is missing: apt-get install strace"
	exit 77
}
tmp=$(mktemp -d /tmp/veneer-calls.XXXXXX)
trap 'rm -rf "$tmp"' EXIT
cd "$tmp" || exit 1
mkdir -p lower upper/dir
head -c 4096 /dev/zero | tee upper/file >upper/dir/file

# count OP NUMBER: "NAME CALLS" lines.
count() {
	local tracer server
	strace -f -c -o "counts.$2" "$VENEER" serve --lower lower --upper upper \
		--loops 1 --poll-us 0 --log-level warning --pidfile pid \
		--listen unix:sock "${@:3}" &
	tracer=$!
	for _ in $(seq 500); do
		[ -s pid ] && break
		sleep 0.01
	done
	server=$(cat pid) || return 1
	"$build/tests/bench/calls" sock "$1" "$2" || return 1
	kill "$server"
	wait "$tracer"
	awk 'NF >= 5 && $1 + 0 == $1 && $NF != "total" { print $NF, $4 }' \
		"counts.$2"
}
for op in getattr walk+clunk read write; do
	count "$op" 1000 "$@" >few && count "$op" 3000 "$@" >many || exit 1
	awk -v op="$op" 'NR == FNR { few[$1] = $2; next }
		{ n = ($2 - few[$1]) / 2000
		  total += n
		  if (n > 0.005) line = line sprintf(" %s %.2f", $1, n) }
		END { printf "%-12s %.2f:%s\n", op, total, line }' few many
done
