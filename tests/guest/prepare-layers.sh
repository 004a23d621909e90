#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# prepare-layers.sh DIR: three lowers and an empty upper below DIR, with
# everything that layers can have. As root.
set -e
umask 022
mkdir -p "$1" && cd "$1"
mkdir l1 l2 l3 upper work
cd l1
echo one >lower1-file
echo secret >lower1-secret
chmod 600 lower1-secret
mkdir dir tree tree/sub ren opaque white-dir
echo 'top of both' >dir/both
echo b >tree/sub/b
setfattr -n trusted.overlay.opaque -v y opaque
echo seen >opaque/seen
mknod white c 0 0
ln -s lower1-file link
ln -s nowhere/at/all dangling
touch suid suid-open suid-open2
chmod 6755 suid
chmod 6777 suid-open suid-open2
cd ../l2
echo two >lower2-file
mkdir -p dir tree ren/emptied opaque deep/er sgid open-dir/sticky
echo below >dir/both
echo low >dir/low
echo a >tree/a
echo hidden >opaque/hidden
echo white >white
for i in 1 2 3; do echo "f$i" >ren/f$i; done
echo e >ren/emptied/e
mkfifo ren/fifo fifo
echo deep >deep/er/file
chown 0:50 sgid
chmod 2775 sgid
chmod 777 open-dir
chmod 1777 open-dir/sticky
echo keep >open-dir/sticky/not-hers
touch xattrs caps
setfattr -n user.one -v 1 xattrs
setfattr -n security.capability -v 0x0100000202000000000000000000000000000000 caps
cd ../l3
echo three >lower3-file
echo 'hidden by l1' >lower1-file
mkdir dir
echo l3 >dir/l3
truncate -s 2000000 sparse
echo tail >>sparse
mknod null c 1 3
cd ../l2
mknod ren/white c 0 0
cd ../l3
mkdir ren
echo covered >ren/white
cd ..
find l1 l2 l3 -exec touch -h -d '2020-01-02 03:04:05.678' {} +
