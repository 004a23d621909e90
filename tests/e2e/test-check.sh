#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# veneer check: the command line, each exit status, one line a finding, and the
# mount command that it prints (veneer-check(8)).
. "$(dirname "$0")/lib.sh"
docs=$here/../../docs

# expect STATUS TEXT ARGS...: that exit status, and that text in the output.
expect() {
	local want=$1 text=$2 status
	shift 2
	timeout 20 "$VENEER" check "$@" >out 2>&1
	status=$?
	[ $status -eq "$want" ] || fail "veneer check $*: status $status, not $want: $(cat out)"
	grep -q -- "$text" out || fail "veneer check $*: no \"$text\" in: $(cat out)"
}
lower="$tmp/low:er, one's"
mkdir -p "$lower/d/s" upper
layers=(--lower "$lower" --upper "$tmp/upper")
expect 16 'nothing to check'
expect 16 'nothing to check' --upper upper
expect 16 'needs a value' --lower
expect 16 'unknown option "--repare"' "${layers[@]}" --repare
expect 16 'unexpected argument' "${layers[@]}" extra
expect 16 'did you mean "lowerdir"' -o lowedir=x
"$VENEER" check --help >help || fail "--help"
grep -o -- ' --[a-z-]*' help | sort -u >in-help
sed -n 's/^\.It Fl.* \(-[a-z-]*\).*/ -\1/p; s/^\.It Fl \(-[a-z-]*\).*/ -\1/p' "$docs/veneer-check.8" |
	sed 's/^ --*/ --/' | sort -u >in-manual
diff in-help in-manual || fail "--help and the manual differ"
tr -d '\n\t' <"$here/../../layers/check-kinds.c" | grep -oE '(NOTE|MENDED|LEFT)\("[a-z-]+"' |
	cut -d'"' -f2 | sort >in-code
sed -n 's/^\.It \([a-z].*\)/\1/p' "$docs/veneer-check.8" | tr -d ' ' | tr , '\n' | sort >in-manual
diff in-code in-manual || fail "the kinds in the code and in the manual differ"

need_root
need setpriv
need getfattr
expect 8 'create it first' --lower "$lower" --upper none
expect 8 'create it first' "${layers[@]}"
[ ! -e upper.work ] || fail "made a work directory"
chmod 755 "$tmp"
mkdir upper.work merged other

# An upper of the kernel's, with all that it writes, is clean.
echo data >"$lower/d/f"
echo more >"$lower/d/s/g"
echo link >"$lower/h1"
ln "$lower/h1" "$lower/h2"
ln "$lower/h1" "$lower/d/h3"
cp -a "$lower" twin
escaped=$(printf %s "$lower" | sed 's/[:,]/\\&/g')
kernel() { mount -t overlay overlay -o "lowerdir=$escaped,upperdir=$tmp/upper,workdir=$tmp/upper.work,$1" merged; }
kernel redirect_dir=on,metacopy=on,index=on || skip "no overlayfs here"
on_exit 'umount "$tmp/merged"; umount "$tmp/other"'
(cd merged && mv d e && chmod 640 e/s/g h2 && rm h1 && mkdir d && echo new >d/f && mv e/s ss && ln ss/g g2) ||
	fail "changes"
expect 8 'umount that first' "${layers[@]}"
look() { (cd "$1" && find . ! -type d -printf '%p %m %s %n %i\n' -exec cat {} \; && find . -type d -printf '%p %m\n') | sort; }
look merged >before
umount merged
expect 0 ' 0 left' "${layers[@]}"
eval "$(sed -n 's/^\(mount .*\) DIR$/\1 other/p' out)" || fail "$(cat out)"
look other | diff before - || fail "another tree by the printed command"
umount other

# And veneer shows the same; what it adds is clean, too; in use, it is not ours.
serve -o "lowerdir=$escaped,upperdir=$tmp/upper,workdir=$tmp/upper.work,redirect_dir=on,metacopy=on,index=on" \
	--listen "unix:$tmp/socket"
client=("$(client_path)" "unix:$tmp/socket")
while read -r f text; do
	[ "$("${client[@]}" cat "$f")" = "$text" ] || fail "veneer's $f"
done <<EOF
d/f new
e/f data
ss/g more
g2 more
h2 link
e/h3 link
EOF
"${client[@]}" append e/h3 tail || fail "append"
"${client[@]}" rm e/f || fail "rm"
"${client[@]}" mkdir e/new || fail "mkdir"
expect 8 'is in use by veneer' "${layers[@]}"
stop_server
expect 0 ' 0 left' "${layers[@]}"

# Damage: found, mended, gone; quiet says only that.
mkdir "upper/n
l" && mknod "upper/n
l/w" c 0 0 && touch "upper.work/work/#7"
expect 4 '^n\\012l/w: error: a whiteout .* --repair will remove it \[whiteout-stray\]$' "${layers[@]}"
expect 4 'upper.work/work/#7: error' "${layers[@]}"
expect 4 whiteout-stray "${layers[@]}" --quiet
[ "$(wc -l <out)" = 2 ] || fail "not quiet: $(cat out)"
expect 1 'repaired: .* did remove it' "${layers[@]}" --repair
expect 0 ' 0 left' "${layers[@]}" --repair
mkdir upper/x && setfattr -n trusted.overlay.redirect -v a//b upper/x
expect 4 redirect-malformed "${layers[@]}" --repair
rmdir upper/x
setfattr -n user.overlay.opaque -v no upper/d
expect 8 'say which to repair' "${layers[@]}" --repair
expect 0 marks-other "${layers[@]}" --repair -o userxattr=off
setfattr -x user.overlay.opaque upper/d
mkdir -p mixed/d mixed.work
setfattr -n user.overlay.opaque -v no mixed/d
setfattr -n trusted.overlay.impure -v no mixed/d
expect 4 impure-value --lower "$lower" --upper mixed
expect 1 opaque-value --lower "$lower" --upper mixed --repair -o userxattr=on
expect 4 impure-value --lower "$lower" --upper mixed -o userxattr=off
diff -r "$lower" twin || fail "the lower was written"

# A server that was killed while it kept the kernel out.
serve "${layers[@]}" -o interlock=on --listen "unix:$tmp/socket2"
wait_for [ -d upper.work/work/incompat/veneer-live ] || fail "no interlock"
kill -KILL "$server"
wait "$server"
server=
expect 4 staging-live "${layers[@]}"
expect 1 staging-live "${layers[@]}" --repair
kernel redirect_dir=on,metacopy=on,index=on || fail "mount"
umount merged

# Of nobody's, with user.overlay.* marks.
mkdir own && cp -a twin own/lower && cp "$VENEER" "$(client_path)" own && chown -R 65534:65534 own
cat >own/run <<EOF
cd $tmp/own && mkdir upper && ./veneer serve --lower lower --upper upper --run '
./client \$veneer_socket append d/f tail && ./client \$veneer_socket rm h1' &&
./veneer check --lower lower --upper upper
EOF
setpriv --reuid=65534 --regid=65534 --clear-groups -- bash own/run >out 2>&1 ||
	fail "nobody's upper: $(cat out)"
grep -q 'upper.work,userxattr DIR$' out || fail "nobody's mount options: $(cat out)"
setpriv --reuid=65534 --regid=65534 --clear-groups -- own/veneer check --lower own/lower --upper own/upper \
	-o userxattr=off >out 2>&1
[ $? = 8 ] && grep -q 'nobody but root' out || fail "nobody's trusted marks: $(cat out)"
