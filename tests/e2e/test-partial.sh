#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Partial files (issue 5, "Instant copy-up"): the first write does not copy;
# while there is one the kernel does not mount the upper, nor does a server
# without metacopy=on start; the copier completes it, after a kill as well; so
# does veneer settle, and then the kernel shows the same.
. "$(dirname "$0")/lib.sh"
need_root
need getfattr
mkdir lower upper work merged
mkdir lower/d
head -c 6000000 /dev/urandom >lower/big
cp lower/big lower/d/other
cp lower/big lower/third
sum=$({ cat lower/big && echo x; } | sha256sum)
layers="lowerdir=$tmp/lower,upperdir=$tmp/upper,workdir=$tmp/work"
kernel() { mount -t overlay overlay -o "$layers,$1" merged 2>/dev/null; }
kernel redirect_dir=on,metacopy=on || skip "no overlayfs here"
umount merged
# Where the file system can clone, nothing is ever partial.
cp --reflink=always lower/big cloned 2>/dev/null && skip "the file system clones"

is_partial() { getfattr -n trusted.overlay.veneer.partial "upper/$1" >/dev/null 2>&1; }
is_whole() { ! getfattr -n trusted.overlay.metacopy "upper/$1" >/dev/null 2>&1 && [ -e "upper/$1" ]; }
nr_maps() { [ "$(ls work/partial 2>/dev/null | wc -l)" = "$1" ]; }
# The log of an earlier server says that it listens, too.
run() {
	: >log
	serve --lower lower --upper upper --work work --listen unix:sock -o "$@"
}
same() { [ "$("$client" sock cat "$1" | sha256sum)" = "$sum" ] || fail "$1 is wrong"; }
client=$(client_path)

# Slowly enough to be looked at meanwhile.
run metacopy=on,copyup-rate=64K
"$client" sock append big x || fail "append"
is_partial big || fail "it was copied, or not at all"
[ "$(du -k upper/big | cut -f1)" -lt 3000 ] || fail "the write copied it"
same big
kill -9 "$server"
wait "$server" 2>/dev/null
server=
is_partial big || fail "not partial after a kill"
kernel redirect_dir=on,metacopy=on && fail "the kernel mounts it"
kernel redirect_dir=on && fail "the kernel mounts it without metacopy"
kernel index=on && fail "the kernel mounts it with an index"
timeout 10 "$VENEER" serve --lower lower --upper upper --work work \
	--listen unix:sock2 2>out && fail "started without metacopy=on"
grep -q 'metacopy=on.*veneer settle' out || fail "why: $(cat out)"
kernel redirect_dir=on,metacopy=on && fail "a start that was refused let the kernel in"
timeout 10 "$VENEER" serve --lower lower --upper upper --work work \
	--listen unix:sock2 -o copyup=lazy 2>out && fail "lazy without metacopy"
grep -q 'copyup=lazy needs metacopy=on' out || fail "why: $(cat out)"
"$VENEER" check --lower lower --upper upper --work work >out || fail "check: $(cat out)"
grep -q 'partial-file' out || fail "check is silent: $(cat out)"
grep -q '^mount' out && fail "check prints a mount: $(cat out)"

# It goes on where it was.
run metacopy=on
wait_for is_whole big || fail "the copier does not go on"
same big
wait_for nr_maps 0 || fail "maps are left"
stop_server
[ "$(sha256sum <upper/big)" = "$sum" ] || fail "upper/big is wrong"
kernel redirect_dir=on,metacopy=on || fail "the kernel does not mount it"
umount merged

# Lazy ones stay until settled.
run metacopy=on,copyup=lazy
"$client" sock append d/other x || fail "append"
"$client" sock append third x || fail "append"
nr_maps 2 || fail "maps: $(ls work/partial)"
same third
stop_server
is_partial d/other || fail "not lazy"
"$VENEER" settle --lower lower --upper upper --work work >out || fail "settle: $(cat out)"
is_whole d/other || fail "settle left it"
[ -e work/partial ] && fail "settle left work/partial"
kernel redirect_dir=off || fail "the kernel does not mount what is settled"
on_exit "umount $tmp/merged"
for f in big d/other third; do
	[ "$(sha256sum <"merged/$f")" = "$sum" ] || fail "the kernel shows another $f"
done
exit 0
