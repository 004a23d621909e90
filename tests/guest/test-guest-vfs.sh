#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# The same operations (vfs-ops) in a guest on veneer's merged tree, with
# cache=none, mmap and loose, and on the host on kernel overlayfs: the same
# result for each step, the same tree, the same upper, the lowers untouched.
here=$(cd "$(dirname "$0")" && pwd)
. "$here/../e2e/lib.sh"
. "$here/rig.sh"
need_root
need setfattr
rig_prepare || exit
modes="none mmap loose"
# Each with other options, the same for both.
declare -A options_of=(
	[none]=redirect_dir=on,metacopy=off,index=off
	[mmap]=redirect_dir=on,metacopy=on,index=off
	[loose]=redirect_dir=on,metacopy=on,index=on
)

mkdir bin
gcc -static -O1 -D_GNU_SOURCE -std=gnu11 -o bin/vfs-ops "$here"/vfs-ops*.c ||
	fail "cannot build vfs-ops"
fingerprint() { (cd "$1" && find l1 l2 l3 -printf '%p %y %m %U %G %s %T@ %l\n' | sort); }

trees=()
# mounts_quietly MODE OPTIONS: the kernel sees the names in ./want, and says
# nothing. Its log is the machine's: a warning may be another test's, so that
# only five in turn count.
mounts_quietly() {
	local i tag
	on_exit "umount $PWD/$1/merged"
	for i in 1 2 3 4 5; do
		tag="veneer-guest $$ $i"
		echo "$tag" >/dev/kmsg
		mount -t overlay veneer-test -o "lowerdir=$1/l1:$1/l2:$1/l3,upperdir=$1/upper,workdir=$1/work,$2" "$1/merged" ||
			fail "the kernel does not mount veneer's upper"
		(cd "$1/merged" && find . | sort) | diff want - || fail "the kernel sees another tree in it"
		umount "$1/merged"
		dmesg | sed "1,/$tag\$/d" | grep -i 'overlayfs:' || return 0
	done
	return 1
}

for mode in $modes; do
	sh "$here/prepare-layers.sh" "$mode" || fail "prepare"
	trees+=(--tree "name=$mode,lower=$mode/l1,lower=$mode/l2,lower=$mode/l3,upper=$mode/upper,work=$mode/work,${options_of[$mode]}")
	fingerprint "$mode" >"$mode/before"
done
serve "${trees[@]}" --listen tcp:127.0.0.1:0
port=$(sed -n 's/.*tcp:127.0.0.1:\([0-9]*\).*/\1/p' log)

cat >job <<JOB
for mode in $modes; do
	mount -t 9p -o trans=tcp,port=$port,version=9p2000.L,msize=1048576,access=client,cache=\$mode,aname=\$mode 10.0.2.2 /mnt || exit 1
	echo "## \$mode"
	[ \$mode = none ] && m= || m=mmap
	vfs-ops /mnt \$m 2>&1
	cd / && umount /mnt || exit 1
done
JOB
rig_initramfs initramfs job bin/vfs-ops
rig_boot initramfs 240 >guest-out || fail "the guest failed: $(tail -n 5 guest-out)"
stop_server

# The private xattrs of an upper: names, and values but for origins; no
# uuid, and not our own, which the kernel ignores.
upper() {
	(cd "$1" && find . ! -name . -printf '%p %y %m %U:%G %l\n' | sort
		getfattr -R -h -d -m '^trusted.overlay' --absolute-names . 2>/dev/null |
			sed 's/origin=.*/origin/; /uuid/d; /veneer/d')
}
failed=0
for mode in $modes; do
	k=kernel-$mode options=${options_of[$mode]}
	sh "$here/prepare-layers.sh" "$k" || fail "prepare"
	mkdir "$k/merged"
	mount -t overlay veneer-test -o "lowerdir=$k/l1:$k/l2:$k/l3,upperdir=$k/upper,workdir=$k/work,$options" "$k/merged" ||
		skip "cannot mount overlayfs"
	on_exit "umount $PWD/$k/merged"
	[ $mode = none ] && m= || m=mmap
	bin/vfs-ops "$k/merged" $m >"$k.out" 2>&1
	umount "$k/merged"
	sed -n "/^## $mode\$/,/^## /p" guest-out | grep -v '^## ' >"$mode.out"
	if ! diff -u "$k.out" "$mode.out" >difference; then
		echo "cache=$mode differs from kernel overlayfs:"
		head -n 80 difference
		failed=1
	fi
	upper "$k/upper" >want
	upper "$mode/upper" >got
	if ! diff -u want got >difference; then
		echo "cache=$mode: the upper differs from the kernel's:"
		head -n 60 difference
		failed=1
	fi
	fingerprint "$mode" | diff "$mode/before" - || fail "a lower was written"
	# The kernel mounts veneer's upper and sees the same tree.
	mkdir "$mode/merged"
	sed -n '/^== the tree/,$p' "$mode.out" | sed -n 's/^  \(\.[^:]*\): .*/\1/p' | sort >want
	mounts_quietly "$mode" "$options" || fail "the kernel complains"
	lines=$(wc -l <"$mode.out")
	[ "$lines" -gt 300 ] || fail "only $lines lines came out of the guest"
done
exit $failed
