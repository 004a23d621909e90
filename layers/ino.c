/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Identity: which number an object has in the tree, and which version its
 * content.
 *
 * ident.path is (device index, inode number). The index is the place of the
 * file system among the layers in the order they were given, the upper's
 * being 0, so that it is the same after a restart; devices mounted below a
 * layer come after those. With one file system the path is the inode number
 * itself, as overlayfs has it. Inode numbers of 2^56 and more are hashed
 * into the space of index 255.
 *
 * ident.version is a hash of mtime, size and the changes made through us: those
 * within one tick of mtime, and those whose mtime a client sets back, differ by
 * them alone. Such a change never has the number of another one, of this or an
 * earlier server: else a client that kept pages over a restart would take new
 * content for old. An object whose number is its own inode's, which the next
 * file may get, has its time of birth in the version, too; not one with an
 * origin: its content is the same before and after it is copied up. Nor has
 * ctime a part, which changes with mode, links and copy-up.
 */
#include "hash.h"
#include "overlay.h"

#define PATH_INO_BITS 56
#define PATH_HASHED (UINT64_C(0xff) << PATH_INO_BITS)

static unsigned
device_add(struct tree *t, dev_t dev)
{
	unsigned nr, i;

	(void)pthread_mutex_lock(&t->names_lock);
	nr = atomic_load(&t->nr_devices);
	for (i = 0; i < nr; i++)
		if (t->devices[i] == dev)
			break;
	if (i == nr && nr < TREE_MAX_DEVICES) {
		t->devices[nr] = dev;
		atomic_store_explicit(&t->nr_devices, nr + 1,
				      memory_order_release);
	}
	(void)pthread_mutex_unlock(&t->names_lock);
	return i;
}

uint64_t
ino_hashed(dev_t dev, ino_t ino)
{
	return PATH_HASHED |
	       hash_mix(hash_mix(dev) ^ ino) >> (64 - PATH_INO_BITS);
}

uint64_t
ino_to_path(struct tree *t, dev_t dev, ino_t ino)
{
	unsigned nr, i;

	nr = atomic_load_explicit(&t->nr_devices, memory_order_acquire);
	for (i = 0; i < nr; i++)
		if (t->devices[i] == dev)
			break;
	if (i == nr)
		i = device_add(t, dev);
	if (ino >> PATH_INO_BITS || i >= TREE_MAX_DEVICES)
		return ino_hashed(dev, ino);
	return (uint64_t)i << PATH_INO_BITS | ino;
}

static uint64_t
in_ns(struct statx_timestamp ts)
{
	return (uint64_t)ts.tv_sec * 1000000000u + ts.tv_nsec;
}

uint32_t
ino_version_of(const struct statx *stx, bool is_own, uint64_t change)
{
	uint64_t h = in_ns(stx->stx_mtime);
	uint32_t v;

	/* A directory's size is the file system's and changes at copy-up. */
	if (S_ISREG(stx->stx_mode))
		h = hash_mix(h) ^ stx->stx_size;
	if (is_own)
		h = hash_mix(h) ^ in_ns(stx->stx_btime);
	h = hash_mix(hash_mix(h) + change);
	v = (uint32_t)(h ^ h >> 32);
	return v ? v : 1;
}

void
ino_ident(const struct body *b, const struct statx *stx, struct ident *ret)
{
	unsigned nr = atomic_load_explicit(&b->nr_writes, memory_order_relaxed);

	ret->path = b->path;
	ret->type = b->type;
	ret->version = ino_version_of(stx, b->is_own, nr ? b->salt + nr : 0);
}

void
ino_changed(struct body *b)
{
	atomic_fetch_add_explicit(&b->nr_writes, 1, memory_order_relaxed);
	if (b->dir) /* what a walk remembers of it is out of date */
		atomic_store(&b->dir->seen_ms, node_now_ms() - NODE_SEEN_MS);
}
