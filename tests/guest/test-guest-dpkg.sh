#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# dpkg unpacks a package as root in the guest, into a Debian root that is a
# lower: files, owners, setuid and setgid bits are as in the packages (9p.md 10),
# now and after another mount. The server is root's, and an ordinary user's with
# owner=mapped.
. "$(dirname "$0")/suite.sh"
. "$here/debian.sh"
need_root
need dpkg-deb
programs="dash dpkg tar libacl1 libattr1 libbz2-1.0 libc6 liblzma5 libmd0
	libpcre2-8-0 libselinux1 libzstd1 zlib1g"
unpacked=passwd
user="setpriv --reuid=1000 --regid=1000 --clear-groups"

# A root that dpkg takes for one, and the package in /debs.
make_lower() {
	cp -a "$DEBIAN_ROOT" l1
	mkdir -p l1/var/lib/dpkg/{info,updates,triggers,alternatives} l1/debs \
		l1/etc/alternatives
	# busybox's shell would run its own dpkg.
	ln -sfn dash l1/bin/sh
	: >l1/var/lib/dpkg/status
	: >l1/var/lib/dpkg/diversions
	: >l1/var/lib/dpkg/statoverride
	printf 'root:x:0:0:root:/root:/bin/sh\n' >l1/etc/passwd
	printf 'root:x:0:\nshadow:x:42:\n' >l1/etc/group
	mknod -m 666 l1/dev/null c 1 3
	cp "$DEBIAN_PACKAGE" l1/debs
}

cat >job <<'JOB'
. guest.sh
owner() { stat -c '%u:%g %a' "$1"; }
in_tree() { chroot /mnt /bin/busybox env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root /bin/sh -ec "$1"; }

# dpkg looks for programs that only matter later. What nobody reads is left out.
unpack() {
	must in_tree '/bin/busybox --install -s /bin 2>/dev/null
		dpkg --force-depends --force-bad-path --path-exclude="/usr/share/man/*" \
			--path-exclude="/usr/share/locale/*" --unpack /debs/*.deb \
			>/tmp/out 2>&1 || { cat /tmp/out; exit 1; }'
	want 'install ok unpacked' in_tree "dpkg-query -W -f '\${Status}' passwd"
}

check() {
	want '0:0 4755' owner usr/bin/passwd
	want '0:0 4755' owner usr/bin/chfn
	want '0:42 2755' owner usr/bin/chage
	want '0:0 644' owner var/lib/dpkg/status
}

devices=-1
for port in $(echo "$ports" | tr , " "); do
	devices=$((devices + 1))
	what="dpkg on $port"
	mount_tree /mnt cache=loose && mount -t proc proc /mnt/proc || exit 1
	cd /mnt
	unpack
	check
	must chown 33:33 usr/bin/chage
	want '33:33 755' owner usr/bin/chage
	must chown 0:42 usr/bin/chage
	must chmod 2755 usr/bin/chage
	cd /
	umount /mnt/proc /mnt
	mount_tree /mnt cache=none || exit 1
	cd /mnt
	what="$what, mounted again"
	check
	cd /
	umount /mnt
done
exit $failures
JOB

# unpacked_right UPPER: what is there is what is in the package; configuration
# waits under another name.
unpacked_right() {
	local f n=0
	rm -rf package
	dpkg-deb -x "$DEBIAN_PACKAGE" package
	while read -r f; do
		[ -e "$1/$f" ] || f=$f.dpkg-new
		cmp "package/${f%.dpkg-new}" "$1/$f" || fail "$f is another"
		n=$((n + 1))
	done < <(cd package && find . -type f ! -path '*/share/man/*' ! -path '*/share/locale/*')
	[ $n -gt 30 ] || fail "only $n files"
}

suite() {
	local ports root_server real=$VENEER
	make_lower
	mkdir up user
	cp -a l1 user/l1
	mkdir user/up user/up.work
	chown -hR 1000:1000 user
	chmod 755 "$tmp"
	$user test -x "$VENEER" || skip "$VENEER is out of a user's reach"
	fingerprint l1 user/l1 >before
	devices=0 serve --lower l1 --upper up --listen tcp:127.0.0.1:0
	ports=$(server_port) root_server=$server
	on_exit "kill $root_server"
	mv log root-log
	VENEER=$tmp/veneer-as-user
	printf '#!/bin/sh\nexec %s %s "$@"\n' "$user" "$real" >"$VENEER"
	chmod 755 "$VENEER"
	chmod 1777 . # for a socket of the user's
	devices=1 serve --lower user/l1 --upper user/up -o owner=mapped --listen tcp:127.0.0.1:0
	cp ../job .
	run_guest 900 "ports=$ports,$(server_port)"
	stop_server
	kill "$root_server" && wait "$root_server" || fail "root's server"
	unpacked_right up
	unpacked_right user/up
	[ -z "$(find user/up ! -uid 1000 -o -perm /6000)" ] ||
		fail "the user's upper is not just hers"
	fingerprint l1 user/l1 | diff before - || fail "a lower was written"
	check_upper --lower user/l1 --upper user/up -o owner=mapped
	VENEER=$real
	check_upper --lower l1 --upper up
}

# shellcheck disable=SC2086
debian_root $programs || exit
debian_package $unpacked || skip "cannot download $unpacked"
rig_each suite
