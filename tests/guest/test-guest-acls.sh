#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# POSIX ACLs in Linux's client (posixacl), with real owners and with owners
# kept in marks: the same steps as on kernel overlayfs, the same results.
. "$(dirname "$0")/suite.sh"
need_root
need setfacl
build_tool acls "$here/acls.c"
prepare() {
	mkdir -p "$1"/{lower,upper,work,merged}
	echo x >"$1/lower/lower"
	echo x >"$1/lower/low-acl"
	chmod 600 "$1"/lower/*
	setfacl -m u:1000:rw "$1/lower/low-acl" || skip "no ACLs here"
}
prepare kernel
mount -t overlay veneer-test -o lowerdir=kernel/lower,upperdir=kernel/upper,workdir=kernel/work kernel/merged ||
	skip "cannot mount overlayfs"
on_exit "umount $PWD/kernel/merged"
(cd kernel/merged && "$tmp/bin/acls") >want
[ "$(wc -l <want)" -gt 40 ] || fail "only $(wc -l <want) lines: $(cat want)"

cat >job <<'JOB'
. guest.sh
for tree in real mapped; do
	mount_tree /mnt "access=client,posixacl,aname=$tree" || exit 1
	echo "## $tree"
	(cd /mnt && acls)
	umount /mnt || exit 1
done
JOB
suite() {
	local tree
	prepare real
	prepare mapped
	serve --tree name=real,lower=real/lower,upper=real/upper,work=real/work \
		--tree name=mapped,lower=mapped/lower,upper=mapped/upper,work=mapped/work,owner=mapped \
		--listen tcp:127.0.0.1:0
	cp ../job .
	run_guest 120
	stop_server
	for tree in real mapped; do
		sed -n "/^## $tree\$/,/^## /p" guest-out | grep -v '^## ' >"got.$tree"
		diff -u ../want "got.$tree" || fail "$tree: differs from overlayfs"
	done
}

rig_each suite
