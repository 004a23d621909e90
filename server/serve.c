/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The server's start and end. Start: trees (with their locks), sockets,
 * pool, loops, the command of --run; only then readiness is announced. End:
 * listeners, then the loops finish what is in flight, then trees.
 */
#include <errno.h>
#include <limits.h>
#include <linux/capability.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "cleanup.h"
#include "conn.h"
#include "copier.h"
#include "groups.h"
#include "guest-fault.h"
#include "listen.h"
#include "macros.h"
#include "notify.h"
#include "pool.h"
#include "progress.h"
#include "run.h"
#include "server.h"
#include "spawn.h"
#include "tls.h"
#include "tree.h"
#include "uri.h"

/* How long workers are waited for at the end. */
#define STOP_WORKERS_S 5

struct control {
	struct server *server;
	ev_signal signals[3];
	ev_io child;
	pid_t child_pid;
	int child_fd; /* owned pidfd; -1 */
	int exit_code;
	bool is_stopping;
};

/* --- Trees ------------------------------------------------------------------- */

static void
tree_warning(void *ctx, const char *line)
{
	const char *name = ctx;

	log_line(LOG_WARNING, "tree \"%s\": %s", name, line);
}

/* Can what its options promise be kept? */
static int
check_access(struct server *s, const struct export *e)
{
	if (access_is_plain(e->access))
		return 0;
	if (e->access->mode == ACCESS_SERVER && !tree_is_read_only(e->tree) &&
	    !tree_has_owners(e->tree)) {
		log_line(LOG_ERR,
			 "%s%saccess=server needs root, to give objects to "
			 "their users, or owner=mapped",
			 e->name, *e->name ? ": " : "");
		return -EINVAL;
	}
	if (!s->groups)
		s->groups = groups_new();
	return s->groups ? 0 : -ENOMEM;
}

/* Half of what the process may have open is for what clients hold. */
static void
share_descriptors(struct server *s)
{
	struct rlimit lim;
	unsigned i;

	if (getrlimit(RLIMIT_NOFILE, &lim) < 0 || lim.rlim_cur > UINT_MAX)
		return;
	for (i = 0; i < s->nr_exports; i++)
		tree_limit_fds(s->exports[i].tree,
			       (unsigned)lim.rlim_cur / 2 / s->nr_exports);
}

static int
open_trees(struct server *s)
{
	const struct config *c = s->config;
	unsigned i;

	s->exports = calloc(c->nr_trees, sizeof(*s->exports));
	if (!s->exports)
		return -ENOMEM;
	for (i = 0; i < c->nr_trees; i++) {
		CLEANUP_FREE char *why = NULL;
		struct export *e = &s->exports[i];
		int r;

		e->name = strdup(c->trees[i].name);
		e->index = i;
		e->access = &c->trees[i].access;
		s->nr_exports++;
		if (!e->name)
			return -ENOMEM;
		r = tree_open(c->trees[i].tree, tree_warning, e->name, &e->tree,
			      &why);
		if (r < 0) {
			log_line(LOG_ERR, "%s%s%s", e->name,
				 *e->name ? ": " : "",
				 why ? why : strerror(-r));
			return r;
		}
		tree_set_user(e->tree, e);
		r = check_access(s, e);
		if (r < 0)
			return r;
		if (log_wants(LOG_DEBUG))
			tree_on_progress(e->tree, progress_log, e->name);
		if (tree_is_read_only(e->tree))
			log_line(LOG_INFO,
				 "tree \"%s\" is read-only: it has "
				 "no upper",
				 e->name);
	}
	share_descriptors(s);
	if (c->nbd_uid != NO_ID && !s->groups) {
		s->groups = groups_new();
		return s->groups ? 0 : -ENOMEM;
	}
	return 0;
}

/* --- The process ----------------------------------------------------------- */

/* Quotas and blocks reserved for root hold for guests too (overlay.md 1.1). */
static void
drop_sys_resource(void)
{
	struct __user_cap_header_struct head = {
		.version = _LINUX_CAPABILITY_VERSION_3,
	};
	struct __user_cap_data_struct data[2];

	if (syscall(SYS_capget, &head, data) < 0)
		return;
	data[CAP_SYS_RESOURCE / 32].effective &= ~(1u << CAP_SYS_RESOURCE % 32);
	/* It had none to drop, or may not change its own: no harm done. */
	(void)syscall(SYS_capset, &head, data);
}

static void
prepare_process(void)
{
	struct rlimit lim;

	(void)signal(SIGPIPE, SIG_IGN);
	(void)umask(0);
	if (getrlimit(RLIMIT_NOFILE, &lim) == 0) {
		lim.rlim_cur = lim.rlim_max;
		(void)setrlimit(RLIMIT_NOFILE, &lim);
	}
	drop_sys_resource();
	guest_fault_init();
}

/* --- Pool and loops ----------------------------------------------------------- */

static bool
pool_work(void *ctx, struct request *req)
{
	return run(ctx, req, false);
}

static bool
pool_unpark(void *ctx, struct request *req)
{
	(void)ctx;
	return tree_unpark(&req->waiter);
}

