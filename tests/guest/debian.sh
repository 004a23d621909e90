# SPDX-License-Identifier: BSD-3-Clause
# Sourced by the tests that run Debian's programs in a guest.
#
#   debian_root PACKAGE...   unpack them, not install, into a folder of the
#                            cache, once: DEBIAN_ROOT. Their dependencies are to
#                            be named. 77 if they cannot be downloaded
#   debian_bootstrap PACKAGE...
#                            a Debian of this machine's release that boots, with
#                            systemd and these, in the cache: DEBIAN_ROOT. 77
#                            likewise. As root
#   debian_package PACKAGE   its file, downloaded once: DEBIAN_PACKAGE

debian_root() {
	local key dir
	key=$(echo "$*" | cksum | cut -d' ' -f1)
	DEBIAN_ROOT=$RIG_CACHE/debian-$key
	[ -d "$DEBIAN_ROOT" ] && return 0
	mkdir -p "$RIG_CACHE" && dir=$(mktemp -d "$RIG_CACHE/fetch.XXXXXX") || return 1
	rig_say "fetching $* (once)"
	if ! (cd "$dir" && apt-get download -q "$@" >download.log 2>&1); then
		cat "$dir/download.log" >&2
		rm -rf "$dir"
		return 77
	fi
	for deb in "$dir"/*.deb; do
		dpkg-deb -x "$deb" "$dir/root" || return 1
	done
	# Nobody reads these here, and each start would look at them.
	rm -rf "$dir"/root/usr/share/{doc,man,locale,info,lintian}
	mkdir -p "$dir"/root/{bin,dev,etc,proc,tmp,root}
	chmod 1777 "$dir/root/tmp"
	cp "$(command -v busybox)" "$dir/root/bin/busybox"
	ln -sfn busybox "$dir/root/bin/sh"
	mv -T "$dir/root" "$DEBIAN_ROOT" 2>/dev/null || [ -d "$DEBIAN_ROOT" ]
	rm -rf "$dir"
}

debian_bootstrap() {
	local key dir
	key=$(echo "$*" | cksum | cut -d' ' -f1)
	DEBIAN_ROOT=$RIG_CACHE/debian-boot-$(rig_codename)-$key
	[ -d "$DEBIAN_ROOT" ] && return 0
	command -v mmdebstrap >/dev/null || {
		rig_say "mmdebstrap is missing: apt-get install mmdebstrap"
		return 77
	}
	mkdir -p "$RIG_CACHE" && dir=$(mktemp -d "$RIG_CACHE/fetch.XXXXXX") || return 1
	chmod 755 "$dir"
	rig_say "making a Debian of $(rig_codename) (once)"
	if ! mmdebstrap --mode=root --variant=essential \
		--include="$(echo systemd-sysv "$@" | tr ' ' ,)" \
		--dpkgopt=path-exclude=/usr/share/{doc,info,locale,man}/* \
		"$(rig_codename)" "$dir/root" "$(rig_mirror)" >"$dir/log" 2>&1; then
		rig_say "cannot make a Debian:"
		tail -n 20 "$dir/log" >&2
		rm -rf "$dir"
		return 77
	fi
	mv -T "$dir/root" "$DEBIAN_ROOT" 2>/dev/null || [ -d "$DEBIAN_ROOT" ]
	rm -rf "$dir"
}

debian_package() {
	mkdir -p "$RIG_CACHE/debs"
	DEBIAN_PACKAGE=$(compgen -G "$RIG_CACHE/debs/$1_*.deb") && return 0
	(cd "$RIG_CACHE/debs" && apt-get download -q "$1" >&2) || return 77
	DEBIAN_PACKAGE=$(compgen -G "$RIG_CACHE/debs/$1_*.deb")
}
