#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# veneer settle: the command line, the summary, the mount command that it
# prints, and what it refuses (veneer-settle(8)).
. "$(dirname "$0")/lib.sh"

# refused STATUS TEXT ARGS...: that exit status, that text in the message.
refused() {
	local want=$1 text=$2 status
	shift 2
	timeout 10 "$VENEER" settle "$@" >out 2>&1
	status=$?
	[ $status -eq "$want" ] || fail "veneer settle $*: status $status, not $want: $(cat out)"
	grep -q -- "$text" out || fail "veneer settle $*: no \"$text\" in: $(cat out)"
}
lower="$tmp/low:er, one's"
mkdir -p "$lower/d/s" upper merged other
refused 2 'nothing to settle'
refused 2 'nothing to settle' --upper upper
refused 2 'needs a value' --lower
refused 2 'unknown option "--uper"' --lower "$lower" --uper upper
refused 2 'unexpected argument' --lower "$lower" --upper upper extra
refused 2 'did you mean "lowerdir"' -o lowedir=x
"$VENEER" settle --help >help || fail "--help"
grep -o -- ' --[a-z-]*' help | sort -u >in-help
sed -n 's/^\.It Fl.* \(-[a-z-]*\).*/ -\1/p; s/^\.It Fl \(-[a-z-]*\).*/ -\1/p' \
	"$here/../../docs/veneer-settle.8" | sed 's/^ --*/ --/' | sort -u >in-manual
# The usage line names some more than once.
diff in-help in-manual || fail "--help and the manual differ"

need_root
need setpriv
need getfattr
chmod 755 "$tmp"
setpriv --reuid=65534 --regid=65534 --clear-groups -- "$VENEER" settle \
	--lower "$lower" --upper upper 2>out
[ $? = 1 ] && grep -q 'needs root' out || fail "without root: $(cat out)"
refused 1 'create it first' --lower "$lower" --upper none
refused 1 'no kernel reads whiteouts=oci' --lower "$lower" -o whiteouts=oci --upper upper

# An upper with a redirect and a metadata-only file, by the kernel itself.
echo data >"$lower/d/f"
echo more >"$lower/d/s/g"
echo link >"$lower/h1"
ln "$lower/h1" "$lower/h2"
cp -a "$lower" twin
mkdir upper.work
escaped=$(printf %s "$lower" | sed 's/[:,]/\\&/g')
kernel() { mount -t overlay overlay -o "lowerdir=$escaped,upperdir=$tmp/upper,workdir=$tmp/upper.work,$1" merged; }
kernel redirect_dir=on,metacopy=on,index=on || skip "no overlayfs here"
on_exit 'umount "$tmp/merged"; umount "$tmp/other"'
mv merged/d merged/e && chmod 640 merged/e/s/g merged/h2 || fail "changes"
refused 1 'umount that first' --lower "$lower" --upper upper
look() { (cd "$1" && find . ! -type d -printf '%p %m %s %n %T@\n' -exec cat {} \; && find . -type d -printf '%p %m %T@\n') | sort; }
look merged >before
umount merged

"$VENEER" settle --lower "$lower" --upper "$tmp/upper" --quiet >out 2>&1 || fail "settle: $(cat out)"
[ ! -s out ] || fail "not quiet: $(cat out)"
"$VENEER" settle --lower "$lower" --upper "$tmp/upper" >out 2>&1 || fail "again: $(cat out)"
grep -q '^flattened 0 directories, completed 0 files' out || fail "something was left: $(cat out)"
kernel redirect_dir=nofollow,metacopy=off,index=off || fail "mount"
look merged | diff before - || fail "another tree"
umount merged
# The command that was printed, as a shell takes it.
eval "$(sed -n 's/^\(mount .*\) DIR$/\1 other/p' out)" || fail "$(cat out)"
look other | diff before - || fail "another tree by the printed command"
umount other
getfattr -R -d -m 'overlay.(redirect|metacopy|nlink)' upper | grep . && fail "marks are left"
diff -r "$lower" twin || fail "the lower was written"
