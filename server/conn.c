/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A connection's life: the session, the requests it submits, and the end.
 *
 * A request is tried on the loop at once; what would block goes to the pool
 * and comes back through loop_complete(). A connection that was closed while
 * requests of its are on workers stays until the last of them is back.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "conn.h"
#include "image.h"
#include "pool.h"
#include "run.h"
#include "tree.h"

/* --- What the session needs from below ----------------------------------- */

/*
 * Remember whose workers the client's requests may hold: what it is about to
 * attach to. Before that is tried, since it may be a worker that does it.
 */
static void
note_tree(struct conn *c, const struct request *req)
{
	const struct export *e = NULL;

	if (req->op == REQUEST_ATTACH)
		e = export_find(c->loop->server, req->name.ptr, req->name.len);
	else if (req->op == REQUEST_IMAGE)
		e = image_export(c->loop->server, req->name);
	if (e)
		c->queue = e->index;
}

/* What this thread has waited for. */
struct waits {
	long nr_sleeps;
	long nr_blocks; /* read from disks */
};

static struct waits
waits_so_far(void)
{
	struct rusage ru;

	if (getrusage(RUSAGE_THREAD, &ru) < 0)
		return (struct waits){ 0 };
	return (struct waits){ ru.ru_nvcsw, ru.ru_inblock };
}

/*
 * A call that slept, but read nothing: it may have waited for the lock of an
 * inode, whose holder was preempted, for a turn or two of the scheduler. Only
 * one that takes longer says that layers are slow.
 */
#define TURNS_NS (5 * TREE_SLOW_NS)
/* After a call that took so long, how long calls are watched for sleeping. */
#define SUSPECT_NS UINT64_C(1000000000)

/*
 * A call on @l that took @ns is over, which is long. Did it wait? @before is
 * what there was just before it; NULL: it was not watched, and may as well have
 * been preempted. What is read from disks tells without: this thread reads in
 * such calls alone.
 */
static bool
has_waited(struct loop *l, const struct waits *before, uint64_t ns)
{
	const struct waits now = waits_so_far();
	bool has_read = l->nr_blocks >= 0 && now.nr_blocks != l->nr_blocks;

	l->nr_blocks = now.nr_blocks;
	return has_read ||
	       (before && now.nr_sleeps != before->nr_sleeps && ns > TURNS_NS);
}

/*
 * Run @req here without waiting, and look how long that took. A long call
 * that waited tells the tree that it is slow.
 */
static bool
run_inline(struct loop *l, struct request *req)
{
	bool is_watched = l->stamp_ns < l->suspect_until_ns;
	const struct waits before =
		is_watched ? waits_so_far() : (struct waits){ 0 };
	struct node *n = req->node;
	bool is_done = run(l->server, req, true);
	uint64_t now = loop_clock_ns(), ns = now - l->stamp_ns;

	l->stamp_ns = now;
	if (ns > TREE_SLOW_NS &&
	    has_waited(l, is_watched ? &before : NULL, ns) && n)
		tree_note_duration(n, ns);
	if (ns > TURNS_NS)
		l->suspect_until_ns = now + SUSPECT_NS;
	return is_done;
}

static void
backend_submit(struct request *req)
{
	struct conn *c = req->owner;
	struct loop *l = c->loop;

	/*
	 * Who is told so hangs up by himself (nbd.md 10); what began before is
	 * finished. 9P has no such error: there it is done as ever.
	 */
	if (l->is_stopping && c->protocol->knows_shutdown &&
	    req->op != REQUEST_CLOSE) {
		req->error = -ESHUTDOWN;
		req->done(req);
		return;
	}
	note_tree(c, req);
	if (run_inline(l, req)) {
		req->done(req);
		return;
	}
	req->run_syncs = run_syncs(req);
	pool_submit(l->server->pool, req, &c->lane, c->queue);
}

static bool
backend_cancel(struct request *req)
{
	struct conn *c = req->owner;

	return pool_cancel(c->loop->server->pool, req);
}

static void
backend_node_ref(struct node *n)
{
	(void)node_ref(n);
}

