#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# The same operations (vfs-ops) in a guest on veneer's merged tree, with
# cache=none, mmap and loose, and on the host on kernel overlayfs: the same
# result for each step, the same tree, the same upper, the lowers untouched.
. "$(dirname "$0")/suite.sh"
need_root
need setfattr
modes="none mmap loose"
# Each with other options, the same for both.
declare -A options_of=(
	[none]=redirect_dir=on,metacopy=off,index=off
	[mmap]=redirect_dir=on,metacopy=on,index=off
	[loose]=redirect_dir=on,metacopy=on,index=on
)

build_tool vfs-ops "$here"/vfs-ops*.c
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

# The private xattrs of an upper: names, and values but for origins; no
# uuid, and not our own, which the kernel ignores.
upper() {
	(cd "$1" && find . ! -name . -printf '%p %y %m %U:%G %l\n' | sort
		getfattr -R -h -d -m '^trusted.overlay' --absolute-names . 2>/dev/null |
			sed 's/origin=.*/origin/; /uuid/d; /veneer/d')
}

# compare MODE: what the guest did with the same on kernel overlayfs here.
compare() {
	local mode=$1 k=kernel-$1 options=${options_of[$1]} m= lines
	sh "$here/prepare-layers.sh" "$k" || fail "prepare"
	mkdir "$k/merged"
	mount -t overlay veneer-test -o "lowerdir=$k/l1:$k/l2:$k/l3,upperdir=$k/upper,workdir=$k/work,$options" "$k/merged" ||
		skip "cannot mount overlayfs"
	on_exit "umount $PWD/$k/merged"
	[ "$mode" = none ] || m=mmap
	"$tmp/bin/vfs-ops" "$k/merged" $m >"$k.out" 2>&1
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
	fingerprint "$mode"/l? | diff "$mode/before" - || fail "a lower was written"
	# The kernel mounts veneer's upper and sees the same tree.
	mkdir "$mode/merged"
	sed -n '/^== the tree/,$p' "$mode.out" | sed -n 's/^  \(\.[^:]*\): .*/\1/p' | sort >want
	mounts_quietly "$mode" "$options" || fail "the kernel complains"
	lines=$(wc -l <"$mode.out")
	[ "$lines" -gt 300 ] || fail "only $lines lines came out of the guest"
}

suite() {
	local mode failed=0 trees=()
	for mode in $modes; do
		sh "$here/prepare-layers.sh" "$mode" || fail "prepare"
		trees+=(--tree "name=$mode,lower=$mode/l1,lower=$mode/l2,lower=$mode/l3,upper=$mode/upper,work=$mode/work,${options_of[$mode]}")
		fingerprint "$mode"/l? >"$mode/before"
	done
	serve "${trees[@]}" --listen tcp:127.0.0.1:0
	cat >job <<-JOB
	. guest.sh
	for mode in $modes; do
		mount_tree /mnt access=client,cache=\$mode,aname=\$mode || exit 1
		echo "## \$mode"
		[ \$mode = none ] && m= || m=mmap
		vfs-ops /mnt \$m 2>&1
		cd / && umount /mnt || exit 1
	done
	JOB
	run_guest 600
	stop_server
	for mode in $modes; do
		compare "$mode"
	done
	return $failed
}

rig_each suite
