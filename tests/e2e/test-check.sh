#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# veneer check: the command line, exit codes as fsck's, uppers by the kernel
# and by veneer are clean, the mount command that it prints (veneer-check(8)).
. "$(dirname "$0")/lib.sh"

# checked STATUS TEXT ARGS...: that exit status, that text in what it says.
checked() {
	local want=$1 text=$2 status
	shift 2
	timeout 20 "$VENEER" check "$@" >out 2>&1
	status=$?
	[ $status -eq "$want" ] || fail "veneer check $*: status $status, not $want: $(cat out)"
	grep -q -- "$text" out || fail "veneer check $*: no \"$text\" in: $(cat out)"
}
mkdir -p lower/d/s upper work merged
echo data >lower/d/f
echo more >lower/d/s/g
echo link >lower/h1
ln lower/h1 lower/h2
checked 16 'nothing to check'
checked 16 'nothing to check' --upper upper
checked 16 'unknown option "--uper"' --lower lower --uper upper
checked 16 'unexpected argument' --lower lower --upper upper extra
checked 8 'create it first' --lower lower --upper none
checked 8 'create it first' --lower lower --upper upper
[ ! -e upper.work ] || fail "it made a work directory"
"$VENEER" check --help >help || fail "--help"
grep -o -- ' --[a-z-]*' help | sort -u >in-help
sed -n 's/^\.It Fl.* \(-[a-z-]*\).*/ -\1/p; s/^\.It Fl \(-[a-z-]*\).*/ -\1/p' \
	"$here/../../docs/veneer-check.8" | sed 's/^ --*/ --/' | sort -u >in-manual
diff in-help in-manual || fail "--help and the manual differ"

# What veneer itself leaves, as whoever runs this.
serve --lower lower --upper upper --work work --listen unix:sock
checked 8 'in use by' --lower lower --upper upper --work work
"$(client_path)" sock append d/f more || fail "append"
"$(client_path)" sock unlink h1 || fail "unlink"
"$(client_path)" sock mkdir d/new || fail "mkdir"
stop_server
checked 0 ' 0 wrong' --lower lower --upper upper --work work
! grep -q 'redirect\|metacopy\|index' out || fail "options: $(cat out)"

need_root
need getfattr
setfattr -n trusted.overlay.opaque -v z upper/d
checked 4 '^d: opaque is neither .* (--repair: remove the mark)' --lower lower --upper upper --work work
checked 1 '^d: .*: repaired' --repair --lower lower --upper upper --work work
checked 0 ' 0 wrong' --lower lower --upper upper --work work
printf -v odd 'a\nb\033'
touch "upper/$odd"
setfattr -n trusted.overlay.opaque -v y "upper/$odd"
checked 1 '^a\\012b\\033: opaque' --repair --quiet --lower lower --upper upper --work work
! grep -q mount out || fail "not quiet"

# And the kernel, with all that changes the format.
rm -rf upper work
mkdir upper work
all=redirect_dir=on,metacopy=on,index=on
mount -t overlay overlay -o "lowerdir=$tmp/lower,upperdir=$tmp/upper,workdir=$tmp/work,$all" merged ||
	skip "no overlayfs here"
on_exit 'umount "$tmp/merged"'
mv merged/d merged/e && chmod 640 merged/e/s/g merged/h2 && rm merged/h1 &&
	ln merged/h2 merged/h3 && mv merged/e/f merged/f || fail "changes"
checked 8 'umount that first' --lower lower --upper upper --work work
ls -lRi merged >before
umount merged
checked 0 ",$all DIR" --lower "$tmp/lower" --upper "$tmp/upper" --work "$tmp/work"
eval "$(sed -n 's/^\(mount .*\) DIR$/\1 merged/p' out)" || fail "$(cat out)"
ls -lRi merged | diff before - || fail "another tree by the printed command"
umount merged
