/* SPDX-License-Identifier: BSD-3-Clause */
/* What a layer's file system can do: asked once, at start. */
#include <errno.h>
#include <fcntl.h>
#include <linux/btrfs.h>
#include <linux/capability.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "cleanup.h"
#include "layer.h"
#include "macros.h"
#include "node.h"
#include "overlay.h"

/* FS_IOC_GETFSUUID, Linux 6.9; not in Debian 12's headers. */
struct fsuuid2 {
	uint8_t len;
	uint8_t uuid[16];
};
#define GETFSUUID _IOR(0x15, 0, struct fsuuid2)

/* Network and FUSE file systems, by statfs magic (statfs(2), fs sources). */
static bool
is_remote(uint64_t fs_type)
{
	static const uint64_t magics[] = {
		0x6969, /* NFS */
		0x65735546, /* FUSE */
		0xff534d42, /* CIFS */
		0xfe534d42, /* SMB2 */
		0x517b, /* SMB */
		0x00c36400, /* CEPH */
		0x01021997, /* 9P */
		0x5346414f, /* AFS */
		0x6b414653, /* kAFS */
		0x73757245, /* CODA */
		0x01161970, /* GFS2 */
		0x7461636f, /* OCFS2 */
		0x0bd00bd0, /* Lustre */
		0x47504653, /* GPFS */
		0x19830326, /* BeeGFS */
		0x786f4256, /* VirtualBox shared folder */
		0xbacbacbc, /* VMware shared folder */
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(magics); i++)
		if (magics[i] == fs_type)
			return true;
	return false;
}

/* The uuid that the kernel would put into an origin (overlay.md 2.2). */
static void
probe_uuid(struct layer *l)
{
	static const uint8_t none[16];
	struct btrfs_ioctl_fs_info_args info;
	struct fsuuid2 u;

	if (ioctl(l->fd, GETFSUUID, &u) == 0 && u.len == sizeof(u.uuid)) {
		memcpy(l->uuid, u.uuid, sizeof(l->uuid));
		l->has_uuid = true;
	} else if (l->fs_type == BTRFS_SUPER_MAGIC &&
		   ioctl(l->fd, BTRFS_IOC_FS_INFO, &info) == 0) {
		memcpy(l->uuid, info.fsid, sizeof(l->uuid));
		l->has_uuid = true;
	}
	l->is_null_uuid = memcmp(l->uuid, none, sizeof(none)) == 0;
}

static void
probe_handles(struct layer *l)
{
	uint8_t bytes[128];
	int type, fd;
	ssize_t n;

	n = real_handle(AT(l->fd, ""), bytes, sizeof(bytes), &type);
	l->has_handles = n > 0;
	if (n <= 0)
		return;
	fd = real_open_handle(l->fd, type, bytes, (size_t)n);
	l->decodes_handles = fd >= 0;
	if (fd >= 0)
		(void)real_close(fd);
}

void
layer_probe(struct layer *l)
{
	struct statfs st;

	l->namelen = 255;
	if (real_statfs(l->fd, &st) == 0) {
		l->fs_type = (uint64_t)st.f_type & 0xffffffff;
		l->namelen = (uint32_t)st.f_namelen;
	}
	l->is_slow = is_remote(l->fs_type);
	l->is_memory = l->fs_type == TMPFS_MAGIC || l->fs_type == RAMFS_MAGIC;
	l->has_xattr = true;
	probe_uuid(l);
	probe_handles(l);
}

static bool
has_capability(unsigned cap)
{
	struct __user_cap_header_struct head = {
		.version = _LINUX_CAPABILITY_VERSION_3,
	};
	struct __user_cap_data_struct data[2] = { 0 };

	return syscall(SYS_capget, &head, data) == 0 &&
	       data[cap / 32].effective & 1u << cap % 32;
}

/* Can private xattrs of this kind be kept? 0 or errno. */
static int
probe_xattr(struct upper *u, bool userxattr)
{
	char name[64];
	int r;

	(void)snprintf(name, sizeof(name), "%sopaque", xattr_prefix(userxattr));
	r = real_setxattr(u, AT(u->work_fd, ""), name, "0", 1, 0);
	if (r == 0)
		(void)real_removexattr(u, AT(u->work_fd, ""), name);
	return r;
}

static int
probe_rename_whiteout(struct upper *u)
{
	char a[16], b[16];
	int r;

	workdir_temp(u, a);
	workdir_temp(u, b);
	r = real_mknod(u, AT(u->work_fd, a), S_IFREG, 0);
	if (r < 0)
		return r;
	r = real_rename(u, AT(u->work_fd, a), AT(u->work_fd, b),
			RENAME_WHITEOUT);
	workdir_discard(u, a);
	workdir_discard(u, b);
	return r;
}

static int
choose_xattr(struct upper *u, int asked, tree_warn warn, void *warn_ctx,
	     bool *ret_userxattr, char **ret_why)
{
	int r;

	*ret_userxattr = asked == 1;
	r = probe_xattr(u, *ret_userxattr);
	if (r == -EPERM && asked == -1) {
		/* An ordinary user: trusted.* is not for him. */
		*ret_userxattr = true;
		r = probe_xattr(u, true);
	}
	if (r == 0)
		return 0;
	if (r == -EPERM)
		return layer_why(ret_why, r,
				 "upper \"%s\": trusted.* xattrs need root: "
				 "use userxattr, or run as root",
				 u->layer.path);
	u->layer.has_xattr = false;
	if (warn)
		warn(warn_ctx, "the upper keeps no extended attributes: opaque "
			       "directories and origins are lost");
	return 0;
}

int
layer_probe_upper(struct upper *u, int userxattr, tree_warn warn,
		  void *warn_ctx, bool *ret_userxattr, char **ret_why)
{
	CLEANUP_CLOSE int fd = -1;
	int r;

	u->can_chown = has_capability(CAP_CHOWN);
	u->ignores_modes = has_capability(CAP_DAC_OVERRIDE);
	fd = real_tmpfile(u, u->work_fd, 0600);
	u->has_tmpfile = fd >= 0;
	r = probe_rename_whiteout(u);
	if (r < 0)
		return layer_why(
			ret_why, r == -EINVAL ? -EINVAL : r,
			"upper \"%s\": its file system cannot rename "
			"with a whiteout (%s): use ext4, xfs, btrfs or "
			"tmpfs",
			u->layer.path, strerror(-r));
	return choose_xattr(u, userxattr, warn, warn_ctx, ret_userxattr,
			    ret_why);
}
