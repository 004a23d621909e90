#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Twin runs: random sequences on kernel overlayfs and on veneer over the same
# lowers. The same errno at each step, the same tree, the same upper; then the
# two change places, each on the other's upper, see the same tree without a
# warning, and go on. What may differ is in docs/DIFFERENCES.md. A failing
# seed is cut down and printed as a script.
#
#   SETS="default ..."  option sets, see twin.c
#   FS="dir xfs ..."    file systems: dir (the temporary directory), tmpfs,
#                       xfs, btrfs, ext4; xfs+btrfs: uppers on xfs, lowers on
#                       btrfs
#   LOWERS="1 3 40"     numbers of lowers
#   SEEDS=2000 STEPS=200 FIRST=1
#   LIMIT=45            seconds for all of it, 0: none
#   JOBS=2              at once
#   STRICT=1            known differences (DIFFERENCES.md) fail, too
# FULL=1, as `make check-root` sets it, is all of them without a limit. Else
# each of SETS is run on the first of FS and LOWERS, and the first of SETS on
# all.
. "$(dirname "$0")/../e2e/lib.sh"
need_root
twin=$build/tests/compare/twin
export VENEER
sets=${SETS:-default redirect metacopy index all userxattr xwhiteout data mapped users partial partial-index}
steps=${STEPS:-200} seeds=${SEEDS:-2000} first=${FIRST:-1}
if [ "${FULL:-0}" = 1 ]; then
	file_systems=${FS:-ext4 tmpfs xfs btrfs xfs+ext4 ext4+btrfs}
	lowers=${LOWERS:-1 3 40} limit=${LIMIT:-0} jobs=${JOBS:-$(nproc)}
else
	file_systems=${FS:-dir xfs btrfs+tmpfs}
	lowers=${LOWERS:-3 1 40} limit=${LIMIT:-45} jobs=${JOBS:-1}
fi

# make_fs FOLDER TYPE: mounted there; 1: this machine has no such tool.
make_fs() {
	local folder=$1 type=$2
	mkdir "$folder"
	case $type in
	dir) return ;;
	tmpfs) mount -t tmpfs veneer-twin "$folder" || return 1 ;;
	*)
		command -v "mkfs.$type" >/dev/null || return 1
		truncate -s 512M "$folder.img"
		"mkfs.$type" -q "$folder.img" >/dev/null || return 1
		mount -o loop "$folder.img" "$folder" || return 1
		;;
	esac
	on_exit "umount $PWD/$folder || umount -l $PWD/$folder"
}

# one JOB SET FS LOWERS FIRST LAST SECONDS: some seeds, where FS is mounted.
one() (
	cd "$3.upper" && mkdir -p "$1" "../$3.lower/l$1" && cd "$1" || exit 1
	# shellcheck disable=SC2086
	exec "$twin" ${STRICT:+-S} -s "$2" -l "$tmp/$3.lower/l$1" -n "$4" \
		-k "$steps" -t "$7" "$5" "$6" >"$tmp/out.$1" 2>&1
)

# several SET FS LOWERS SECONDS: all seeds, shared out to the jobs.
several() {
	local pids='' job share=$(((seeds + jobs - 1) / jobs)) bad=0 status
	for job in $(seq "$jobs"); do
		one "$job" "$1" "$2" "$3" $((first + (job - 1) * share)) \
			$((first + job * share - 1)) "$4" &
		pids+=" $!"
	done
	job=0
	for pid in $pids; do
		wait "$pid"
		status=$?
		job=$((job + 1))
		sed "s/^/$2: /" "out.$job"
		[ $status -eq 0 ] || [ $status -eq 77 ] || bad=1
		[ $status -ne 0 ] || ran=$((ran + 1))
	done
	return $bad
}

failed=0 ran=0 made=''
for fs in $file_systems; do
	upper=${fs%+*} lower=${fs#*+}
	if ! make_fs "$fs.upper" "$upper"; then
		echo "$fs: skipped: no $upper here"
		continue
	fi
	if [ "$lower" = "$fs" ]; then
		ln -s "$fs.upper" "$fs.lower"
	elif ! make_fs "$fs.lower" "$lower"; then
		echo "$fs: skipped: no $lower here"
		continue
	fi
	made+=" $fs"
done
# When interrupted: before the file systems go.
on_exit 'kill $(jobs -p); wait; umount -l *.upper/*/m'
# Lines "SET FS LOWERS".
choose() {
	local set fs n first_set=${sets%% *} first_fs first_n=${lowers%% *}
	first_fs=${made# } first_fs=${first_fs%% *}
	for set in $sets; do
		for fs in $made; do
			for n in $lowers; do
				[ "${FULL:-0}" = 1 ] ||
					[ "$set" = "$first_set" ] ||
					[ "$fs $n" = "$first_fs $first_n" ] ||
					continue
				echo "$set $fs $n"
			done
		done
	done
}
choose >chosen
nr=$(wc -l <chosen)
[ "$nr" -gt 0 ] || skip "no file system to test on"
each=$(awk "BEGIN { print $limit / $nr }")
while read -r set fs n <&3; do
	several "$set" "$fs" "$n" "$each" || failed=$((failed + 1))
done 3<chosen
[ $failed -eq 0 ] || fail "$failed of $nr"
[ $ran -gt 0 ] || skip "overlayfs cannot be mounted here"
