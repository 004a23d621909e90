#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# One guest, with three devices over the same three lowers: veneer as a
# vhost-user virtio-9p device; QEMU's own virtio-9p and virtiofsd on an overlay
# of the kernel. They take turns at each load, and the medians are compared.
# Nobody caches: 9p with cache=none, virtiofsd with --cache=never; QEMU with
# security_model=passthrough, as all three run as root and keep owners as they are.
#
# SERVE_ARGS are more options of veneer: --poll-us 0.
#
#   run-guest.sh BUILD-FOLDER [--quick] [--ext4]
set -u
build=$1
shift
here=$(cd "$(dirname "$0")" && pwd)
. "$here/rig.sh"
. "$here/../guest/rig.sh"
. "$here/../guest/debian.sh"
. "$here/../guest/qemu.sh"
RIG_NAME=bench-guest RIG_SMP=2
rig_arguments "$@"
rounds=5 nr_dirs=60 nr_files=100 nr_untar=400 mib=128 nr_random=4000
[ -z "$quick" ] || nr_dirs=6 nr_untar=40 mib=16 nr_random=250
[ "$(id -u)" -eq 0 ] || {
	echo "bench-guest: needs root: it mounts overlayfs for QEMU and virtiofsd"
	exit 77
}
command -v git >/dev/null || {
	echo "bench-guest: git is missing: apt-get install git"
	exit 77
}
rig_prepare "${KERNEL:-stable}" && qemu_prepare && qemu_virtiofsd &&
	debian_root git libc6 libpcre2-8-0 zlib1g || exit

