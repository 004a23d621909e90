#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# The binary has the probes that docs/veneer.8 names, with their arguments, and
# they are a nop where nobody looks.
. "$(dirname "$0")/lib.sh"
need readelf
readelf -n -W "$VENEER" | grep -A3 'Provider: veneer' >notes || fail "no probes"
# has NAME NUMBER: that probe, with so many arguments, wherever it is.
has() {
	grep -A2 "Name: $1\$" notes | sed -n 's/^ *Arguments: //p' >args
	[ -s args ] || fail "no probe \"$1\": $(cat notes)"
	while read -ra words; do
		[ ${#words[@]} -eq "$2" ] || fail "\"$1\" has arguments: ${words[*]}"
	done <args
	address=$(grep -A1 "Name: $1\$" notes | sed -n 's/.*Location: \(0x[0-9a-f]*\),.*/\1/p' | head -1)
	grep -q "^.It Cm $1 Ar" "$here/../../docs/veneer.8" || fail "\"$1\" is not in veneer(8)"
	objdump -d --start-address="$address" --stop-address=$((address + 1)) "$VENEER" |
		grep -qw nop || fail "no nop at $address"
}
has request__start 3
has request__done 4