static const struct backend backend = {
	.submit = backend_submit,
	.cancel = backend_cancel,
	.node_ref = backend_node_ref,
	.node_unref = node_unref,
	.handle_unref = handle_unref,
};

void
conn_flush_later(struct conn *c)
{
	if (c->is_dirty)
		return;
	c->is_dirty = true;
	LIST_INSERT_HEAD(&c->loop->dirty, c, by_dirty);
}

/* --- What the session tells us ------------------------------------------- */

static void
event_log(void *owner, int level, const char *line)
{
	struct conn *c = owner;

	if (level == LOG_WARNING)
		conn_warn(c, line);
	else
		log_line(level, "conn=%llu %s", (unsigned long long)c->id,
			 line);
}

static void
event_fatal(void *owner, const char *why)
{
	struct conn *c = owner;

	if (c->ops->fail && c->ops->fail(c, why))
		return;
	c->fatal = why;
	/* From a completion nobody looks at the flag: hang up from there. */
	conn_flush_later(c);
}

static void
event_ready(void *owner)
{
	struct conn *c = owner;

	/* Read again after this batch: loop_flush() resumes dirty ones. */
	if (!c->is_closed)
		conn_flush_later(c);
}

static void
event_bye(void *owner)
{
	struct conn *c = owner;

	c->is_leaving = true;
	event_ready(c); /* which has what is queued sent */
}

static size_t
event_room(void *owner, size_t running)
{
	const struct conn *c = owner;
	const struct loop *l = c->loop;
	size_t max = l->server->config->max_inflight_bytes;
	size_t held = running + c->tx_bytes;

	if (held == 0)
		return SIZE_MAX;
	/*
	 * All connections together hold much: one request at a time for each.
	 * Nobody needs to be told when that is over: whoever is held up by it
	 * has something running or to be sent, after which it asks again.
	 */
	if (held >= max || l->buffers.used > l->max_buffers)
		return 0;
	return max - held;
}

static size_t
event_unsent(void *owner)
{
	return ((const struct conn *)owner)->tx_bytes;
}

static void
event_starttls(void *owner)
{
	stream_starttls(owner);
}

static const struct session_events events = {
	.log = event_log,
	.fatal = event_fatal,
	.ready = event_ready,
	.bye = event_bye,
	.starttls = event_starttls,
	.room = event_room,
	.unsent = event_unsent,
};

/* --- Turns ----------------------------------------------------------------- */

/*
 * The only connection of a loop has turns so much longer: between reads of
 * 1 MiB each look at others cost 5 % of CPU.
 */
#define PATIENCE_ALONE 32

unsigned
conn_patience(const struct conn *c)
{
	return atomic_load(&c->loop->nr_conns) > 1 ? 1 : PATIENCE_ALONE;
}

void
conn_turn_begin(struct conn *c)
{
	unsigned times = conn_patience(c);

	c->turn_frames = 0;
	c->turn_max = CONN_TURN_MSGS * times;
	c->turn_until_ns = c->loop->stamp_ns + CONN_TURN_NS * times;
}

bool
conn_turn_is_over(const struct conn *c)
{
	return c->turn_frames >= c->turn_max ||
	       (c->turn_frames > 0 && c->loop->stamp_ns > c->turn_until_ns);
}

void
conn_turn_wait(struct conn *c)
{
	struct loop *l = c->loop;

	c->is_waiting_turn = true;
	TAILQ_INSERT_TAIL(&l->turns, c, by_turn);
	ev_prepare_start(l->ev, &l->turn);
	ev_idle_start(l->ev, &l->spin);
}

void
conn_turn_leave(struct conn *c)
{
	if (c->is_waiting_turn)
		TAILQ_REMOVE(&c->loop->turns, c, by_turn);
	c->is_waiting_turn = false;
}

/* --- Life ------------------------------------------------------------------ */

void
conn_warn(struct conn *c, const char *what)
{
	unsigned suppressed;

	if (!log_rate_ok(&c->loop->rate, (uint64_t)ev_now(c->loop->ev),
			 &suppressed))
		return;
	if (suppressed > 0)
		log_line(LOG_WARNING, "%u more warnings about clients",
			 suppressed);
	log_line(LOG_WARNING, "conn=%llu %s", (unsigned long long)c->id, what);
}