# A repository whose directories are in the three lowers by turns; its times are
# such that git trusts them.
make_layers() {
	local d i
	mkdir -p l1/tree l2/tree l3/tree merged v-upper v-work d-upper d-work
	head -c 4096 /dev/zero | tr '\0' x >"$tmp/4k"
	for d in $(seq -f %03g 0 $((nr_dirs - 1))); do
		mkdir "l1/tree/d$d"
		for i in $(seq -f %03g 0 $((nr_files - 1))); do
			echo "$d $i" | cat - "$tmp/4k" >"l1/tree/d$d/f$i"
		done
	done
	find l1/tree -exec touch -h -d '2020-01-02 03:04:05' {} +
	git -C l1/tree -c init.defaultBranch=main init -q
	git -C l1/tree config core.checkStat minimal
	git -C l1/tree config core.trustctime false
	git -C l1/tree add . && git -C l1/tree -c user.name=b -c user.email=b@b \
		commit -q -m bench || exit 1
	for d in $(seq -f %03g 0 $((nr_dirs - 1))); do
		i=$((10#$d % 3 + 1))
		[ $i -eq 1 ] || mv "l1/tree/d$d" "l$i/tree/"
	done
	head -c "${mib}M" /dev/urandom >l3/big
	# What is unpacked, and the programs of the guest.
	mkdir -p "$tmp/untar"
	for i in $(seq "$nr_untar"); do cp "$tmp/4k" "$tmp/untar/file$i"; done
	tar -C "$tmp" -cf "$tmp/untar.tar" untar
	tar -C "$DEBIAN_ROOT" --exclude=./usr/lib/git-core \
		--exclude=./usr/lib/x86_64-linux-gnu/gconv -cf "$tmp/programs.tar" .
	find l1 l2 l3 -type f -exec cat {} + >/dev/null
}

make_job() {
	cat <<-JOB
	rounds=$rounds nr_dirs=$nr_dirs nr_files=$nr_files mib=$mib nr_random=$nr_random
	JOB
	cat <<-'JOB'
	mkdir /tmp/root && tar xf /bin/programs.tar -C /tmp/root || exit 1
	mount -o bind /dev /tmp/root/dev
	mkdir -p /tmp/root/t/veneer /tmp/root/t/qemu /tmp/root/t/virtiofsd
	cd /tmp/root/t
	for name in veneer qemu; do
		mount -t 9p -o trans=virtio,version=9p2000.L,msize=512000,cache=none \
			$name $name || exit 1
	done
	mount -t virtiofs virtiofsd virtiofsd || exit 1

	# By which processor an interrupt comes, other than that which waits, is
	# chance, at each boot and for each device, and half of a round trip.
	for irq in /proc/irq/[0-9]*; do
		echo 1 >$irq/smp_affinity
	done 2>/dev/null

	# turn ROW CPUS LOAD...: the seconds of each; @ is where its tree is.
	turn() {
		local row=$1 cpus=$2 round name load
		shift 2
		for round in $(seq $rounds); do
			for name in veneer qemu virtiofsd; do
				before
				load=$(echo "$*" | sed "s,@,/t/$name,g")
				load=$(taskset $cpus chroot /tmp/root /bin/guest-load $load) || exit 1
				echo "$row;$name;$load"
				rm -rf $name/untar $name/written
			done
		done
	}
	before() { echo 3 >/proc/sys/vm/drop_caches; }
	cp /bin/guest-load /tmp/root/bin/
	cp /bin/untar.tar /tmp/root/
	turn "stat storm" 1 stat @/tree $nr_dirs $nr_files
	turn "git status" 1 run /usr/bin/git -C @/tree --no-optional-locks status --porcelain
	turn "untar" 1 run busybox tar xf /untar.tar -C @
	turn "sequential write" 1 write @/written $mib
	turn "sequential read" 1 read @/big
	turn "4 KiB random reads, 4 threads" 3 random @/big 4 $nr_random
	cd /
	umount /tmp/root/t/*
	JOB
}

start_servers() {
	rig_overlay "l1:l2:l3"
	"${QEMU_VIRTIOFSD[@]}" --socket-path="$tmp/virtiofsd.sock" \
		--shared-dir="$tmp/fs/merged" --cache=never --sandbox=none \
		>"$tmp/virtiofsd.log" 2>&1 &
	pids+=($!) socks+=("$tmp/virtiofsd.sock")
	# shellcheck disable=SC2086
	rig_serve veneer --lower l1 --lower l2 --lower l3 --upper v-upper \
		--work v-work --log-level warning ${SERVE_ARGS:-} \
		--listen "vhost-user:$tmp/vhost.sock,tag=veneer"
	socks+=("$tmp/vhost.sock")
	rig_wait
	qemu_vhost "$tmp/vhost.sock"
	RIG_DEVICES+=(-fsdev "local,id=qemu,path=$tmp/fs/merged,security_model=passthrough"
		-device virtio-9p-pci,fsdev=qemu,mount_tag=qemu
		-chardev "socket,id=virtiofsd,path=$tmp/virtiofsd.sock"
		-device vhost-user-fs-pci,chardev=virtiofsd,tag=virtiofsd)
}

# Lines "ROW;NAME;SECONDS" to a row each: medians, and how many times as fast as
# another veneer is.
compare() {
	awk -F';' '
		!($1 in seen) { seen[$1]; rows[++nr_rows] = $1 }
		{
			key = $1 ";" $2
			for (i = ++n[key]; i > 1 && all[key, i - 1] > $3 + 0; i--)
				all[key, i] = all[key, i - 1]
			all[key, i] = $3 + 0
		}
		function median(row, name,   key) {
			key = row ";" name
			return all[key, int((n[key] + 1) / 2)]
		}
		END {
			printf "%-31s%9s%9s%10s%12s%14s\n", "seconds, and times as fast",
				"veneer", "QEMU", "virtiofsd", "as QEMU", "as virtiofsd"
			for (r = 1; r <= nr_rows; r++) {
				v = median(rows[r], "veneer")
				q = median(rows[r], "qemu")
				f = median(rows[r], "virtiofsd")
				printf "%-31s%9.3f%9.3f%10.3f%12.2f%14.2f\n", rows[r], v, q, f,
					q / v, f / v
			}
		}'
}

rig_begin 3G
echo "preparing $((nr_dirs * nr_files)) files in $nr_dirs directories of three lowers"
make_layers
start_servers
make_job >"$tmp/job"
rig_initramfs "$tmp/initramfs" "$tmp/job" "$build/tests/bench/guest-load" \
	"$tmp/untar.tar" "$tmp/programs.tar" || exit 1
echo "$(nproc) cores, $(uname -r), $(rig_accel); guest $(cat "$RIG_KERNEL/version")"
"${RIG_PROGRAM[@]}" --version | head -n 1
"${QEMU_VIRTIOFSD[@]}" --version
"$build/veneer" --version
rig_boot "$tmp/initramfs" 3600 >"$tmp/seconds" || {
	cat "$tmp/seconds" "$tmp/virtiofsd.log"
	exit 1
}
compare <"$tmp/seconds"
