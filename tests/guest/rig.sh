# SPDX-License-Identifier: BSD-3-Clause
# A guest with Linux's own 9P client: Debian's kernel and busybox in QEMU.
# Sourced by ./demo and by the tests; needs bash.
#
#   rig_prepare              kernel and modules into the cache (RIG_CACHE)
#   rig_initramfs OUT JOB [FILE...]
#                            an initramfs that runs JOB, a busybox sh script;
#                            FILEs are put into its /bin
#   rig_boot INITRAMFS SECONDS [APPEND...]
#                            boot it; what JOB printed goes to stdout, its exit
#                            status is ours; 124 on time-out
#   rig_accel                what QEMU is run with
#
# The guest sees the host's loopback as 10.0.2.2 (QEMU's user networking).

RIG_CACHE=${RIG_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/veneer}
RIG_MODULES="virtio_pci virtio_net 9pnet_fd 9p"
RIG_MARK="--8<-- veneer guest"

rig_say() {
	echo "${RIG_NAME:-rig}: $*" >&2
}

# Fetch Debian's kernel image package and unpack, not install, what is needed.
rig_prepare() {
	local pkg dir version tmp
	for tool in qemu-system-x86_64 cpio depmod busybox; do
		if ! command -v "$tool" >/dev/null; then
			rig_say "$tool is missing: apt-get install" \
				"qemu-system-x86 cpio kmod busybox-static"
			return 77
		fi
	done
	pkg=$(apt-cache depends linux-image-amd64 2>/dev/null |
		awk '/Depends: linux-image/ { print $2; exit }')
	if [ -z "$pkg" ]; then
		dir=$(ls -d "$RIG_CACHE"/linux-image-*/ 2>/dev/null | tail -n 1)
		pkg=$(basename "${dir:-none}")
	fi
	RIG_KERNEL=$RIG_CACHE/$pkg
	[ -f "$RIG_KERNEL/complete" ] && return 0
	rig_say "fetching $pkg (once)"
	mkdir -p "$RIG_CACHE" || return 1
	tmp=$(mktemp -d "$RIG_CACHE/fetch.XXXXXX") || return 1
	if ! (cd "$tmp" && apt-get download -q "$pkg" >&2 2>download.log &&
		dpkg-deb -x ./*.deb root); then
		rig_say "cannot download $pkg:"
		cat "$tmp/download.log" >&2
		rm -rf "$tmp"
		return 77
	fi
	version=$(basename "$tmp"/root/lib/modules/*)
	depmod -b "$tmp/root" "$version"
	mkdir -p "$tmp/kernel/modules"
	cp "$tmp/root/boot/vmlinuz-$version" "$tmp/kernel/vmlinuz"
	rig_pick_modules "$tmp/root" "$version" "$tmp/kernel/modules"
	echo "$version" >"$tmp/kernel/version"
	touch "$tmp/kernel/complete"
	rm -rf "$RIG_KERNEL"
	mv "$tmp/kernel" "$RIG_KERNEL"
	rm -rf "$tmp"
}

# Copy RIG_MODULES and what they need, and list them in order of loading.
rig_pick_modules() {
	local root=$1 version=$2 to=$3 module path
	for module in $RIG_MODULES; do
		modprobe -d "$root" -S "$version" --show-depends "$module" |
			awk '$1 == "insmod" { print $2 }'
	done | awk '!seen[$0]++' | while read -r path; do
		cp "$path" "$to/"
		basename "$path" >>"$to/order"
	done
}

rig_initramfs() {
	local out=$1 job=$2 dir
	shift 2
	dir=$(mktemp -d) || return 1
	mkdir -p "$dir"/{bin,dev,etc,lib,mnt,proc,sys,tmp}
	cp "$(command -v busybox)" "$dir/bin/busybox"
	cp "$RIG_KERNEL"/modules/* "$dir/lib/"
	cp "$job" "$dir/job"
	[ $# -gt 0 ] && cp "$@" "$dir/bin/"
	printf 'root:x:0:0:root:/:/bin/sh\nalice:x:1000:1000::/:/bin/sh\nnobody:x:65534:65534::/:/bin/sh\n' >"$dir/etc/passwd"
	printf 'root:x:0:\nalice:x:1000:\nnogroup:x:65534:\n' >"$dir/etc/group"
	cat >"$dir/init" <<-INIT
	#!/bin/busybox sh
	/bin/busybox --install -s /bin
	export PATH=/bin HOME=/
	mount -t proc proc /proc
	mount -t sysfs sys /sys
	mount -t devtmpfs dev /dev 2>/dev/null
	mount -t tmpfs tmp /tmp
	while read -r m; do insmod /lib/\$m || echo "cannot load \$m"; done </lib/order
	ip link set lo up
	ip link set eth0 up
	ip addr add 10.0.2.15/24 dev eth0
	ip route add default via 10.0.2.2
	hostname guest
	umask 022
	echo "$RIG_MARK begin"
	sh /job
	echo "$RIG_MARK end \$?"
	sync
	poweroff -f
	INIT
	chmod +x "$dir/init"
	(cd "$dir" && find . | cpio --quiet -o -H newc -R 0:0 | gzip -1) >"$out"
	rm -rf "$dir"
}

# /dev/kvm may be there and yet not work: try it.
rig_accel() {
	if [ -z "${RIG_ACCEL:-}" ]; then
		RIG_ACCEL="-accel tcg,thread=multi -cpu max"
		if [ -w /dev/kvm ] && (timeout 5 qemu-system-x86_64 \
			-accel kvm -cpu host -display none -S -monitor stdio \
			<<<quit) >/dev/null 2>&1; then
			RIG_ACCEL="-accel kvm -cpu host"
		fi
	fi
	echo "$RIG_ACCEL"
}

# The command line of QEMU up to the console.
rig_qemu() {
	local initramfs=$1
	shift
	RIG_QEMU=(qemu-system-x86_64 $(rig_accel) -m 768 -smp 2 -nodefaults
		-display none -no-reboot -kernel "$RIG_KERNEL/vmlinuz"
		-initrd "$initramfs" -netdev user,id=n0
		-device virtio-net-pci,netdev=n0
		-append "console=ttyS0 quiet loglevel=1 panic=-1 $*")
}

rig_boot() {
	local initramfs=$1 seconds=$2 status log
	shift 2
	rig_qemu "$initramfs" "$@"
	log=$(mktemp)
	timeout -k 5 "$seconds" "${RIG_QEMU[@]}" -serial stdio </dev/null 2>&1 |
		tr -d '\r' >"$log"
	status=${PIPESTATUS[0]}
	sed -n "/^$RIG_MARK begin/,/^$RIG_MARK end/p" "$log" |
		grep -v "^$RIG_MARK"
	if [ "$status" -ne 0 ]; then
		rig_say "the guest did not end by itself ($status):"
		tail -n 20 "$log" >&2
	else
		status=$(sed -n "s/^$RIG_MARK end //p" "$log")
		if [ -z "$status" ]; then
			rig_say "the guest ended before its job:"
			tail -n 20 "$log" >&2
			status=1
		fi
	fi
	rm -f "$log"
	return "$status"
}
