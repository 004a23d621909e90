# SPDX-License-Identifier: BSD-3-Clause
# Sourced by the run*.sh here but run-calls.sh; $build is set then.
#
#   rig_arguments [ARGUMENT...]   quick=1 for --quick, ext4=1 for --ext4; else
#                                 exit 2
#   rig_needs_diod                exit 77 without root or diod
#   rig_begin SIZE [OPTION]       $tmp, and in it a file system of SIZE, fs, which
#                                 is the current directory: tmpfs (with the mount
#                                 OPTION) or, with ext4=1, ext4 in an image; no
#                                 more than a folder for who is not root. All of
#                                 it, and what runs, goes at the end
#   rig_overlay LOWERS            mount an overlay at merged, of d-upper and d-work
#   rig_diod                      serve that: diod.sock
#   rig_serve NAME OPTION...      veneer on NAME.sock
#   rig_wait                      until all of these are there
#   rig_versions                  what this is measured with
#
# pids are those of the servers, in order.
rig_name=$(basename "$0" .sh)
pids=() socks=() quick='' ext4=''

rig_arguments() {
	local arg
	for arg in "$@"; do
		case $arg in
		--quick) quick=1 ;;
		--ext4) ext4=1 ;;
		*)
			echo "usage: $rig_name.sh BUILD-FOLDER [--quick] [--ext4]" >&2
			exit 2
			;;
		esac
	done
}

rig_needs_diod() {
	[ "$(id -u)" -eq 0 ] || {
		echo "$rig_name: needs root: it mounts overlayfs for diod"
		exit 77
	}
	command -v diod >/dev/null || {
		echo "$rig_name: diod is missing: apt-get install diod"
		exit 77
	}
}

rig_end() {
	cd /
	# A guest (tests/guest/rig.sh) before what it uses.
	for pid in ${RIG_PID:-} "${pids[@]}"; do
		kill "$pid" 2>/dev/null && wait "$pid" 2>/dev/null
	done
	mountpoint -q "$tmp/fs/merged" && umount "$tmp/fs/merged"
	mountpoint -q "$tmp/fs" && umount "$tmp/fs"
	rm -rf "$tmp"
}

rig_begin() {
	tmp=$(mktemp -d /tmp/veneer-bench.XXXXXX) || exit 1
	trap rig_end EXIT
	trap 'exit 130' INT TERM
	mkdir "$tmp/fs"
	if [ -n "$ext4" ]; then
		# Journaled: without, creating after unlinking costs 0.4 ms by
		# itself.
		truncate -s "$1" "$tmp/image"
		mkfs.ext4 -q "$tmp/image" &&
			mount -o loop "$tmp/image" "$tmp/fs" || exit 1
	elif [ "$(id -u)" -eq 0 ]; then
		mount -t tmpfs -o "size=$1,mode=755${2:+,$2}" bench "$tmp/fs" ||
			exit 1
	fi
	cd "$tmp/fs" || exit 1
}

rig_overlay() {
	mount -t overlay bench \
		-o "lowerdir=$1,upperdir=$tmp/fs/d-upper,workdir=$tmp/fs/d-work" \
		merged || exit 1
}

rig_diod() {
	diod -f -n -l "$tmp/diod.sock" -e "$tmp/fs/merged" --nwthreads 16 \
		>"$tmp/diod.log" 2>&1 &
	pids+=($!) socks+=("$tmp/diod.sock")
}

rig_serve() {
	local name=$1
	shift
	"$build/veneer" serve "$@" --listen "unix:$tmp/$name.sock" &
	pids+=($!) socks+=("$tmp/$name.sock")
}

rig_wait() {
	local sock
	for sock in "${socks[@]}"; do
		for _ in $(seq 100); do
			[ -S "$sock" ] && break
			sleep 0.05
		done
	done
}

rig_versions() {
	echo "$(nproc) cores, $(uname -r)," \
		"diod $(dpkg-query -W -f '${Version}' diod), $("$build/veneer" --version)"
}
