/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * fsx FILE SEED STEPS [mapped]: random reads, writes, truncations, reopens and
 * with mapped reads and writes through mappings, after the exerciser of that
 * name; each read is compared with a copy in memory, and at the end all of it.
 * FILE is there: it begins in a lower. A step that fails is printed with those
 * before it.
 */
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAX_SIZE (256 * 1024)
#define MAX_STEP (64 * 1024)
#define NR_LOG 12

struct fsx {
	const char *path;
	int fd;
	off_t size; /* of the file, as it must be */
	unsigned seed;
	unsigned step;
	char good[MAX_SIZE];
	char buf[MAX_STEP + 4096];
	char log[NR_LOG][80]; /* the last steps, step % NR_LOG */
};

static unsigned
any(struct fsx *x, unsigned below)
{
	x->seed = x->seed * 1103515245 + 12345;
	return (x->seed >> 8) % below;
}

static void __attribute__((format(printf, 2, 3)))
say(struct fsx *x, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	(void)vsnprintf(x->log[x->step % NR_LOG], sizeof(x->log[0]), format,
			ap);
	va_end(ap);
}

static void
die(struct fsx *x, const char *why)
{
	unsigned i = x->step > NR_LOG - 1 ? x->step - (NR_LOG - 1) : 0;

	printf("FAILED: fsx %s: step %u: %s: %m\n", x->path, x->step, why);
	for (; i <= x->step; i++)
		printf("  %u %s\n", i, x->log[i % NR_LOG]);
	exit(1);
}

static void
compare(struct fsx *x, const char *got, off_t off, size_t len)
{
	size_t i;

	for (i = 0; i < len && got[i] == x->good[off + (off_t)i]; i++)
		;
	if (i == len)
		return;
	printf("  at %lld: %02x instead of %02x\n",
	       (long long)off + (long long)i, (unsigned char)got[i],
	       (unsigned char)x->good[off + (off_t)i]);
	die(x, "wrong data");
}

/* A range of the file: false if there is none. */
static int
range(struct fsx *x, off_t *off, size_t *len)
{
	if (x->size == 0)
		return 0;
	*off = any(x, (unsigned)x->size);
	*len = 1 + any(x, MAX_STEP);
	if (*off + (off_t)*len > x->size)
		*len = (size_t)(x->size - *off);
	return 1;
}

static void
do_read(struct fsx *x)
{
	size_t len;
	off_t off;

	if (!range(x, &off, &len))
		return;
	say(x, "read %lld+%zu", (long long)off, len);
	if (pread(x->fd, x->buf, len, off) != (ssize_t)len)
		die(x, "short read");
	compare(x, x->buf, off, len);
}

static void
fill(struct fsx *x, char *to, size_t len)
{
	unsigned first = any(x, 256);
	size_t i;

	for (i = 0; i < len; i++)
		to[i] = (char)(first + i * 7 + x->step);
}

static void
do_write(struct fsx *x)
{
	off_t off = any(x, MAX_SIZE);
	size_t len = 1 + any(x, MAX_STEP);

	if (off + (off_t)len > MAX_SIZE)
		len = (size_t)(MAX_SIZE - off);
	say(x, "write %lld+%zu", (long long)off, len);
	fill(x, x->good + off, len);
	if (pwrite(x->fd, x->good + off, len, off) != (ssize_t)len)
		die(x, "short write");
	if (off + (off_t)len > x->size)
		x->size = off + (off_t)len;
}

static void
do_truncate(struct fsx *x)
{
	off_t size = any(x, MAX_SIZE);

	say(x, "truncate %lld", (long long)size);
	if ((any(x, 2) ? ftruncate(x->fd, size) : truncate(x->path, size)) < 0)
		die(x, "truncate");
	/* What is cut off is zeros when it comes back. */
	if (size < x->size)
		memset(x->good + size, 0, (size_t)(x->size - size));
	x->size = size;
}

static void
do_map(struct fsx *x, int writes)
{
	off_t off, start;
	size_t len;
	char *m;

	if (!range(x, &off, &len))
		return;
	say(x, "map%s %lld+%zu", writes ? " write" : "", (long long)off, len);
	start = off & ~4095L;
	m = mmap(NULL, len + (size_t)(off - start),
		 writes ? PROT_READ | PROT_WRITE : PROT_READ, MAP_SHARED, x->fd,
		 start);
	if (m == MAP_FAILED)
		die(x, "mmap");
	if (writes) {
		fill(x, x->good + off, len);
		memcpy(m + (off - start), x->good + off, len);
		if (any(x, 2) && msync(m, len + (size_t)(off - start), MS_SYNC))
			die(x, "msync");
	} else {
		compare(x, m + (off - start), off, len);
	}
	if (munmap(m, len + (size_t)(off - start)) < 0)
		die(x, "munmap");
}

static void
do_reopen(struct fsx *x)
{
	say(x, "reopen");
	/* 6.12 may read too early what was just written: see vfs-ops-files.c */
	if (fsync(x->fd) < 0 || close(x->fd) < 0)
		die(x, "close");
	x->fd = open(x->path, O_RDWR);
	if (x->fd < 0)
		die(x, "open");
}

static void
do_stat(struct fsx *x)
{
	struct stat st;

	say(x, "stat");
	if (fstat(x->fd, &st) < 0 || st.st_size != x->size)
		die(x, "another size");
}

static void
step(struct fsx *x, int mapped)
{
	switch (any(x, mapped ? 20 : 14)) {
	case 0 ... 4:
		do_read(x);
		break;
	case 5 ... 9:
		do_write(x);
		break;
	case 10 ... 11:
		do_truncate(x);
		break;
	case 12:
		do_reopen(x);
		break;
	case 13:
		do_stat(x);
		break;
	case 14 ... 16:
		do_map(x, 0);
		break;
	default:
		do_map(x, 1);
	}
}

int
main(int argc, char **argv)
{
	static struct fsx x;
	unsigned steps;
	off_t off;

	if (argc < 4)
		return 2;
	x.path = argv[1];
	x.seed = (unsigned)atoi(argv[2]);
	steps = (unsigned)atoi(argv[3]);
	x.fd = open(x.path, O_RDWR);
	if (x.fd < 0)
		die(&x, "open");
	x.size = pread(x.fd, x.good, MAX_SIZE, 0);
	for (x.step = 0; x.step < steps; x.step++)
		step(&x, argc > 4);
	do_reopen(&x);
	do_stat(&x);
	say(&x, "read all");
	for (off = 0; off < x.size; off += 4096) {
		ssize_t n = pread(x.fd, x.buf, 4096, off);

		compare(&x, x.buf, off, n < 0 ? 0 : (size_t)n);
	}
	return close(x.fd) < 0;
}
