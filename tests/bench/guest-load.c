/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What run-guest.sh times in its guest; static, since it runs in an initramfs.
 * Prints the seconds that it took.
 *
 *   guest-load stat DIR DIRS FILES      stat DIR/dNNN/fNNN, all of them
 *   guest-load read FILE                to its end, 1 MiB at a time
 *   guest-load write FILE MIB           anew, 1 MiB at a time
 *   guest-load random FILE THREADS N    N reads of 4 KiB each
 *   guest-load run PROGRAM ARG...       it, with its output left out
 */
#include <err.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define CHUNK (1 << 20)
#define BLOCK 4096

static double
now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static void
do_stat(char **args)
{
	int nr_dirs = atoi(args[1]), nr_files = atoi(args[2]);
	struct stat st;
	char name[64];

	if (chdir(args[0]) < 0)
		err(1, "%s", args[0]);
	for (int d = 0; d < nr_dirs; d++) {
		for (int f = 0; f < nr_files; f++) {
			snprintf(name, sizeof(name), "d%03d/f%03d", d, f);
			if (stat(name, &st) < 0)
				err(1, "%s", name);
		}
	}
}

static void
do_read(char **args)
{
	static char buf[CHUNK];
	int fd = open(args[0], O_RDONLY | O_CLOEXEC);
	ssize_t got;

	if (fd < 0)
		err(1, "%s", args[0]);
	while ((got = read(fd, buf, sizeof(buf))) > 0)
		;
	if (got < 0)
		err(1, "read");
	close(fd);
}

static void
do_write(char **args)
{
	static char buf[CHUNK];
	int fd = open(args[0], O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

	if (fd < 0)
		err(1, "%s", args[0]);
	memset(buf, 'x', sizeof(buf));
	for (int i = 0; i < atoi(args[1]); i++) {
		if (write(fd, buf, sizeof(buf)) != sizeof(buf))
			err(1, "write");
	}
	if (close(fd) < 0)
		err(1, "close");
}

struct reader {
	pthread_t thread;
	unsigned seed;
	int fd;
	int nr;
	off_t nr_blocks;
};

static void *
read_random(void *arg)
{
	struct reader *r = arg;
	char buf[BLOCK];

	for (int i = 0; i < r->nr; i++) {
		off_t block = rand_r(&r->seed) % r->nr_blocks;

		if (pread(r->fd, buf, BLOCK, block * BLOCK) != BLOCK)
			err(1, "pread");
	}
	return NULL;
}

static void
do_random(char **args)
{
	struct reader readers[16];
	int nr_threads = atoi(args[1]);
	int fd = open(args[0], O_RDONLY | O_CLOEXEC);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		err(1, "%s", args[0]);
	if (nr_threads < 1 || nr_threads > 16)
		errx(1, "threads: 1 to 16");
	for (int i = 0; i < nr_threads; i++) {
		readers[i] = (struct reader){ .seed = (unsigned)i + 1,
					      .fd = fd,
					      .nr = atoi(args[2]),
					      .nr_blocks = st.st_size / BLOCK };
		if (pthread_create(&readers[i].thread, NULL, read_random,
				   &readers[i]))
			errx(1, "pthread_create");
	}
	for (int i = 0; i < nr_threads; i++)
		pthread_join(readers[i].thread, NULL);
	close(fd);
}

static void
do_run(char **args)
{
	int status;
	pid_t pid = fork();

	if (pid < 0)
		err(1, "fork");
	if (pid == 0) {
		int null = open("/dev/null", O_WRONLY);

		if (null >= 0)
			dup2(null, STDOUT_FILENO);
		execvp(args[0], args);
		err(127, "%s", args[0]);
	}
	if (waitpid(pid, &status, 0) < 0 || status != 0)
		errx(1, "%s failed", args[0]);
}

static const struct load {
	const char *name;
	int nr_args;
	void (*run)(char **args);
} loads[] = {
	{ "stat", 3, do_stat },   { "read", 1, do_read },
	{ "write", 2, do_write }, { "random", 3, do_random },
	{ "run", 1, do_run },
};

int
main(int argc, char **argv)
{
	for (size_t i = 0; i < sizeof(loads) / sizeof(loads[0]); i++) {
		double begun = now();

		if (argc < 2 || strcmp(argv[1], loads[i].name) != 0 ||
		    argc - 2 < loads[i].nr_args)
			continue;
		loads[i].run(argv + 2);
		printf("%.6f\n", now() - begun);
		return 0;
	}
	fprintf(stderr, "usage: see the top of guest-load.c\n");
	return 2;
}
