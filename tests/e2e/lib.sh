# SPDX-License-Identifier: BSD-3-Clause
# Sourced by the shell tests: a temporary directory to work in, a server
# stopped by its process id, 77 for what cannot be tested here.
set -u
here=$(cd "$(dirname "$0")" && pwd)
build=${VENEER_BUILD:-$PWD}
VENEER=${VENEER:-$build/veneer}
tmp=$(mktemp -d "${TMPDIR:-/tmp}/veneer-e2e.XXXXXX")
server= exit_commands=:

on_exit() { exit_commands="$1; $exit_commands"; }
finish() {
	local status=$?
	cd /
	[ -n "$server" ] && kill "$server" 2>/dev/null && wait "$server" 2>/dev/null
	eval "$exit_commands" 2>/dev/null
	[ $status -ne 0 ] && [ $status -ne 77 ] && tail -n 15 "$tmp"/log "$tmp"/*/log >&2 2>/dev/null
	rm -rf "$tmp"
}
trap finish EXIT
cd "$tmp" || exit 1

fail() {
	echo "FAILED: $*" >&2
	exit 1
}
skip() {
	echo "skipped: $*"
	exit 77
}
need() { command -v "$1" >/dev/null || skip "$1 is missing"; }
need_root() { [ "$(id -u)" -eq 0 ] || skip "needs root"; }
client_path() { echo "$build/tests/e2e/client"; }

# wait_for CONDITION...: for a condition, never for time; 10 s at most.
wait_for() {
	local i
	for i in $(seq 1000); do
		"$@" && return 0
		sleep 0.01
	done
	return 1
}

# says_listening FROM NUMBER: that many times since byte FROM of the log.
says_listening() {
	[ "$(tail -c +"$1" log | grep -c 'listening on')" -ge "$2" ]
}
# serve OPTION...: start, wait until it listens on all that it was told to.
serve() {
	local from nr
	from=$(($(stat -c %s log 2>/dev/null || echo 0) + 1))
	nr=$(printf '%s\n' "$@" | grep -cE '^--listen(=.*)?$')
	"$VENEER" serve "$@" 2>>log &
	server=$!
	wait_for says_listening "$from" "$((nr > 0 ? nr : 1))" ||
		fail "the server did not start"
}
stop_server() {
	kill "$server"
	wait "$server"
	local status=$?
	server=
	[ $status -eq 0 ] || fail "the server ended with $status"
}
