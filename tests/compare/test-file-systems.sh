#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# The tests of layers/ and of the server with their layers on other file
# systems, with many lowers, and as an ordinary user. FULL=1, as
# `make check-root` sets it, is all of them everywhere; else those where it makes
# a difference: neither those that fail each change, nor what is about threads,
# descriptors, locks, or an upper at rest; and no ext4, which ./check uses.
. "$(dirname "$0")/../e2e/lib.sh"
need_root
full=${FULL:-0}

# make_fs TYPE: mounted on ./TYPE; 1: this machine has no such tool.
make_fs() {
	mkdir "$1"
	if [ "$1" = tmpfs ]; then
		mount -t tmpfs veneer-test "$1" || return 1
	else
		command -v "mkfs.$1" >/dev/null || return 1
		truncate -s 600M "$1.img"
		"mkfs.$1" -q "$1.img" >/dev/null || return 1
		mount -o loop "$1.img" "$1" || return 1
	fi
	on_exit "umount $PWD/$1 || umount -l $PWD/$1"
	chmod 1777 "$1"
}

slow='failure|forged|settle|check|threads|fds|partial-model|follow|lock'
many='merge|redirect|golden|index|metacopy|links|startup'

# run_tests LABEL DIRECTORY COMMAND...: with their layers there; only those of
# $only, if that is set.
failed=0 ran=0 only=
run_tests() {
	local label=$1 dir=$2 test status
	shift 2
	for test in "$build"/tests/unit/test-layers-* \
		"$build"/tests/e2e/test-{attributes,cve-names,fid-states,fids}; do
		[ -x "$test" ] && [ -f "$test" ] && [[ $test != *.@(log|trs) ]] ||
			continue
		if [ "$full" = 0 ]; then
			[[ ${test##*/} =~ $slow ]] && continue
			[ -z "$only" ] || [[ ${test##*/} =~ $only ]] || continue
		fi
		(cd "$build" && TMPDIR=$dir timeout 600 "$@" "$test") >out 2>&1
		status=$?
		ran=$((ran + 1))
		[ $status -eq 0 ] || [ $status -eq 77 ] && continue
		echo "$label: $(basename "$test") ends with $status"
		grep -v '^\[ .*\(RUN\|OK\)' out | tail -n 20
		failed=$((failed + 1))
	done
}

for type in xfs btrfs tmpfs ext4; do
	make_fs $type || { echo "$type: not here" && continue; }
	[ $type = ext4 ] && [ "$full" = 0 ] || run_tests $type "$PWD/$type" env
done
# Lowers between the two that the tests fill: many, and one.
only=$many
run_tests "40 lowers" "$tmp" env VENEER_TEST_BETWEEN=38
only=
[ "$full" = 0 ] || run_tests "3 lowers" "$tmp" env VENEER_TEST_BETWEEN=1
# An ordinary user, if the build can be reached.
user="setpriv --reuid=65534 --regid=65534 --clear-groups"
chmod 755 "$tmp"
# shellcheck disable=SC2086
if $user test -x "$build/veneer"; then
	run_tests "as a user" "$PWD/ext4" $user
else
	echo "as a user: cannot reach $build"
fi
echo "$ran runs, $failed failed"
[ $failed -eq 0 ]
