#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Twin runs: random sequences on kernel overlayfs and on veneer over the same
# lowers. The same errno at each step, the same tree, the same upper; then the
# kernel mounts veneer's upper, and veneer serves the kernel's, and both see
# the same names. SEEDS and STEPS make it longer; a failing seed is printed
# with its steps.
. "$(dirname "$0")/../e2e/lib.sh"
need_root
need setfattr
twin=$build/tests/compare/twin
seeds=${SEEDS:-$(seq 1 40)}
steps=${STEPS:-80}

prepare() {
	rm -rf "$1" && mkdir -p "$1"/l1/d{0,1} "$1"/l2/d{0,1,2}/d0 "$1"/{upper,work}
	(
		cd "$1" || exit
		echo l1 >l1/f0
		echo l1 >l1/d0/f0
		mknod l1/d0/f1 c 0 0
		setfattr -n trusted.overlay.opaque -v y l1/d1
		echo l1 >l1/d1/f2
		echo l2 >l2/f0
		echo l2 >l2/f1
		for d in d0 d1 d2 d0/d0 d2/d0; do
			for f in f0 f1 f2; do echo "l2 $d" >l2/$d/$f; done
		done
		ln l2/f1 l2/d2/hard
		ln -s nowhere l2/d2/d1
	)
}
# Names, types, modes, links and private xattrs; an origin only by its being.
upper() {
	(cd "$1" && find . ! -name . -printf '%p %y %m %U:%G %s %l\n' |
		sed 's/ d \([0-9]*\) \([0-9:]*\) [0-9]*/ d \1 \2/' | sort
		getfattr -R -h -d -m '^(trusted.overlay|user)' --absolute-names . 2>/dev/null |
			sed 's/origin=.*/origin/; /uuid/d; /veneer/d')
}
mount_overlay() {
	mount -t overlay veneer-test \
		-o "lowerdir=$1/l1:$1/l2,upperdir=$1/upper,workdir=$1/work,redirect_dir=on" merged
}
names() { (cd merged && find . | sort); }
served_names() {
	local dir=$1 name
	"$build/tests/e2e/client" sock ls "$dir" 2>/dev/null | while read -r name; do
		echo "./$dir${dir:+/}$name"
		served_names "$dir${dir:+/}$name"
	done
}

mkdir merged
prepare k
mount_overlay k || skip "cannot mount overlayfs"
umount merged
on_exit "umount $PWD/merged"
failed=0
for seed in $seeds; do
	prepare k
	prepare v
	mount_overlay k
	: >log
	serve --lower v/l1 --lower v/l2 --upper v/upper --work v/work -o redirect_dir=on --listen unix:sock --log-level info
	ok=1
	"$twin" "$PWD/merged" "$PWD/sock" "$seed" "$steps" >steps 2>&1 || ok=0
	stop_server
	umount merged
	upper k/upper >want
	upper v/upper >got
	diff -u want got >>steps || ok=0
	if [ $ok -eq 1 ]; then
		mount_overlay v && names >want
		umount merged
		: >log
		serve --lower k/l1 --lower k/l2 --upper k/upper --work k/work -o redirect_dir=on --listen unix:sock --log-level info
		{ echo .; served_names ''; } | sort >got
		stop_server
		diff -u want got >>steps || ok=0
	fi
	if [ $ok -eq 0 ]; then
		echo "seed $seed:"
		tail -n 40 steps
		failed=$((failed + 1))
		[ $failed -ge 3 ] && break
	fi
done
[ $failed -eq 0 ] || fail "$failed seeds"
