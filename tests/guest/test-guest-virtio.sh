#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# What the guest suites find over TCP holds over virtio-9p devices, which QEMU
# takes from veneer by vhost-user. SUITES= chooses others of them, SUITE:KERNEL;
# GUEST_PACKED= the kernels that get packed queues.
here=$(cd "$(dirname "$0")" && pwd)
status=0
export GUEST_PACKED="${GUEST_PACKED-newest}"
for suite in ${SUITES:-programs:stable vfs:newest fsx:stable together:newest}; do
	echo "=== $suite"
	RIG_KERNELS=${suite#*:} GUEST_TRANSPORT=virtio \
		"$here/test-guest-${suite%:*}.sh"
	case $? in
	0) ;;
	77) [ $status -ne 0 ] || status=77 ;;
	*) status=1 ;;
	esac
done
exit $status
