/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A layer: one stacked directory, what its file system can do, and (for the
 * upper) the work directory. Const after tree_open() but where noted.
 */
#ifndef VENEER_LAYERS_LAYER_H
#define VENEER_LAYERS_LAYER_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "real.h"
#include "tree.h"

struct layer {
	unsigned idx; /* 0: the upper; 1 to n: the lowers, topmost first */
	char *path; /* owned; for messages and /proc only */
	int fd; /* owned; O_RDONLY of the root directory */
	dev_t dev; /* of the root */
	ino_t ino;
	uint64_t fs_type; /* statfs f_type */
	uint32_t namelen;
	uint8_t uuid[16]; /* of the file system, as FS_IOC_GETFSUUID */
	bool has_uuid; /* and it is known */
	bool is_null_uuid; /* all zero: names the upper's file system only */
	bool has_xattr; /* private xattrs can be kept (upper), read */
	bool has_handles; /* name_to_handle_at works */
	bool decodes_handles; /* and so does open_by_handle_at, for us */
	bool is_slow; /* a network or FUSE file system: never inline */
	bool is_memory; /* tmpfs, ramfs: nothing waits for a disk */
	bool has_oci_whiteouts; /* .wh.NAME files hide NAME (whiteouts=oci) */
};

/* The one layer that may be written, and its work directory. */
struct upper {
	struct layer layer; /* idx 0 */
	char *work_path; /* owned; as given */
	int base_fd; /* owned; the workdir= directory, flock()ed */
	int work_fd; /* owned; W/work, the staging area; at rest
			maybe a negative errno, as index_fd */
	int index_fd; /* owned; W/index, with index=on; or -1 */
	bool has_tmpfile;
	bool is_volatile;
	bool syncs_all; /* fsync=strict: metadata copies and directories too */
	bool has_partial_entry; /* W/work/incompat had that at start */
	bool has_interlock; /* W/work/incompat keeps kernel mounts out */
	bool can_chown; /* CAP_CHOWN: new objects get the client's owner */
	bool ignores_modes; /* CAP_DAC_OVERRIDE: whatever is there opens */
	atomic_bool can_clone; /* cleared by the first FICLONE that cannot */
	atomic_uint zero_lacks; /* what fallocate() cannot do, found out */
#define ZERO_LACKS_PUNCH 1u
#define ZERO_LACKS_RANGE 2u
#define ZERO_LACKS_ALLOCATE 4u
	atomic_int sync_error; /* volatile: what writeback met, or 0 */
	atomic_uint next_temp;

	pthread_mutex_t whiteout_lock;
	char whiteout[16]; /* under whiteout_lock: the shared one, or "" */
	bool no_shared_whiteout; /* under whiteout_lock: link failed once */

	/*
	 * Failure tests: the change number fail_at (from 1) fails with
	 * fail_errno, or kills the process if that is 0 (test-fail=).
	 */
	atomic_long nr_changes;
	long fail_at;
	int fail_errno;
	long slow_ms; /* of pause after each slice of a copy (test-slow=) */
};

/* Values of options, in the order of their names in option.c. */
enum redirect_dir {
	REDIRECT_AUTO, /* not given: write them where the kernel reads them */
	REDIRECT_ON,
	REDIRECT_FOLLOW,
	REDIRECT_NOFOLLOW,
	REDIRECT_OFF, /* as the kernel's usual build: follow */
};
enum xino { XINO_OFF, XINO_AUTO, XINO_ON };
enum uuid { UUID_AUTO, UUID_ON, UUID_NULL, UUID_OFF };
enum fsync { FSYNC_AUTO, FSYNC_STRICT, FSYNC_VOLATILE };
enum locks { LOCKS_SERVER, LOCKS_HOST };
enum whiteouts { WHITEOUTS_CHAR, WHITEOUTS_OCI };
enum owner_kind { OWNER_REAL, OWNER_MAPPED };
enum copyup_mode { COPYUP_AUTO, COPYUP_FULL, COPYUP_LAZY, COPYUP_BACKGROUND };
#define UNSET (-1) /* a switch that was not given */

struct lower_config {
	char *path; /* owned, decoded */
	bool is_data; /* a data-only layer */
	int whiteouts; /* enum whiteouts */
};

/* What the layers are opened from: the parsed options. */
struct tree_config {
	struct lower_config *lowers; /* owned, topmost first, data-only last */
	unsigned nr_lowers; /* both kinds */
	char *upper, *work; /* owned, or NULL */
	int userxattr; /* UNSET: as privileges allow */
	int redirect_dir, xino, uuid, fsync; /* the enums above */
	int locks; /* likewise */
	int metacopy, index; /* switches */
	int owner; /* enum owner_kind */
	int interlock; /* switch: keep kernel mounts out by work/incompat */
	int is_volatile; /* switch */
	int copyup; /* enum copyup_mode */
	uint64_t partial_above; /* bytes; 0: not given */
	uint64_t copyup_rate; /* bytes a second; 0: not given, or any */
	bool is_settling; /* no option: partial files will be completed */
	bool is_at_rest; /* no option: nothing is made, cleaned or written */
	long fail_at; /* see struct upper */
	int fail_errno;
	long slow_ms; /* UNSET: and cloning is allowed */
	char *boot; /* owned; instead of the kernel's boot id (test-boot=) */
	unsigned max_fds; /* of the tree; 0: by RLIMIT_NOFILE (test-fds=) */
};

