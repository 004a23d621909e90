# SPDX-License-Identifier: BSD-3-Clause
# A guest with Linux's own 9P client: Debian's kernel and busybox in QEMU.
# Sourced by ./demo and by the tests; needs bash.
#
#   rig_prepare [KERNEL]     kernel and modules into the cache (RIG_CACHE);
#                            KERNEL is stable, the release's own, backports, or
#                            newest, of the next release's backports; RIG_KERNEL
#                            is then its folder
#   rig_each FUNCTION        call it with the name of each of RIG_KERNELS, which
#                            is prepared, in a new folder; 77 if one cannot be
#                            had
#   rig_initramfs OUT JOB [FILE...]
#                            an initramfs that runs JOB, a busybox sh script;
#                            FILEs are put into its /bin
#   rig_initramfs_root OUT   one that mounts what root= on the command line says,
#                            and hands over to its init. What that prints
#                            between RIG_MARK "begin" and "end STATUS" is the job's
#   rig_boot INITRAMFS SECONDS [NAME=VALUE...]
#                            boot it; what JOB printed goes to stdout, its exit
#                            status is ours; 124 on time-out. NAMEs are in
#                            JOB's environment. A kernel that gets stuck or
#                            dies before its first program, which nobody served
#                            anything, is booted again, twice
#   rig_accel                what QEMU is run with
#   RIG_DEVICES              an array: more of QEMU's command line
#   RIG_PROGRAM              an array: QEMU itself
#
# The guest sees the host's loopback as 10.0.2.2 (QEMU's user networking). A
# line "NAME ARGS" that it writes to its second serial port calls step_NAME in
# the shell of rig_boot, and is answered with the exit status.

RIG_CACHE=${RIG_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/veneer}
RIG_KERNELS=${RIG_KERNELS:-stable newest}
RIG_NEXT_RELEASE=trixie
# Emulated processors that wait for each other (a lock, an interrupt to another)
# are slow, more so where there are fewer real ones: a guest has one, where that
# is enough.
RIG_SMP=${RIG_SMP:-1}
# crc32c_generic is what ext4 asks for by another name, where it is a module.
RIG_MODULES="virtio_pci virtio_net 9pnet_fd 9pnet_virtio 9p virtio_blk nbd
	crc32c_generic ext4 virtiofs vsock_loopback"
RIG_CMDLINE="console=ttyS0 quiet loglevel=1 panic=-1 mitigations=off"
RIG_CMDLINE+=" cryptomgr.notests"
RIG_DEVICES=()
RIG_PROGRAM=(qemu-system-x86_64)
RIG_MARK="--8<-- veneer guest"
# Until the first program, which takes 4 s where nothing else runs.
RIG_INIT_SECONDS=120

rig_say() {
	echo "${RIG_NAME:-rig}: $*" >&2
}

# The release of this machine, and where it gets its packages from.
rig_codename() { (. /etc/os-release && echo "${VERSION_CODENAME:-}"); }
rig_mirror() {
	apt-get indextargets --format '$(REPO_URI) $(RELEASE) $(COMPONENT)' |
		awk -v r="$(rig_codename)" '$2 == r && $3 == "main" { print $1; exit }'
}

# Lists of packages of its own for backports of a release: the machine's are
# left alone.
rig_backports_apt() {
	local suite=$1-backports dir=$RIG_CACHE/apt-$1 key uri
	key=/usr/share/keyrings/debian-archive-keyring.gpg
	uri=$(rig_mirror)
	[ -n "$uri" ] || return 1
	mkdir -p "$dir"/{lists,cache/archives}/partial || return 1
	[ -f $key ] && key="[signed-by=$key]" || key=
	echo "deb $key $uri $suite main" >"$dir/sources.list"
	RIG_APT=(-o "Dir::Etc::SourceList=$dir/sources.list"
		-o Dir::Etc::SourceParts=/dev/null
		-o "Dir::State::Lists=$dir/lists" -o "Dir::Cache=$dir/cache"
		-o APT::Sandbox::User=root)
	apt-get "${RIG_APT[@]}" update -qq >&2
}

# Unpacked whole, and with the modules that are wanted today.
rig_is_complete() {
	[ -f "$RIG_KERNEL/image" ] &&
		[ "$(cat "$RIG_KERNEL/complete" 2>/dev/null)" = "$RIG_MODULES" ]
}

# What package $1 depends on, of names that match $2.
rig_depends() {
	apt-cache "${RIG_APT[@]}" depends "$1" 2>/dev/null |
		awk -v want="$2" '$1 == "Depends:" && $2 ~ "^" want { print $2 }'
}

