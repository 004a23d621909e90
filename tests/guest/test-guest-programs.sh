#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Programs as they are used work in a merged tree, their own files in a lower:
# git, tar, make with a C compiler, and rm -rf of a directory in which somebody
# else makes files meanwhile. What they left is the same on the host.
# ENTRIES: how many names there are to remove: 50,000 over virtio-9p; each takes
# an emulated machine milliseconds of TCP. DIRS: of 34 files, to unpack.
# The stable kernel does it over virtio-9p: test-guest-virtio.sh.
RIG_KERNELS=${RIG_KERNELS:-newest}
. "$(dirname "$0")/suite.sh"
. "$here/debian.sh"
need_root
need tar
packages="libc6 libc6-dev linux-libc-dev tcc make git libpcre2-8-0 zlib1g"

# What the guest works on, in a lower of its own: the kernel's name.
make_lower() {
	local i entries=2000 dirs=20
	[ "${GUEST_TRANSPORT:-tcp}" = tcp ] || entries=50000 dirs=60
	entries=${ENTRIES:-$entries} dirs=${DIRS:-$dirs}
	mkdir -p l1/work/{project,source,big} l1/dev
	mknod -m 666 l1/dev/null c 1 3
	mknod -m 666 l1/dev/urandom c 1 9
	for i in $(seq 8); do
		echo "int f$i(int x) { return x * $i + ADD; }" |
			sed '1i #include "add.h"' >l1/work/project/f$i.c
	done
	echo '#define ADD 1' >l1/work/project/add.h
	{
		seq 8 | sed 's/.*/int f&(int);/'
		echo 'int printf(const char *, ...);'
		echo 'int main(void) { printf("%d\n", 0'
		seq 8 | sed 's/.*/+ f&(10)/'
		echo '); return 0; }'
	} >l1/work/project/main.c
	printf '%s\n\t%s\n' 'prog: f1.o f2.o f3.o f4.o f5.o f6.o f7.o f8.o main.o' \
		'tcc -o $@ $^' '%.o: %.c add.h' 'tcc -c -o $@ $<' \
		>l1/work/project/Makefile
	mkdir tar
	for i in $(seq "$dirs"); do
		mkdir -p tar/d$i/sub
		seq "$i" $((i + 30)) | (cd tar/d$i/sub && split -l 1 -a 2 - f)
		head -c $((i * 1000)) /dev/urandom >tar/d$i/data
		ln tar/d$i/data tar/d$i/hard
		ln -s sub/faa tar/d$i/soft
		chmod $((600 + i % 8 * 10)) tar/d$i/data
	done
	chown -R 7:8 tar/d1
	find tar -exec touch -h -d '2020-02-02 02:02:02' {} +
	tar cf l1/work/archive.tar tar
	(cd tar && find . -type f | sort | xargs sha1sum) >l1/work/sums
	cp -a tar/d1 tar/d10 l1/work/source
	(cd l1/work/big && seq "$entries" | sed 's/^/a-name-of-usual-length-/' | xargs touch)
}

cat >job <<'JOB'
. guest.sh
mount_tree /mnt cache=loose || exit 1
mount -t proc proc /mnt/proc
in_tree() { chroot /mnt /bin/busybox env -i PATH=/usr/bin:/bin HOME=/root sh -ec "$@"; }
took() { echo "took $what: $(($(cut -d. -f1 /proc/uptime) - begun)) s"; }
starts() { what=$1 begun=$(cut -d. -f1 /proc/uptime); }

starts git
must in_tree '
	export GIT_AUTHOR_NAME=a GIT_AUTHOR_EMAIL=a GIT_COMMITTER_NAME=a GIT_COMMITTER_EMAIL=a
	cd /work/source
	git init -q -b main .
	# What is appended 6.12 may read too early: see vfs-ops-files.c.
	git config core.logAllRefUpdates false
	git add .
	git commit -q -m one
	busybox mv d1 moved
	busybox seq 100 >d10/data
	git add -A
	git commit -q -m two
	git clone -q -c core.logAllRefUpdates=false /work/source /work/clone
	cd /work/clone
	git fsck --full --strict
	git gc -q
	git fsck --full --strict
	test -z "$(git status --porcelain)"
	test "$(git rev-list --count HEAD)" = 2
	git checkout -q HEAD~1
	test -d d1/sub
	git checkout -q main
	test ! -e d1
'
took

starts tar
must in_tree '
	cd /work
	busybox tar xpf archive.tar
	cd tar
	busybox sha1sum -c ../sums | busybox grep -v ": OK$" || :
	busybox sha1sum -c -s ../sums
	test "$(busybox find . -type f | busybox wc -l)" = "$(busybox wc -l <../sums)"
'
took

# builds_anew BEFORE AFTER SECONDS: of the number in a header, which is changed
# that long after the project was built with the one before. A cache=loose
# kernel keeps the times of what it writes in whole seconds (s_time_gran).
builds_anew() {
	must in_tree '
		cd /work/project
		make -s
		test "$(./prog)" = $((360 + 8 * $0))
		make -q
		busybox sleep "$2"
		echo "#define ADD $1" >add.h
		make -s
		test "$(./prog)" = $((360 + 8 * $1))
	' "$@"
}
starts make
builds_anew 1 2 1
umount /mnt/proc /mnt
mount_tree /mnt cache=mmap && mount -t proc proc /mnt/proc || exit 1
builds_anew 2 3 0
took

umount /mnt/proc /mnt
mkdir /tmp/other
# Loose: the names are asked for once, not again for each system call.
mount_tree /mnt cache=loose && mount_tree /tmp/other cache=none || exit 1
starts rm
for i in $(seq 100); do
	: >/tmp/other/work/big/new-$i
done 2>/dev/null &
until rm -rf /mnt/work/big 2>/tmp/said; do
	grep -v "can't remove '/mnt/work/big': Directory not empty" /tmp/said
done
wait
must_not ls -d /mnt/work/big
must_not ls -d /tmp/other/work/big
took
umount /mnt /tmp/other
exit $failures
JOB

# busybox's tar sets the times of files alone, and no owner of links.
listing() {
	(cd "$1" && find . -type f -printf '%p %m %U:%G %n %s %Ts\n' -o \
		-type l -printf '%p -> %l\n' -o -printf '%p %y %m %U:%G\n' | sort)
}

suite() {
	make_lower "$1"
	mkdir up
	fingerprint l1 "$DEBIAN_ROOT" >before
	serve --lower l1 --lower "$DEBIAN_ROOT" --upper up --listen tcp:127.0.0.1:0
	cp ../job .
	run_guest 2400
	grep '^took' guest-out
	stop_server
	fingerprint l1 "$DEBIAN_ROOT" | diff before - || fail "a lower was written"
	listing tar >want
	listing up/work/tar >got
	diff want got >difference || fail "tar: $(head difference)"
	[ "$(stat -c %F up/work/big)" = 'character special file' ] ||
		fail "no whiteout of the big directory"
	check_upper --lower l1 --lower "$DEBIAN_ROOT" --upper up
}

# shellcheck disable=SC2086
debian_root $packages || exit
rig_each suite
