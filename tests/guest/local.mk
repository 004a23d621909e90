# Linux's own client in a guest; see rig.sh. C programs are compiled by the
# tests, static, since they have to run in the initramfs.
# The longest first.
guest_scripts = \
	%D%/test-guest-virtio.sh \
	%D%/test-guest-acls.sh \
	%D%/test-guest-caches.sh \
	%D%/test-guest-dpkg.sh \
	%D%/test-guest-fsx.sh \
	%D%/test-guest-mounts.sh \
	%D%/test-guest-nbd.sh \
	%D%/test-guest-programs.sh \
	%D%/test-guest-root.sh \
	%D%/test-guest-together.sh \
	%D%/test-guest-vfs.sh \
	%D%/test-guest-vsock.sh
dist_check_SCRIPTS += $(guest_scripts)
EXTRA_DIST += \
	%D%/acls.c \
	%D%/as-user.c \
	%D%/debian.sh \
	%D%/fsx.c \
	%D%/guest.sh \
	%D%/held-files.c \
	%D%/prepare-layers.sh \
	%D%/qemu.sh \
	%D%/rig.sh \
	%D%/suite.sh \
	%D%/together.c \
	%D%/vfs-ops-attrs.c \
	%D%/vfs-ops-files.c \
	%D%/vfs-ops-names.c \
	%D%/vfs-ops.c \
	%D%/vfs-ops.h \
	%D%/vsock-mount.c
TESTS += $(guest_scripts)
