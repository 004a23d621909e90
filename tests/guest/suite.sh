# SPDX-License-Identifier: BSD-3-Clause
# Sourced by the guest tests: what they do on the host.
here=$(cd "$(dirname "$0")" && pwd)
. "$here/../e2e/lib.sh"
. "$here/rig.sh"
on_exit '[ -z "${RIG_PID:-}" ] || kill $RIG_PID'

# GUEST_TRANSPORT=virtio: the same over two virtio-9p devices; on the kernels in
# GUEST_PACKED with packed queues.
if [ "${GUEST_TRANSPORT:-tcp}" = virtio ]; then
	. "$here/qemu.sh"
	qemu_prepare || exit
	qemu_vhost vhost0 vhost1
	# Of those of $devices.
	serve() {
		local queues='' device listen=()
		suite_is_packed && queues=,packed=on
		for device in ${devices:-0 1}; do
			listen+=(--listen "vhost-user:vhost$device,tag=veneer$device$queues")
		done
		"$VENEER" serve "$@" "${listen[@]}" 2>>log &
		server=$!
		for device in ${devices:-0 1}; do
			wait_for grep -q "listening on vhost-user:vhost$device" log &&
				wait_for test -S "vhost$device" ||
				fail "the server did not start"
		done
	}
fi

suite_is_packed() {
	case " ${GUEST_PACKED:-} " in
	*" ${PWD##*/} "*) return 0 ;;
	*) return 1 ;;
	esac
}

# What a guest is told of how to mount.
guest_transport() {
	echo "transport=${GUEST_TRANSPORT:-tcp}" \
		"packed=$(suite_is_packed && echo 1 || echo 0)"
}

# build_tool NAME SOURCE...: static, since it runs in the initramfs too.
build_tool() {
	local name=$1
	shift
	mkdir -p "$tmp/bin"
	gcc -static -O1 -Wall -D_GNU_SOURCE -std=gnu11 -o "$tmp/bin/$name" "$@" ||
		fail "cannot build $name"
}

# fingerprint DIR...: all that must not change below them.
fingerprint() {
	find "$@" -printf '%p %y %m %U %G %s %T@ %l\n' | sort
	find "$@" -type f -exec cksum {} + | sort
}

# The port of the server that serve() started.
server_port() { sed -n 's/.*tcp:127.0.0.1:\([0-9]*\).*/\1/p' log | tail -n 1; }

# check_upper OPTION...: nothing for veneer check to find.
check_upper() {
	"$VENEER" check "$@" >check-out 2>&1 ||
		fail "veneer check: $(head -n 20 check-out)"
}

# run_guest SECONDS [NAME=VALUE...]: ./job with guest.sh and all tools, port in
# its environment. What it prints is in ./guest-out, and shown if it fails.
run_guest() {
	local seconds=$1 tools
	shift
	mkdir -p "$tmp/bin"
	mapfile -t tools < <(find "$tmp/bin" -type f)
	rig_initramfs initramfs job "$here/guest.sh" "${tools[@]}" || fail "initramfs"
	# shellcheck disable=SC2046
	rig_boot initramfs "$seconds" "port=$(server_port)" $(guest_transport) \
		"$@" >guest-out || {
		tail -n 40 guest-out
		fail "the guest failed"
	}
}
