# SPDX-License-Identifier: BSD-3-Clause
# Sourced by the jobs in the guest, busybox sh: mounts, and checks that count.
failures=0

# mount_tree DIR OPTIONS: the server's tree, over the first of $devices that is
# not mounted yet, or TCP; which and the port are on the kernel's command line.
mount_tree() {
	local device
	if [ "$transport" = virtio ]; then
		want_packed "$packed"
		for device in ${devices:-0 1}; do
			mount -t 9p -o "trans=virtio,version=9p2000.L,msize=512000,$2" \
				"veneer$device" "$1" 2>/tmp/mount-said && return
		done
		cat /tmp/mount-said
		return 1
	fi
	mount -t 9p -o "trans=tcp,port=$port,version=9p2000.L,msize=1048576,$2" \
		10.0.2.2 "$1"
}

fault() {
	echo "FAILED: $*"
	failures=$((failures + 1))
}

# want_packed 1|0: what its 9P devices and their drivers have agreed on: bit 34.
want_packed() {
	local dir
	for dir in /sys/bus/virtio/devices/*; do
		[ "$(cat "$dir/device")" = 0x0009 ] || continue
		want "$1" cut -c 35 "$dir/features"
	done
}

# want TEXT COMMAND...: it prints just that.
want() {
	local text=$1 got
	shift
	got=$("$@" 2>&1)
	[ "$got" = "$text" ] || fault "$what: $*: '$got' instead of '$text'"
}

# must COMMAND... and must_not: it succeeds, or does not.
must() { "$@" || fault "$what: $* ends with $?"; }
must_not() { ! "$@" 2>/dev/null || fault "$what: $* succeeds"; }

# host NAME ARGS: step_NAME of the test, on the host.
host() {
	local status
	[ -n "$host_is_raw" ] || stty -F /dev/ttyS1 raw -echo
	host_is_raw=1
	exec 9<>/dev/ttyS1
	echo "$*" >&9
	read -r status <&9
	exec 9>&-
	[ "$status" = 0 ] || fault "$what: on the host: $* ends with $status"
}
host_is_raw= what=start
