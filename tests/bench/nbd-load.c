/* SPDX-License-Identifier: BSD-3-Clause */
/* The NBD load generator; see nbd-load.h. */
#include <endian.h>
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include "load.h"
#include "nbd-load.h"
#include "nbd.h"

#define MAGIC_SIMPLE 0x67446698u
#define MAGIC_CHUNK 0x668e33efu
#define CHUNK_ERROR (1u << 15)
#define MAX_SAMPLES 1000000u
#define IN_SIZE ((size_t)1 << 20)

/* One connection, of one thread. */
struct client {
	const struct nbd_load *what;
	struct nbd nbd;
	int error;
	uint64_t random, next, nr_ops, nr_begun;
	double until, began[NBD_MAX_DEPTH];
	uint8_t heads[NBD_MAX_DEPTH][NBD_HEAD];
	struct iovec out[2 * NBD_MAX_DEPTH];
	unsigned nr_out, nr_running;
	char *in, *data;
	size_t in_pos, in_len, skip; /* bytes of data still to come */
	float *samples;
	pthread_t thread;
};

/* CPU of a process, of threads that ended too: nbdkit's do. */
static double
process_cpu(pid_t pid)
{
	struct timespec ts = { 0 };
	clockid_t clock;

	if (clock_getcpuclockid(pid, &clock) == 0)
		(void)clock_gettime(clock, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static uint64_t
next_offset(struct client *c)
{
	uint64_t slots = c->what->span / c->what->size;

	if (!c->what->is_random)
		return c->next++ % slots * c->what->size;
	c->random = c->random * 6364136223846793005u + 1442695040888963407u;
	return (c->random >> 33) % slots * c->what->size;
}

static void
begin(struct client *c, unsigned slot, double now)
{
	const struct nbd_load *w = c->what;
	const struct nbd_request r = {
		.type = w->writes ? NBD_WRITE : NBD_READ,
		.cookie = slot,
		.offset = next_offset(c),
		.len = w->size,
	};

	nbd_encode(&r, c->heads[slot]);
	c->began[slot] = now;
	c->nr_begun++;
	c->nr_running++;
	c->out[c->nr_out++] =
		(struct iovec){ &c->heads[slot], sizeof(c->heads[slot]) };
	if (w->writes)
		c->out[c->nr_out++] = (struct iovec){ c->data, w->size };
}

static int
send_all(struct client *c)
{
	struct iovec *iov = c->out;
	ssize_t n;

	while (c->nr_out > 0) {
		n = writev(c->nbd.fd, iov, (int)c->nr_out);
		if (n < 0)
			return -errno;
		while (c->nr_out > 0 && (size_t)n >= iov->iov_len) {
			n -= (ssize_t)iov->iov_len;
			iov++;
			c->nr_out--;
		}
		if (c->nr_out > 0) {
			iov->iov_base = (char *)iov->iov_base + n;
			iov->iov_len -= (size_t)n;
		}
	}
	return 0;
}

/* The request of @slot is done: the next one, if there is to be one. */
static int
end(struct client *c, uint64_t slot)
{
	double now = now_s();

	if (slot >= c->what->depth)
		return -EPROTO;
	if (c->nr_ops < MAX_SAMPLES)
		c->samples[c->nr_ops] = (float)((now - c->began[slot]) * 1e6);
	c->nr_ops++;
	c->nr_running--;
	if (now < c->until &&
	    (c->what->nr_max == 0 || c->nr_begun < c->what->nr_max))
		begin(c, (unsigned)slot, now);
	return 0;
}

/* Take the reply at in_pos, if its head is whole: 1; 0; or an errno. */
static int
parse(struct client *c)
{
	const char *p = c->in + c->in_pos;
	size_t have = c->in_len - c->in_pos, len;
	uint32_t magic, word;
	uint64_t cookie;
	uint16_t flags, type;
	int r;

	if (have < 20 && !(have >= 16 && c->what->writes))
		return 0;
	memcpy(&magic, p, 4);
	memcpy(&cookie, p + 8, 8);
	if (be32toh(magic) == MAGIC_SIMPLE) {
		memcpy(&word, p + 4, 4);
		c->in_pos += 16;
		return word ? -(int)be32toh(word) : end(c, cookie) ?: 1;
	}
	if (be32toh(magic) != MAGIC_CHUNK)
		return -EPROTO;
	if (have < 20)
		return 0;
	memcpy(&flags, p + 4, 2);
	memcpy(&type, p + 6, 2);
	memcpy(&word, p + 16, 4);
	if (be16toh(type) & CHUNK_ERROR)
		return -EIO;
	c->in_pos += 20;
	len = be32toh(word);
	have -= 20;
	c->in_pos += len < have ? len : have;
	c->skip = len < have ? 0 : len - have;
	r = be16toh(flags) & 1 ? end(c, cookie) : 0;
	return r < 0 ? r : 1;
}

static int
receive(struct client *c)
{
	size_t n;
	ssize_t got;
	int r = 1;

	memmove(c->in, c->in + c->in_pos, c->in_len - c->in_pos);
	c->in_len -= c->in_pos;
	c->in_pos = 0;
	got = recv(c->nbd.fd, c->in + c->in_len, IN_SIZE - c->in_len, 0);
	if (got <= 0)
		return got < 0 ? -errno : -ECONNRESET;
	c->in_len += (size_t)got;
	while (r > 0 && c->in_pos < c->in_len) {
		n = c->in_len - c->in_pos;
		n = c->skip < n ? c->skip : n;
		c->skip -= n;
		c->in_pos += n;
		r = c->skip ? 0 : parse(c);
	}
	return r < 0 ? r : 0;
}

static void *
client_main(void *arg)
{
	struct client *c = arg;
	unsigned i;
	int r = 0;

	for (i = 0; i < c->what->depth; i++)
		if (c->what->nr_max == 0 || i < c->what->nr_max)
			begin(c, i, now_s());
	while ((c->nr_running > 0 || c->skip > 0) && r == 0) {
		r = send_all(c);
		if (r == 0)
			r = receive(c);
	}
	c->error = r;
	return NULL;
}

static int
client_open(struct client *c, const struct nbd_load *what, unsigned i)
{
	*c = (struct client){
		.what = what,
		.nbd.fd = -1,
		.random = what->seed * 1000003 + i,
		.next = what->span / what->size / what->nr_conns * i,
		.in = malloc(IN_SIZE),
		.data = malloc(what->size),
		.samples = malloc(MAX_SAMPLES * sizeof(float)),
	};
	if (!c->in || !c->data || !c->samples)
		return -ENOMEM;
	memset(c->data, (int)('a' + i), what->size);
	return nbd_open(&c->nbd, what->socket, what->export, true, 0);
}

static void
client_close(struct client *c)
{
	nbd_close(&c->nbd);
	free(c->in);
	free(c->data);
	free(c->samples);
}

static int
by_float(const void *a, const void *b)
{
	float x = *(const float *)a, y = *(const float *)b;

	return (x > y) - (x < y);
}

static int
summarise(struct client *c, unsigned nr, double elapsed, double cpu,
	  struct nbd_result *ret)
{
	float *all = malloc(nr * MAX_SAMPLES * sizeof(float));
	uint64_t n = 0, ops = 0, k;
	unsigned i;

	if (!all)
		return -ENOMEM;
	for (i = 0; i < nr; i++) {
		k = c[i].nr_ops < MAX_SAMPLES ? c[i].nr_ops : MAX_SAMPLES;
		memcpy(all + n, c[i].samples, k * sizeof(float));
		n += k;
		ops += c[i].nr_ops;
	}
	qsort(all, n, sizeof(float), by_float);
	ret->rate = (double)ops / elapsed;
	ret->p50_us = n ? all[n / 2] : 0;
	ret->p99_us = n ? all[n * 99 / 100] : 0;
	ret->cpu_us = ops ? cpu * 1e6 / (double)ops : 0;
	free(all);
	return 0;
}

int
nbd_load_run(const struct nbd_load *what, struct nbd_result *ret)
{
	static struct client c[NBD_MAX_CONNS];
	unsigned i, nr = what->nr_conns;
	double began, cpu;
	int r = 0;

	for (i = 0; i < nr; i++)
		if (client_open(&c[i], what, i) < 0 && r == 0)
			r = -ECONNREFUSED;
	cpu = process_cpu(what->pid);
	began = now_s();
	for (i = 0; i < nr && r == 0; i++) {
		c[i].until = began + what->seconds;
		r = -pthread_create(&c[i].thread, NULL, client_main, &c[i]);
	}
	while (i > 0 && r == 0)
		(void)pthread_join(c[--i].thread, NULL);
	for (i = 0; i < nr && r == 0; i++)
		r = c[i].error;
	if (r == 0)
		r = summarise(c, nr, now_s() - began,
			      process_cpu(what->pid) - cpu, ret);
	for (i = 0; i < nr; i++)
		client_close(&c[i]);
	return r;
}