static struct session *
session_for(struct conn *c)
{
	const struct config *cfg = c->loop->server->config;
	struct session_config sc = {
		.backend = &backend,
		.events = &events,
		.owner = c,
		.owner_id = c->id,
		.trace = log_wants(LOG_DEBUG),
		.max_msize = cfg->max_msize,
		.max_fids = cfg->max_fids,
		.max_inflight = cfg->max_inflight,
		.max_xattr_bytes = cfg->max_xattr_bytes,
		.append_strict = cfg->append == APPEND_STRICT,
		.append_positional = cfg->append == APPEND_POSITIONAL,
		.tls = cfg->tls.mode,
		.answers_early = c->ops == &vhost_ops,
	};

	return c->protocol->session_new(&sc);
}

void
conn_new(struct loop *l, int fd, const struct conn_origin *origin)
{
	struct server *s = l->server;
	struct conn *c = calloc(1, sizeof(*c));

	if (c) {
		c->loop = l;
		c->fd = fd;
		c->ops = origin->transport;
		c->protocol = origin->protocol;
		memcpy(c->tag, origin->tag, sizeof(c->tag));
		c->has_packed = origin->has_packed;
		pool_lane_init(&c->lane);
		c->id = atomic_fetch_add(&s->next_conn_id, 1) + 1;
		c->session = session_for(c);
	}
	if (!c || !c->session) {
		log_line(LOG_ERR, "no memory for a connection: refused");
		free(c);
		(void)close(fd);
		atomic_fetch_sub(&l->nr_conns, 1);
		atomic_fetch_sub(&s->nr_conns, 1);
		return;
	}
	LIST_INSERT_HEAD(&l->conns, c, by_loop);
	if (c->ops->start(c) < 0)
		event_fatal(c, "closed: no memory");
	log_line(LOG_INFO, "conn=%llu connected", (unsigned long long)c->id);
}

int
conn_renew_session(struct conn *c)
{
	struct session *old = c->session;

	if (!conn_is_idle(c))
		return -EBUSY;
	c->session = session_for(c);
	if (!c->session) {
		c->session = old;
		return -ENOMEM;
	}
	c->protocol->session_free(old);
	return 0;
}

void
conn_reap(struct conn *c)
{
	struct loop *l = c->loop;

	if (!c->is_closed || c->is_dirty ||
	    !c->protocol->session_is_idle(c->session))
		return;
	c->protocol->session_free(c->session);
	c->ops->fini(c);
	LIST_REMOVE(c, by_loop);
	free(c);
	atomic_fetch_sub(&l->nr_conns, 1);
	atomic_fetch_sub(&l->server->nr_conns, 1);
}

void
conn_close(struct conn *c)
{
	if (c->is_closed)
		return;
	c->is_closed = true;
	if (c->fatal)
		conn_warn(c, c->fatal);
	c->ops->stop(c);
	c->protocol->session_close(c->session);
	log_line(LOG_INFO, "conn=%llu closed", (unsigned long long)c->id);
	/* Freed after the batch: callers up the stack still look at it. */
	conn_flush_later(c);
}

bool
conn_is_idle(const struct conn *c)
{
	return c->nr_msgs == 0 && stream_is_sent(c) &&
	       c->protocol->session_is_idle(c->session);
}

void
conn_check_timeout(struct conn *c, double now)
{
	double limit = c->loop->server->config->timeout_s;

	if (c->is_closed)
		return;
	if (c->protocol->session_is_begun(c->session))
		c->new_since = 0;
	if (c->tls_since > 0 && now - c->tls_since > limit)
		c->fatal = "closed: TLS handshake: begun, and not ended";
	else if (c->new_since > 0 && now - c->new_since > limit)
		c->fatal = "closed: connected, and then agreed on no version";
	else if (c->rx_since > 0 && now - c->rx_since > limit)
		c->fatal = "closed: half a message, and then nothing";
	else if (c->tx_since > 0 && now - c->tx_since > limit)
		c->fatal = "closed: it does not read its replies";
	else
		return;
	conn_close(c);
}