# The folder of a kernel is named by its package; a link names the newest.
# Backports are asked only once: their lists are not the machine's.
rig_find_kernel() {
	local kernel=$1 pkg release
	RIG_APT=() RIG_KERNEL=$RIG_CACHE/kernel-$kernel
	if [ "$kernel" != stable ]; then
		rig_is_complete && return 0
		[ "$kernel" = newest ] && release=$RIG_NEXT_RELEASE ||
			release=$(rig_codename)
		rig_backports_apt "$release" || rig_say "no list of backports"
	fi
	pkg=$(rig_depends linux-image-amd64 linux-image | head -n 1)
	[ -n "$pkg" ] && RIG_KERNEL=$RIG_CACHE/$pkg
	rig_is_complete && return 0
	[ -n "$pkg" ] && rig_fetch_kernel "$pkg" &&
		ln -sfn "$pkg" "$RIG_CACHE/kernel-$kernel"
}

# Fetch Debian's kernel image package and unpack, not install, what is needed.
rig_fetch_kernel() {
	local pkg=$1 version tmp parts
	rig_say "fetching $pkg (once)"
	# From 7 on it is in three others.
	parts=$(rig_depends "$pkg" 'linux-(base|binary|modules)-')
	tmp=$(mktemp -d "$RIG_CACHE/fetch.XXXXXX") || return 1
	# shellcheck disable=SC2086
	if ! (cd "$tmp" && apt-get "${RIG_APT[@]}" download -q ${parts:-$pkg} \
		>download.log 2>&1 &&
		for deb in ./*.deb; do dpkg-deb -x "$deb" root || exit; done); then
		rig_say "cannot download $pkg:"
		cat "$tmp/download.log" >&2
		rm -rf "$tmp"
		return 1
	fi
	[ -d "$tmp/root/lib" ] || ln -s usr/lib "$tmp/root/lib"
	version=$(basename "$tmp"/root/lib/modules/*)
	depmod -b "$tmp/root" "$version"
	mkdir -p "$tmp/kernel/modules"
	mv "$tmp/root/boot/vmlinuz-$version" "$tmp/vmlinuz" 2>/dev/null ||
		mv "$tmp/root/lib/modules/$version/vmlinuz" "$tmp/" || return 1
	rig_unpack_image "$tmp/vmlinuz" "$tmp/kernel/image" ||
		mv "$tmp/vmlinuz" "$tmp/kernel/image"
	rig_pick_modules "$tmp/root" "$version" "$tmp/kernel/modules"
	echo "$version" >"$tmp/kernel/version"
	echo "$RIG_MODULES" >"$tmp/kernel/complete"
	rm -rf "$RIG_KERNEL"
	mv "$tmp/kernel" "$RIG_KERNEL"
	rm -rf "$tmp"
}

# rig_field FILE OFFSET SIZE: an unsigned number in it.
rig_field() { od -An -t "u$3" -j "$2" -N "$3" "$1" | tr -d ' '; }

# rig_unpack_image BZIMAGE OUT: the kernel in it, an ELF file that QEMU boots by
# itself (PVH): a guest has not to unpack it by emulated instructions each time.
# Fields of Linux' Documentation/arch/x86/boot.rst; the length of what is packed
# counts that of what comes out, its last four bytes.
rig_unpack_image() {
	local at length program
	at=$((($(rig_field "$1" 0x1f1 1) + 1) * 512 + $(rig_field "$1" 0x248 4)))
	length=$(($(rig_field "$1" 0x24c 4) - 4))
	case $(od -An -t x1 -j $at -N 4 "$1") in
	' fd 37 7a 58') program=xz ;;
	' 28 b5 2f fd') program=zstd ;;
	*) return 1 ;;
	esac
	tail -c +$((at + 1)) "$1" | head -c $length | $program -dcq >"$2" &&
		od -An -c -N 4 "$2" | grep -q 'E *L *F'
}

rig_prepare() {
	local kernel=${1:-stable} tool
	for tool in qemu-system-x86_64 cpio depmod busybox; do
		if ! command -v "$tool" >/dev/null; then
			rig_say "$tool is missing: apt-get install" \
				"qemu-system-x86 cpio kmod busybox-static"
			return 77
		fi
	done
	mkdir -p "$RIG_CACHE" || return 1
	# Tests that run at once fetch it once.
	exec {RIG_LOCK}>"$RIG_CACHE/lock" && flock "$RIG_LOCK"
	rig_find_kernel "$kernel"
	exec {RIG_LOCK}>&-
	rig_is_complete && return 0
	rig_say "the kernel of $kernel is not to be had"
	return 77
}

rig_each() {
	local kernel status=0
	for kernel in $RIG_KERNELS; do
		rig_prepare "$kernel" || {
			[ $? -eq 77 ] || return 1
			status=77
			continue
		}
		mkdir "$kernel" && cd "$kernel" || return 1
		echo "== $kernel: $(cat "$RIG_KERNEL/version")"
		"$1" "$kernel" || return
		cd ..
	done
	return $status
}

# Copy RIG_MODULES and what they need, and list them in order of loading.
rig_pick_modules() {
	local root=$1 version=$2 to=$3 module path
	for module in $RIG_MODULES; do
		modprobe -d "$root" -S "$version" --show-depends "$module" 2>/dev/null |
			awk '$1 == "insmod" { print $2 }'
	done | awk '!seen[$0]++' | while read -r path; do
		case $path in
		*.xz) busybox xzcat "$path" ;;
		*) cat "$path" ;;
		esac >"$to/$(basename "$path" .xz)"
		basename "$path" .xz >>"$to/order"
	done
}

# A folder with what every initramfs here begins with; the rest of its init
# follows.
rig_initramfs_begin() {
	local dir
	dir=$(mktemp -d) || return 1
	chmod 755 "$dir"
	mkdir -p "$dir"/{bin,dev,etc,lib,mnt,proc,sys,tmp}
	cp "$(command -v busybox)" "$dir/bin/busybox"
	cp "$RIG_KERNEL"/modules/* "$dir/lib/"
	cat >"$dir/init" <<-INIT
	#!/bin/busybox sh
	/bin/busybox --install -s /bin
	export PATH=/bin HOME=/
	mount -t proc proc /proc
	mount -t sysfs sys /sys
	mount -t devtmpfs dev /dev 2>/dev/null
	echo "$RIG_MARK init"
	while read -r m; do
		echo "loading \$m"
		insmod /lib/\$m || echo "cannot load \$m"
	done </lib/order
	INIT
	chmod +x "$dir/init"
	echo "$dir"
}

rig_initramfs_end() {
	(cd "$1" && find . | cpio --quiet -o -H newc -R 0:0) >"$2"
	rm -rf "$1"
}

rig_initramfs() {
	local out=$1 job=$2 dir
	shift 2
	dir=$(rig_initramfs_begin) || return 1
	cp "$job" "$dir/job"
	[ $# -gt 0 ] && cp "$@" "$dir/bin/"
	printf 'root:x:0:0:root:/:/bin/sh\nalice:x:1000:1000::/:/bin/sh\nnobody:x:65534:65534::/:/bin/sh\n' >"$dir/etc/passwd"
	printf 'root:x:0:\nalice:x:1000:\nnogroup:x:65534:\n' >"$dir/etc/group"
	cat >>"$dir/init" <<-INIT
	mount -t tmpfs tmp /tmp
	ip link set lo up
	ip link set eth0 up
	ip addr add 10.0.2.15/24 dev eth0
	ip route add default via 10.0.2.2
	hostname guest
	umask 022
	echo "$RIG_MARK begin"
	sh /job </dev/null
	echo "$RIG_MARK end \$?"
	sync
	poweroff -f
	INIT
	rig_initramfs_end "$dir" "$out"
}

rig_initramfs_root() {
	local dir
	dir=$(rig_initramfs_begin) || return 1
	cat >>"$dir/init" <<-'INIT'
	for word in $(cat /proc/cmdline); do
		case $word in
		root=*) root=${word#*=} ;;
		rootfstype=*) type=${word#*=} ;;
		rootflags=*) flags=${word#*=} ;;
		rw | ro) flags=${flags:+$flags,}$word ;;
		esac
	done
	mount -t "$type" -o "$flags" "$root" /mnt || poweroff -f
	for dir in dev proc sys; do mount --move /$dir /mnt/$dir; done
	exec switch_root /mnt /sbin/init
	INIT
	rig_initramfs_end "$dir" "$1"
}

# /dev/kvm may be there and yet not work: try it.
rig_accel() {
	if [ -z "${RIG_ACCEL:-}" ]; then
		# Emulated, an instruction that moves many bytes does it one by one;
		# without ERMS, Linux moves eight.
		RIG_ACCEL="-accel tcg,thread=multi -cpu max,-erms,-fsrm"
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
	RIG_QEMU=("${RIG_PROGRAM[@]}" $(rig_accel) -m 768 -smp $RIG_SMP -nodefaults
		-display none -no-reboot -kernel "$RIG_KERNEL/image"
		-initrd "$initramfs" -netdev user,id=n0
		-device virtio-net-pci,netdev=n0 "${RIG_DEVICES[@]}"
		-append "$RIG_CMDLINE $*")
}

# Do what the guest asks for until QEMU, which alone holds the other end, ends.
rig_serve_steps() {
	local line
	while read -r line <&"$1"; do
		# shellcheck disable=SC2086
		step_$line >&2
		echo $? >&"$2"
	done
}

rig_has_init() { grep -qa "^$RIG_MARK init" "$RIG_RUN/console" 2>/dev/null; }

# rig_watch PID SECONDS: end that QEMU after them, or after RIG_INIT_SECONDS; where
# each of its processors is goes to ./registers of its folder, which says, too,
# that it was late.
rig_watch() {
	local pid=$1 until=$((SECONDS + $2)) init=$((SECONDS + RIG_INIT_SECONDS))
	local run=$RIG_RUN
	while [ $SECONDS -lt $until ]; do
		[ $SECONDS -lt $init ] || rig_has_init || break
		sleep 1
		kill -0 "$pid" 2>/dev/null || return
	done
	echo "info registers -a" 1<>"$run/monitor.in"
	timeout 3 cat "$run/monitor.out" >"$run/registers"
	kill "$pid"
	sleep 5
	kill -KILL "$pid" 2>/dev/null
}

# Leaves what it printed in RIG_RUN; its exit status is QEMU's.
rig_boot_once() {
	local initramfs=$1 seconds=$2 status hold in out watch
	shift 2
	RIG_RUN=$(mktemp -d "${tmp:-/tmp}/rig.XXXXXX") &&
		mkfifo "$RIG_RUN"/{steps,monitor}.{in,out} || return 1
	rig_qemu "$initramfs" "$@"
	# QEMU inherits hold: our reader waits for it, and ends with it.
	exec {hold}<>"$RIG_RUN/steps.out" {in}<"$RIG_RUN/steps.out" \
		{out}<>"$RIG_RUN/steps.in"
	"${RIG_QEMU[@]}" -serial "file:$RIG_RUN/console" \
		-chardev "pipe,id=steps,path=$RIG_RUN/steps" \
		-serial chardev:steps -mon chardev=monitor \
		-chardev "pipe,id=monitor,path=$RIG_RUN/monitor" \
		</dev/null 2>"$RIG_RUN/qemu" &
	RIG_PID=$!
	exec {hold}>&-
	rig_watch "$RIG_PID" "$seconds" >/dev/null 2>&1 &
	watch=$!
	rig_serve_steps "$in" "$out"
	wait "$RIG_PID"
	status=$?
	RIG_PID=
	exec {in}<&- {out}>&-
	[ ! -e "$RIG_RUN/registers" ] || status=124
	kill "$watch" 2>/dev/null
	tr -d '\r' <"$RIG_RUN/console" >"$RIG_RUN/log"
	return "$status"
}

rig_boot() {
	local status again
	for again in yes yes no; do
		rig_boot_once "$@"
		status=$?
		[ $again = yes ] && [ $status -eq 124 -o $status -eq 0 ] &&
			! rig_has_init || break
		rig_say "the guest's kernel got stuck or died: booting it again"
		tail -n 20 "$RIG_RUN/log" >&2
		rig_registers >&2
		rm -rf "$RIG_RUN"
	done
	rig_report "$status"
	status=$?
	rm -rf "$RIG_RUN"
	return "$status"
}

# Where it was when it was late.
rig_registers() {
	grep -aE '^(CPU|RIP|RSP|CR|GS )' "$RIG_RUN/registers" 2>/dev/null
}

# What the guest printed, and the exit status of its job.
rig_report() {
	local status=$1 log=$RIG_RUN/log
	sed -n "/^$RIG_MARK begin/,/^$RIG_MARK end/p" "$log" |
		grep -v "^$RIG_MARK"
	if [ "$status" -ne 0 ]; then
		rig_say "the guest did not end by itself ($status):"
		tail -n 40 "$log" "$RIG_RUN/qemu" >&2
		rig_registers >&2
		return "$status"
	fi
	status=$(sed -n "s/^$RIG_MARK end //p" "$log")
	if [ -z "$status" ]; then
		rig_say "the guest ended before its job:"
		tail -n 20 "$log" >&2
		status=1
	fi
	return "$status"
}
