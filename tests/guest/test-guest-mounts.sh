#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Linux mounts a merged tree with each of its cache modes and access modes, and
# two users work in it: each may do what modes and owners say, and what each
# makes is its own (9p.md 5.1, 6.1). With access=any all is the user's of the mount.
. "$(dirname "$0")/suite.sh"
need_root
accesses="client user any 1000"

make_lowers() {
	mkdir -p l1/shared l1/hers l2/deep/er l2/shared
	echo one >l1/public
	echo two >l2/secret
	echo three >l2/shared/old
	echo four >l2/hers-too
	echo five >l2/hers
	rm l2/hers
	echo six >l1/hers/file
	echo seven >l2/group
	chmod 600 l2/secret
	chmod 1777 l1/shared
	chown -R 1000:1000 l1/hers l2/hers-too
	chmod 700 l1/hers
	chmod 600 l2/hers-too
	chown 0:1000 l2/group
	chmod 640 l2/group
}

build_tool as-user "$here/as-user.c"
cat >job <<'JOB'
. guest.sh
alice() { as-user 1000 sh -c "$*"; }
owner() { $as stat -c '%u:%g %a' "$@"; }
as=

# Root's own work; she, if she is let in, sees it at once.
root_works() {
	want one cat public
	want two cat secret
	echo new >made
	want '0:0 644' owner made
	mkdir -m 711 dir
	mv made dir/moved
	ln -s dir/moved link
	want new cat link
	echo more >>public
	want 'one
more' cat public
	must chown 1000:1000 dir/moved
	must chmod 640 dir/moved
	want '1000:1000 640' owner dir/moved
	must cp -p secret secret2
	want '0:0 600' owner secret2
	must rm secret2
	must_not rmdir deep
	must rm -r deep
	must_not ls deep
}

# What modes and owners say of alice: the client knows them from us.
alice_works() {
	want one alice head -n 1 public
	must_not alice cat secret
	must_not alice 'echo x >>public'
	must_not alice 'echo x >made-by-alice'
	must_not alice rm public
	want six alice cat hers/file
	want four alice cat hers-too
	want seven alice cat group
	must_not alice 'echo x >>group'
	must alice 'echo x >>hers-too'
	want 'four
x' alice cat hers-too
	want '1000:1000 600' owner hers-too
	must alice chmod 4755 hers-too
	want '1000:1000 4755' owner hers-too
	must_not alice chown 0 hers-too
	must_not alice chmod 777 public
	must alice 'echo y >hers/new'
	must alice mkdir hers/dir
	must alice mv hers/file hers/dir/file
	must_not alice rm -f shared/old
	must alice 'umask 077; echo z >shared/new'
	must alice ln -s new shared/link
	must alice mkfifo shared/fifo
}

all_hers() {
	want "$1 644" owner hers/new
	want "$1 755" owner hers/dir
	want "$1 600" owner shared/new
	want "$1 777" owner shared/link
	want "$1 644" owner shared/fifo
}

# Nobody else than the user of access=UID is let in. It attaches by name only,
# so that uname= is to say the same.
only_alice() {
	must_not cat public
	must_not ls .
	must_not mkdir dir
	as="as-user 1000"
	if [ -n "$old" ] && [ "$cache" = loose -o "$cache" = fscache ]; then
		# 6.1 writes back as root, and does not let itself in.
		want four alice cat hers-too
		must_not alice 'echo x >>hers-too'
		must alice mkdir hers/dir
	else
		alice_works
		want '1000:1000 644' owner hers/new
	fi
	want '1000:1000 755' owner hers/dir
	as=
}

caches="none mmap loose fscache"
case $(uname -r) in
[1-5].* | 6.[0-3].*) old=1 ;;
*) old= caches="$caches readahead" ;;
esac
for cache in $caches; do
	for access in client user any 1000; do
		what="cache=$cache,access=$access"
		[ $access = 1000 ] && uname=1000 || uname=0
		mount_tree /mnt "$what,uname=$uname,aname=$cache-$access,cachetag=$cache-$access" ||
			fault "$what: no mount"
		cd /mnt
		case $access in
		1000) only_alice ;;
		any)
			root_works
			must alice 'echo y >hers/new'
			must alice mkdir hers/dir
			must_not alice cat secret
			want '0:1000 644' owner hers/new
			;;
		*)
			alice_works
			all_hers 1000:1000
			root_works
			must_not alice cat dir/moved/none
			want new alice cat dir/moved
			;;
		esac
		cd /
		umount /mnt || exit 1
		echo "done $what"
	done
done
exit $failures
JOB

suite() {
	local cache access name trees=()
	make_lowers
	fingerprint l1 l2 >before
	for cache in none mmap loose fscache readahead; do
		for access in $accesses; do
			name=$cache-$access
			mkdir -p "up/$name" "work/$name"
			trees+=(--tree "name=$name,lower=l1,lower=l2,upper=up/$name,work=work/$name")
		done
	done
	serve "${trees[@]}" --listen tcp:127.0.0.1:0
	cp ../job .
	run_guest 600
	stop_server
	fingerprint l1 l2 | diff before - || fail "a lower was written"
	for name in $(sed -n 's/^done cache=\(.*\),access=/\1-/p' guest-out); do
		check_upper --lower l1 --lower l2 --upper "up/$name" --work "work/$name"
		[ -e "up/$name/hers/dir" ] || fail "$name: nothing in the upper"
	done
	[ "$(grep -c '^done' guest-out)" -ge 16 ] || fail "not all modes"
}

rig_each suite
