#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# A guest's root is the merged tree, over virtio-9p, with the words of the manual
# page on its kernel's command line: Debian is the lower, systemd boots from it,
# a unit changes a few things, and the guest is powered off. Then the upper has
# just what was changed, and the lower is as it was.
# RIG_KERNELS: one kernel, unless told otherwise: it takes half a minute.
RIG_KERNELS=${RIG_KERNELS:-stable}
GUEST_TRANSPORT=virtio
. "$(dirname "$0")/suite.sh"
. "$here/debian.sh"
need_root
machine_id=0123456789abcdef0123456789abcdef

# The kernel's command line of veneer-qemu(7), with the rig's tag.
manual_words() {
	sed -n '/^root=tree/,/^\.Ed/p' "$here/../../docs/veneer-qemu.7" |
		sed 's/^root=tree/root=veneer0/; s/\\e$//; /^\.Ed/d'
}

# What the unit does. Who ends it is the hook, when all else has ended.
make_job() {
	cat <<-JOB
	#!/bin/sh
	exec >/dev/console 2>&1
	. /test/guest.sh
	what=root
	echo "$RIG_MARK begin"
	JOB
	cat <<-'JOB'
	want running systemctl is-system-running --wait
	want '' systemctl list-units --failed --no-legend --plain
	echo changed >/etc/hostname
	must useradd -m -s /bin/sh carol
	must dpkg -i /test/*.deb >/dev/null
	must su - carol -c 'tree --noreport /usr/share/base-files >listing'
	must rm -r /usr/share/dict /etc/issue.net
	must mv /usr/share/bug /usr/share/bugs
	must chmod u-s /usr/bin/newgrp
	must ln /etc/debian_version /etc/debian_version2
	echo $failures >/run/failures
	echo "took $(cut -d. -f1 /proc/uptime) s"
	systemctl start --no-block poweroff.target
	JOB
}

make_hook() {
	cat <<-HOOK
	#!/bin/sh
	exec >/dev/console 2>&1
	grep ' / 9p ' /proc/mounts
	grep -q ' / 9p ro,' /proc/mounts || echo "FAILED: / is not read-only"
	echo "$RIG_MARK end \$(cat /run/failures)"
	HOOK
}

# A layer above Debian: the unit, and what a first boot would write.
make_layer() {
	local units=$1/etc/systemd/system
	mkdir -p "$units/multi-user.target.wants" "$1/usr/lib/systemd/system-shutdown" \
		"$1/test"
	make_job >"$1/test/job"
	make_hook >"$1/usr/lib/systemd/system-shutdown/test"
	chmod 755 "$1/test/job" "$1/usr/lib/systemd/system-shutdown/test"
	cp "$here/guest.sh" "$DEBIAN_PACKAGE" "$1/test"
	printf '[Service]\nType=simple\nExecStart=/test/job\n' >"$units/test.service"
	ln -s ../test.service "$units/multi-user.target.wants/test.service"
	ln -s /lib/systemd/system/multi-user.target "$units/default.target"
	echo $machine_id >"$1/etc/machine-id"
	echo lower >"$1/etc/hostname"
	# What is due at midnight.
	ln -s /dev/null "$units/fstrim.timer"
	ln -s /dev/null "$units/dpkg-db-backup.timer"
}

# What is in the upper and was not below, or is no directory: letter and name.
changed() {
	local type name
	find up -mindepth 1 -printf '%y %P\n' | while read -r type name; do
		[ "$type" = d ] && { [ -d "l1/$name" ] || [ -d "$DEBIAN_ROOT/$name" ]; } ||
			echo "$type $name"
	done | sort -k2
}

# c is a whiteout. Of the unit first, then of useradd, su, dpkg, and of systemd,
# which opens machine-id for writing, and makes directories in /tmp.
expected() {
	sort -k2 <<-LIST
	f etc/debian_version
	f etc/debian_version2
	f etc/hostname
	c etc/issue.net
	f usr/bin/newgrp
	c usr/share/bug
	d usr/share/bugs
	c usr/share/dict
	f etc/.pwd.lock
	f etc/group
	f etc/group-
	f etc/gshadow
	f etc/gshadow-
	f etc/passwd
	f etc/passwd-
	f etc/shadow
	f etc/shadow-
	f etc/subgid
	f etc/subgid-
	f etc/subuid
	f etc/subuid-
	d home/carol
	f home/carol/.bash_logout
	f home/carol/.bashrc
	f home/carol/.profile
	f home/carol/listing
	f usr/bin/tree
	f var/lib/dpkg/info/tree.list
	f var/lib/dpkg/info/tree.md5sums
	f var/lib/dpkg/lock
	f var/lib/dpkg/lock-frontend
	f var/lib/dpkg/status
	f var/lib/dpkg/status-old
	f var/lib/dpkg/triggers/Lock
	f var/log/dpkg.log
	f etc/machine-id
	d tmp/.ICE-unix
	d tmp/.X11-unix
	d tmp/.XIM-unix
	d tmp/.font-unix
	f var/lib/systemd/random-seed
	d var/log/journal/$machine_id
	f var/log/journal/$machine_id/system.journal
	f var/log/wtmp
	LIST
}

# The new content, too.
check_content() {
	[ "$(cat up/etc/hostname)" = changed ] || fail "etc/hostname"
	dpkg-deb --fsys-tarfile "$DEBIAN_PACKAGE" | tar xO ./usr/bin/tree |
		cmp - up/usr/bin/tree || fail "usr/bin/tree is another"
	grep -q '^carol:x:1000:1000:' up/etc/passwd || fail "etc/passwd"
	grep -q '^Package: tree$' up/var/lib/dpkg/status || fail "dpkg's status"
	[ "$(stat -c '%u:%g %a' up/home/carol/listing)" = '1000:1000 644' ] ||
		fail "the listing is not carol's"
	[ "$(stat -c '%u:%g %a' up/usr/bin/newgrp)" = '0:0 755' ] ||
		fail "usr/bin/newgrp is still setuid"
	[ up/etc/debian_version -ef up/etc/debian_version2 ] ||
		fail "two files instead of a link"
}

suite() {
	mkdir l1 up
	make_layer l1
	fingerprint l1 "$DEBIAN_ROOT" >before
	serve --lower l1 --lower "$DEBIAN_ROOT" --upper up
	rig_initramfs_root initramfs
	# Logins on consoles are nobody's here.
	# shellcheck disable=SC2046
	rig_boot initramfs 900 $(manual_words) systemd.mask=getty.target >guest-out || {
		cat guest-out
		fail "the guest failed"
	}
	cat guest-out
	! grep -q FAILED guest-out || fail "in the guest"
	stop_server
	diff <(expected) <(changed) || fail "the upper is not what was changed"
	[ -d up.work ] && [ -z "$(find up.work -mindepth 2)" ] ||
		fail "left behind: $(find up.work)"
	check_content
	fingerprint l1 "$DEBIAN_ROOT" | diff before - || fail "a lower was written"
	check_upper --lower l1 --lower "$DEBIAN_ROOT" --upper up
}

debian_package tree || skip "cannot download tree"
debian_bootstrap passwd || exit
rig_each suite