static void
pool_complete(void *ctx, struct request *req)
{
	struct conn *c = req->owner;

	(void)ctx;
	loop_complete(c->loop, req);
}

static const struct pool_ops pool_ops = {
	.work = pool_work,
	.unpark = pool_unpark,
	.complete = pool_complete,
};

static int
make_loops(struct server *s)
{
	long cores = sysconf(_SC_NPROCESSORS_ONLN);
	unsigned i;

	/* More would take the cores from those who are to ask next. */
	s->max_polling = (unsigned)MAX(cores / 2, 1L);
	s->pool = pool_new(&pool_ops, s, s->config->max_workers, s->nr_exports);
	s->loops = calloc(s->config->nr_loops, sizeof(struct loop *));
	if (!s->pool || !s->loops)
		return -ENOMEM;
	for (i = 0; i < s->config->nr_loops; i++) {
		s->loops[i] = loop_new(s);
		if (!s->loops[i])
			return -ENOMEM;
		s->nr_loops++;
	}
	return 0;
}

static bool
serves_nbd(const struct server *s)
{
	const struct listener *ls;

	LIST_FOREACH (ls, &s->listeners, by_server)
		if (listener_is_nbd(ls))
			return true;
	return false;
}

static int
start_copiers(struct server *s)
{
	struct export *e;
	unsigned i;

	for (i = 0; i < s->nr_exports; i++) {
		e = &s->exports[i];
		if (!tree_copies(e->tree))
			continue;
		e->copier = copier_new(e->tree, e->name);
		if (!e->copier)
			return -ENOMEM;
	}
	return 0;
}

/* False: one of them hangs. */
static bool
stop_copiers(struct server *s)
{
	unsigned i;
	bool are_done = true;

	for (i = 0; i < s->nr_exports && are_done; i++)
		are_done = copier_free(s->exports[i].copier, STOP_WORKERS_S);
	return are_done;
}

static int
open_listeners(struct server *s)
{
	const struct config *c = s->config;
	unsigned i;
	int r = 0;

	for (i = 0; i < c->nr_listens && r == 0; i++)
		r = listen_open(s, c->listens[i]);
	if (r == 0 && (c->vhost.path || c->vhost.fd))
		r = listen_open_vhost(s);
	else if (r == 0 && c->nr_listens == 0) {
		r = listen_inherited(s);
		if (r == 0)
			r = listen_open(s, "unix:-");
	}
	/* $veneer_nbd of --run, which nobody but us can connect to. */
	if (r >= 0 && c->run && !serves_nbd(s))
		r = listen_open(s, "nbd+unix:-");
	return r < 0 ? r : 0;
}

/* Lines to paste about a private socket, whose path nobody can know. */
static void
print_9p_hints(const struct listener *ls)
{
	printf("# QEMU (the guest mounts it from 10.0.2.100, port 564):\n"
	       "-netdev user,id=n0,guestfwd=tcp:10.0.2.100:564-chardev:v0 "
	       "-device virtio-net-pci,netdev=n0 \\\n"
	       "-chardev socket,id=v0,path=%s\n"
	       "# in the guest:\n"
	       "mount -t 9p -o trans=tcp,port=564,version=9p2000.L,"
	       "msize=1048576 10.0.2.100 /mnt\n"
	       "# on this machine, where its kernel has 9p:\n"
	       "mount -t 9p -o trans=unix,version=9p2000.L,msize=1048576 %s "
	       "/mnt\n",
	       ls->path, ls->path);
}

static void
print_nbd_hints(const struct listener *ls)
{
	char uri[URI_MAX], all[URI_MAX];

	if (uri_nbd(ls, "NAME", uri) < 0 || uri_nbd(ls, "", all) < 0)
		return;
	/* With TLS, QEMU needs to be told of keys first: veneer(8). */
	if (strncmp(uri, "nbds", 4) != 0)
		printf("# NBD, the file NAME of the tree as a disk; QEMU:\n"
		       "-drive 'file=%s,format=raw,if=virtio'\n",
		       uri);
	printf("# what there is, and one of them as a file:\n"
	       "nbdinfo --list '%s'\n"
	       "nbdcopy '%s' NAME\n",
	       all, uri);
}

static void
print_hints(const struct server *s)
{
	const struct listener *ls;

	if (s->config->run)
		return;
	LIST_FOREACH (ls, &s->listeners, by_server) {
		if (!ls->directory[0])
			continue;
		if (listener_is_nbd(ls))
			print_nbd_hints(ls);
		else
			print_9p_hints(ls);
	}
	(void)fflush(stdout);
}

/* --- Control: signals and the command ------------------------------------------ */

static void
stop(struct control *ctl)
{
	struct server *s = ctl->server;
	unsigned i;

	if (ctl->is_stopping)
		_exit(ctl->exit_code ? ctl->exit_code : EXIT_RUNTIME);
	ctl->is_stopping = true;
	log_line(LOG_INFO, "stopping");
	notify_systemd("STOPPING=1");
	listen_close_all(s);
	for (i = 0; i < s->nr_loops; i++)
		loop_stop(s->loops[i]);
}

