# SPDX-License-Identifier: BSD-3-Clause
# What ./demo and ./check need of Debian, in one place. Sourced; needs bash.

PACKAGES_BUILD="autoconf automake gcc libc6-dev libev-dev
	libgnutls28-dev make pkg-config systemtap-sdt-dev"
PACKAGES_GUEST="attr busybox-static cpio kmod libnbd-bin qemu-system-x86
	xz-utils zstd"
PACKAGES_CHECK="acl btrfs-progs clang clang-format diod e2fsprogs fio
	gnutls-bin libcap2-bin libclang-rt-14-dev libcmocka-dev mandoc mmdebstrap
	nbdkit perl-base python3-libnbd python3-minimal qemu-utils strace
	util-linux xfsprogs"

# Install those of the named packages that are missing.
packages_install() {
	local missing=() p sudo=
	for p in "$@"; do
		dpkg-query -W -f '${Status}' "$p" 2>/dev/null |
			grep -q 'ok installed' || missing+=("$p")
	done
	[ ${#missing[@]} -eq 0 ] && return 0
	if [ "$(id -u)" -ne 0 ]; then
		sudo=sudo
		command -v sudo >/dev/null || {
			echo "missing packages: ${missing[*]}" >&2
			echo "install them as root: apt-get install ${missing[*]}" >&2
			return 1
		}
	fi
	echo "installing: ${missing[*]}"
	$sudo apt-get update -q >/dev/null &&
		$sudo env DEBIAN_FRONTEND=noninteractive apt-get install -q -y \
			--no-install-recommends "${missing[@]}" >/dev/null
}