#define LAYER_MAX_LOWERS 500

/* What the options, privileges and file systems come to. Const. */
struct features {
	bool userxattr; /* the private prefix is user.overlay. */
	bool follows_redirects, writes_redirects;
	bool metacopy; /* metadata-only files are read, and made */
	bool index; /* lower hard links are kept together in W/index */
	bool links; /* ... by giving a copy all of their names at once */
	bool locks_at_host; /* locks=host */
	bool opaque_mkdir; /* new directories in merged ones are opaque */
	bool maps_owner; /* owner and mode are kept in an xattr: owner.h */
};

struct layer_set {
	struct upper *upper; /* owned, or NULL: read-only */
	struct layer *lowers; /* owned; lowers[i].idx == i + 1 */
	unsigned nr_lowers; /* that are merged; the data-only come after them */
	unsigned nr_data;
	uid_t uid; /* the server's own: what owner.c shows as root's */
	gid_t gid;
	struct features features;
};

/*
 * option.c: what @c comes to, on an upper (or NULL) that keeps private
 * xattrs in the namespace @userxattr. -EINVAL: options that exclude each
 * other, or that the layers cannot have.
 */
int option_resolve(const struct tree_config *c, const struct layer_set *set,
		   bool userxattr, struct features *ret, char **ret_why);

/*
 * Open all layers of @config with the checks of reference overlay 1.3, take
 * the locks (flock on upper and workdir), clean and make W/work; or, of an
 * upper that is only to be looked at, leave it as it is.
 * Returns 0 or an errno and a line in *@ret_why, as tree_open(). @ret may
 * have been filled in part on failure: layer_set_fini() in any case.
 */
int layer_set_open(const struct tree_config *config, tree_warn warn,
		   void *warn_ctx, struct layer_set *ret, char **ret_why);
void layer_set_fini(struct layer_set *set);

/* Say why in *@ret_why (NULL without memory) and return @r. */
int layer_why(char **ret_why, int r, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/*
 * mount-options.c: lowerdir=, upperdir=, workdir= of @set for mount(8), with
 * or without its data-only layers; malloced, NULL without memory.
 */
char *layer_mount_options(const struct layer_set *set, bool with_data);

/*
 * layer-check.c: how the layers lie to each other (overlay.md 1.3), and who
 * else uses the upper. 0, -EINVAL, -ELOOP, -EBUSY.
 */
int layer_check_overlap(const struct layer_set *set, char **ret_why);
/* Lock the upper and the workdir against other servers; kernel mounts too. */
int layer_check_in_use(const struct upper *u, char **ret_why);

/* layer-probe.c: what the layer's file system can do. */
void layer_probe(struct layer *l);
/*
 * The same for the upper, which needs u->work_fd. @userxattr: 1, 0, or -1:
 * decide it. *@ret_userxattr is the decision. -EINVAL: an upper that cannot
 * rename with a whiteout.
 */
int layer_probe_upper(struct upper *u, int userxattr, tree_warn warn,
		      void *warn_ctx, bool *ret_userxattr, char **ret_why);

/*
 * workdir.c: what is where in the workdir= directory W. In W/work/incompat,
 * veneer-live is our own mark while a server runs with interlock=on.
 */
#define WORKDIR_STAGING "work"
#define WORKDIR_INCOMPAT "incompat"
#define WORKDIR_INTERLOCK "veneer-live"
/* While there are partial files; their maps are in W/partial. */
#define WORKDIR_PARTIAL_ENTRY "veneer-partial"
#define WORKDIR_PARTIAL "partial"
/*
 * Make W/work afresh (overlay.md 1.4) in u->base_fd and fill in
 * u->work_fd. -EROFS: what is in it cannot be cleaned. -EINVAL: an entry in
 * work/incompat, left by a volatile mount or another server.
 */
int workdir_open(struct upper *u, char **ret_why);
/* Remove the shared whiteout, and let kernel mounts in again. */
void workdir_close(struct upper *u);
/* A fresh "#hex" temporary name for the staging area. */
void workdir_temp(struct upper *u, char ret[16]);
/*
 * Remove the temporary @name from the staging area, with the files in it if
 * it is a directory. Best effort: the next start cleans too.
 */
void workdir_discard(struct upper *u, const char *name);
/*
 * Remove @at; a directory with what is in it, down to @depth levels. What is
 * deeper is not ours: -ENOTEMPTY.
 */
#define WORKDIR_DEPTH 2
int workdir_remove(struct upper *u, struct at at, int depth);

#endif
