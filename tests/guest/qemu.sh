# SPDX-License-Identifier: BSD-3-Clause
# A QEMU that takes a device of any kind from another process
# (vhost-user-test-device-pci, from 10.2 on): the installed one, or that of the
# next release's backports, fetched once with all that it needs into the cache
# (60 MB, 250 MB unpacked), and run in place. Sourced after rig.sh.
#
#   qemu_find      have rig_boot() run it if it is there
#   qemu_prepare   the same, fetching it; 77 if it is not to be had
#   qemu_vhost SOCKET...
#                  what gives the guest a virtio-9p device for each of them
#   qemu_virtiofsd the same release's virtiofsd, likewise: QEMU_VIRTIOFSD, an
#                  array

# Lists of packages of its own, and a machine on which nothing is installed.
qemu_apt() {
	local dir=$RIG_CACHE/apt-qemu suite=$RIG_NEXT_RELEASE key uri
	key=/usr/share/keyrings/debian-archive-keyring.gpg
	uri=$(rig_mirror)
	[ -n "$uri" ] || return 1
	rm -rf "$dir"
	mkdir -p "$dir"/{lists,cache/archives}/partial || return 1
	[ -f $key ] && key="[signed-by=$key]" || key=
	printf 'deb %s %s %s main\n' "$key" "$uri" "$suite" "$key" "$uri" \
		"$suite-backports" >"$dir/sources.list"
	: >"$dir/status"
	QEMU_APT=(-o "Dir::Etc::SourceList=$dir/sources.list"
		-o Dir::Etc::SourceParts=/dev/null
		-o "Dir::State::Lists=$dir/lists" -o "Dir::Cache=$dir/cache"
		-o "Dir::State::status=$dir/status" -o APT::Sandbox::User=root
		-o APT::Install-Recommends=0)
	apt-get "${QEMU_APT[@]}" update -qq >&2
}

# qemu_fetch PACKAGE DIR: it and what it needs, unpacked into DIR of the cache.
qemu_fetch() {
	local dir=$RIG_CACHE/apt-qemu tmp deb
	rig_say "fetching $1 of $RIG_NEXT_RELEASE-backports (once)"
	tmp=$(mktemp -d "$RIG_CACHE/fetch.XXXXXX") || return 1
	if ! qemu_apt || ! apt-get "${QEMU_APT[@]}" -qq -y --download-only \
		-t "$RIG_NEXT_RELEASE-backports" install "$1" >"$tmp/log" 2>&1; then
		rig_say "cannot download $1"
		cat "$tmp/log" >&2
		rm -rf "$tmp"
		return 1
	fi
	for deb in "$dir"/cache/archives/*.deb; do
		dpkg-deb -x "$deb" "$tmp/root" || return 1
	done
	rm -rf "$dir" "$RIG_CACHE/${2:?}"
	mv "$tmp/root" "$RIG_CACHE/$2"
	rm -rf "$tmp"
}

# What RIG_PROGRAM is has the device. It is not in -device help, and asking for
# help on none succeeds, too.
qemu_is_able() {
	"${RIG_PROGRAM[@]}" -device vhost-user-test-device-pci,help 2>&1 |
		grep -q '^vhost-user-test-device-pci options:'
}

qemu_find() {
	local root=$RIG_CACHE/qemu
	RIG_PROGRAM=(qemu-system-x86_64)
	qemu_is_able && return 0
	RIG_PROGRAM=("$root/usr/lib64/ld-linux-x86-64.so.2"
		--library-path "$root/usr/lib/x86_64-linux-gnu"
		"$root/usr/bin/qemu-system-x86_64" -L "$root/usr/share/qemu"
		-L "$root/usr/share/seabios" -L "$root/usr/lib/ipxe/qemu")
	qemu_is_able && return 0
	RIG_PROGRAM=(qemu-system-x86_64)
	return 1
}

qemu_prepare() {
	mkdir -p "$RIG_CACHE" || return 1
	exec {RIG_LOCK}>"$RIG_CACHE/lock" && flock "$RIG_LOCK"
	qemu_find || { qemu_fetch qemu-system-x86 qemu && qemu_find; }
	exec {RIG_LOCK}>&-
	qemu_is_able && return 0
	rig_say "no QEMU that takes a virtio-9p device is to be had"
	return 77
}

qemu_vhost() {
	local socket i=0
	RIG_DEVICES+=(-object memory-backend-memfd,id=mem,size=768M,share=on
		-machine memory-backend=mem)
	for socket; do
		i=$((i + 1))
		RIG_DEVICES+=(-chardev "socket,id=vhost$i,path=$socket"
			-device "vhost-user-test-device-pci,chardev=vhost$i,virtio-id=9,num_vqs=1,vq_size=128,config_size=64")
	done
}

qemu_virtiofsd() {
	local root=$RIG_CACHE/virtiofsd
	exec {RIG_LOCK}>"$RIG_CACHE/lock" && flock "$RIG_LOCK"
	[ -d "$root" ] || qemu_fetch virtiofsd virtiofsd
	exec {RIG_LOCK}>&-
	QEMU_VIRTIOFSD=("$root/usr/lib64/ld-linux-x86-64.so.2"
		--library-path "$root/usr/lib/x86_64-linux-gnu"
		"$root/usr/libexec/virtiofsd")
	"${QEMU_VIRTIOFSD[@]}" --version >/dev/null 2>&1 && return 0
	rig_say "no virtiofsd is to be had"
	return 77
}