static void
on_signal(struct ev_loop *ev, ev_signal *w, int revents)
{
	(void)ev;
	(void)revents;
	stop(w->data);
}

static void
on_child(struct ev_loop *ev, ev_io *w, int revents)
{
	struct control *ctl = w->data;

	(void)revents;
	ev_io_stop(ev, w);
	ctl->exit_code = spawn_wait(ctl->child_pid);
	ctl->child_pid = 0;
	if (!ctl->is_stopping)
		stop(ctl);
}

static void
control_init(struct control *ctl, struct server *s)
{
	static const int numbers[3] = { SIGTERM, SIGINT, SIGHUP };
	unsigned i;

	*ctl = (struct control){ .server = s, .child_fd = -1 };
	for (i = 0; i < 3; i++) {
		ev_signal_init(&ctl->signals[i], on_signal, numbers[i]);
		ctl->signals[i].data = ctl;
		ev_signal_start(s->loops[0]->ev, &ctl->signals[i]);
	}
}

static int
control_run_command(struct control *ctl)
{
	struct server *s = ctl->server;
	pid_t pid;

	if (!s->config->run)
		return 0;
	pid = spawn_command(s, s->config->run, &ctl->child_fd);
	if (pid < 0) {
		log_line(LOG_ERR, "cannot run \"%s\": %s", s->config->run,
			 strerror(-pid));
		return pid;
	}
	ctl->child_pid = pid;
	ev_io_init(&ctl->child, on_child, ctl->child_fd, EV_READ);
	ctl->child.data = ctl;
	ev_io_start(s->loops[0]->ev, &ctl->child);
	return 0;
}

static void
control_fini(struct control *ctl)
{
	struct ev_loop *ev = ctl->server->loops[0]->ev;
	unsigned i;

	for (i = 0; i < 3; i++)
		ev_signal_stop(ev, &ctl->signals[i]);
	if (ctl->child_fd >= 0) {
		ev_io_stop(ev, &ctl->child);
		(void)close(ctl->child_fd);
	}
	/* We were told to stop before the command ended: so is it. */
	if (ctl->child_pid > 0)
		(void)kill(ctl->child_pid, SIGTERM);
}

/* --- Start and end ---------------------------------------------------------------- */

static int
announce(struct server *s, int parent_fd)
{
	int r = 0;

	if (s->config->pidfile)
		r = notify_write_pidfile(s->config->pidfile);
	if (r < 0) {
		log_line(LOG_ERR, "pidfile \"%s\": %s", s->config->pidfile,
			 strerror(-r));
		return r;
	}
	notify_systemd("READY=1");
	print_hints(s);
	notify_parent(parent_fd);
	return 0;
}

static int
run_server(struct server *s, int parent_fd, int *ret_exit)
{
	struct control ctl;
	unsigned i;
	int r = 0;

	control_init(&ctl, s);
	for (i = 1; i < s->nr_loops && r == 0; i++)
		r = loop_start(s->loops[i]);
	if (r == 0) {
		listen_start(s);
		r = announce(s, parent_fd);
	}
	if (r == 0)
		r = control_run_command(&ctl);
	if (r < 0)
		stop(&ctl);
	loop_run(s->loops[0]);
	for (i = 1; i < s->nr_loops; i++)
		loop_join(s->loops[i]);
	control_fini(&ctl);
	*ret_exit = ctl.exit_code;
	return r;
}

/* False: a worker hangs in a layer; what it uses must stay. */
static bool
tear_down(struct server *s)
{
	unsigned i;

	listen_close_all(s);
	if (!pool_free(s->pool, STOP_WORKERS_S) || !stop_copiers(s)) {
		log_line(LOG_WARNING, "a layer does not answer: leaving "
				      "without waiting for it");
		return false;
	}
	for (i = 0; i < s->nr_loops; i++)
		loop_free(s->loops[i]);
	free(s->loops);
	for (i = 0; i < s->nr_exports; i++) {
		tree_close(s->exports[i].tree);
		free(s->exports[i].name);
	}
	free(s->exports);
	groups_free(s->groups);
	tls_free(s->tls);
	return true;
}

int
serve(const struct config *config)
{
	struct server s = { .config = config };
	int parent_fd = -1, exit_code = EXIT_OK, r = 0;

	LIST_INIT(&s.listeners);
	prepare_process();
	if (config->is_daemon)
		r = parent_fd = notify_daemonize();
	if (r >= 0)
		r = tls_load(&config->tls, &s.tls);
	if (r == 0)
		r = open_trees(&s);
	if (r == 0)
		r = make_loops(&s);
	if (r == 0)
		r = start_copiers(&s);
	if (r == 0)
		r = open_listeners(&s);
	if (r == 0)
		r = run_server(&s, parent_fd, &exit_code);
	if (config->pidfile && r == 0)
		(void)unlink(config->pidfile);
	if (!tear_down(&s))
		_exit(EXIT_RUNTIME);
	if (r == -EINVAL && exit_code == EXIT_OK)
		return EXIT_USAGE;
	return r < 0 ? EXIT_RUNTIME : exit_code;
}
