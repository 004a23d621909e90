/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The names of one lower object, found and given to its copy together.
 *
 * While that happens every directory that holds one of them is locked, under
 * rename_lock, directories before those below them; and index_lock keeps
 * lookups from finding one more name of the object meanwhile.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "alias.h"
#include "cleanup.h"
#include "copyup.h"

/* So many names at most are looked for; those in memory always count. */
#define MAX_NAMES 4096
/* alias_table_read() goes no deeper. */
#define MAX_DEPTH 256

int
alias_tables_new(struct tree *t)
{
	t->aliases = calloc(t->layers.nr_lowers + 1, sizeof(*t->aliases));
	return t->aliases ? 0 : -ENOMEM;
}

void
alias_tables_free(struct tree *t)
{
	unsigned i;

	for (i = 0; t->aliases && i < t->layers.nr_lowers; i++)
		alias_table_free(t->aliases[i]);
	free(t->aliases);
}

static int
add(struct alias_set *set, struct node *n)
{
	struct node **p;
	size_t i;

	for (i = 0; i < set->nr; i++) {
		if (set->nodes[i] == n) {
			node_unref(n);
			return 0;
		}
	}
	if (set->nr == set->size) {
		p = reallocarray(set->nodes, set->size * 2 + 8, sizeof(*p));
		if (!p) {
			node_unref(n);
			return -ENOMEM;
		}
		set->nodes = p;
		set->size = set->size * 2 + 8;
	}
	set->nodes[set->nr++] = n;
	return 0;
}

void
alias_set_free(struct alias_set *set)
{
	size_t i;

	for (i = 0; i < set->nr; i++)
		node_unref(set->nodes[i]);
	free(set->nodes);
	*set = (struct alias_set){ 0 };
}

/* The node at the place that the layer knows as @place; NULL: none. */
static struct node *
walk(struct tree *t, const struct call *c, const struct alias_table *table,
     struct alias_place place)
{
	struct alias_place way[MAX_DEPTH + 2];
	struct node *n = tree_root(t), *next;
	struct ident ident;
	unsigned len = 0, nr;
	struct name name;

	way[len++] = place;
	while (way[len - 1].dir != 0 && len < MAX_DEPTH + 2) {
		place = alias_table_dir(table, way[len - 1].dir);
		way[len++] = place;
	}
	while (n && len > 0) {
		name = (struct name){ way[len - 1].name,
				      strlen(way[len - 1].name) };
		next = NULL;
		if (tree_walk(n, c, &name, 1, &ident, &nr, &next) < 0)
			next = NULL;
		node_unref(n);
		n = next;
		len--;
	}
	return n;
}

/* The table of @layer; NULL: it is not to be read, or was not. */
static struct alias_table *
table_of(struct tree *t, unsigned layer)
{
	struct alias_table **table = &t->aliases[layer - 1];

	if (layer_of(t, layer)->is_slow)
		return NULL;
	(void)pthread_mutex_lock(&t->aliases_lock);
	if (!*table && alias_table_read(layer_of(t, layer), table) < 0)
		*table = NULL;
	(void)pthread_mutex_unlock(&t->aliases_lock);
	return *table;
}

/* Of the names in the layer, those that lead to @n's object. */
static int
find_in_layer(struct node *n, const struct call *c, struct alias_set *set)
{
	struct tree *t = n->body->tree;
	unsigned layer = atomic_load(&n->body->layer);
	struct alias_table *table = layer > 0 ? table_of(t, layer) : NULL;
	size_t first, nr, i, found = 0;
	struct node *other;
	ino_t ino;
	int r = 0;

	if (!table)
		return 0;
	/* If it is copied up right now, nobody will need what is found. */
	(void)pthread_mutex_lock(&t->names_lock);
	ino = n->body->real_ino;
	(void)pthread_mutex_unlock(&t->names_lock);
	alias_table_find(table, ino, &first, &nr);
	if (nr > MAX_NAMES)
		return 0;
	for (i = 0; i < nr && r == 0; i++) {
		other = walk(t, c, table, alias_table_place(table, first + i));
		if (other && other->body == n->body) {
			found++;
			if (other != n)
				r = add(set, take_ptr(&other));
		}
		node_unref(other);
	}
	set->is_complete = found == n->body->lower_nlink;
	return r;
}

/* Those in memory, wherever they are. */
static int
find_in_memory(struct node *n, struct alias_set *set)
{
	struct tree *t = n->body->tree;
	struct alias_set all = { 0 };
	struct node *other;
	size_t i;
	int r = 0;

	(void)pthread_mutex_lock(&t->names_lock);
	LIST_FOREACH (other, &n->body->nodes, by_body)
		if (r == 0 && other != n && !other->is_detached)
			r = add(&all, node_revive(t, other));
	(void)pthread_mutex_unlock(&t->names_lock);
	for (i = 0; i < all.nr && r == 0; i++)
		r = add(set, node_ref(all.nodes[i]));
	alias_set_free(&all);
	return r;
}

int
alias_find(struct node *n, const struct call *c, struct alias_set *ret)
{
	struct alias_set set = { 0 };
	struct node *dir;
	size_t i;
	int r;

	r = find_in_layer(n, c, &set);
	if (r == 0)
		r = find_in_memory(n, &set);
	for (i = 0; i < set.nr && r == 0; i++) {
		dir = node_parent(set.nodes[i]);
		if (!__atomic_load_n(&set.nodes[i]->is_detached,
				     __ATOMIC_ACQUIRE))
			r = copyup_node(dir, c, COPYUP_META);
		node_unref(dir);
	}
	if (r < 0)
		alias_set_free(&set);
	else
		*ret = set;
	return r;
}

/* --- All at once ----------------------------------------------------------- */

struct locked_dir {
	struct node *dir; /* counted; the first nr_locked locked exclusive */
	unsigned depth;
};

struct names {
	struct tree *t;
	struct node *n;
	const struct alias_set *set;
	struct locked_dir *dirs; /* owned; the upper ones first */
	size_t nr_dirs, nr_locked;
	bool holds_rename_lock, holds_index_lock;
	bool *is_linked; /* owned; of set->nodes */
};

static int
by_depth(const void *a, const void *b)
{
	const struct locked_dir *x = a, *y = b;

	if (x->depth != y->depth)
		return x->depth < y->depth ? -1 : 1;
	return x->dir < y->dir ? -1 : x->dir > y->dir;
}

/* Under rename_lock: where @n is stays. */
static void
note_parent(struct names *ns, struct node *n)
{
	struct locked_dir d = { node_parent(n), 0 };
	const struct node *up;

	for (up = d.dir; up->parent; up = up->parent)
		d.depth++;
	ns->dirs[ns->nr_dirs++] = d;
}

static int
lock_dirs(struct names *ns)
{
	const struct call wait = { 0 };
	size_t i, nr = 0;
	int r = 0;

	qsort(ns->dirs, ns->nr_dirs, sizeof(*ns->dirs), by_depth);
	for (i = 0; i < ns->nr_dirs; i++) {
		if (nr > 0 && ns->dirs[nr - 1].dir == ns->dirs[i].dir)
			node_unref(ns->dirs[i].dir);
		else
			ns->dirs[nr++] = ns->dirs[i];
	}
	ns->nr_dirs = nr;
	while (ns->nr_locked < nr && r == 0) {
		r = lock_dir_excl(ns->dirs[ns->nr_locked].dir, &wait);
		ns->nr_locked += r == 0;
	}
	return r;
}

static int
begin(struct names *ns)
{
	size_t i;
	int r;

	ns->dirs = calloc(ns->set->nr + 1, sizeof(*ns->dirs));
	ns->is_linked = calloc(ns->set->nr + 1, sizeof(*ns->is_linked));
	if (!ns->dirs || !ns->is_linked)
		return -ENOMEM;
	(void)pthread_mutex_lock(&ns->t->rename_lock);
	ns->holds_rename_lock = true;
	note_parent(ns, ns->n);
	for (i = 0; i < ns->set->nr; i++)
		note_parent(ns, ns->set->nodes[i]);
	r = lock_dirs(ns);
	if (r < 0)
		return r;
	(void)pthread_mutex_lock(&ns->t->index_lock);
	ns->holds_index_lock = true;
	return 0;
}

static void
end(struct names *ns)
{
	size_t i;

	if (ns->holds_index_lock)
		(void)pthread_mutex_unlock(&ns->t->index_lock);
	for (i = ns->nr_locked; i-- > 0;)
		unlock_dir(ns->dirs[i].dir);
	if (ns->holds_rename_lock)
		(void)pthread_mutex_unlock(&ns->t->rename_lock);
	for (i = 0; i < ns->nr_dirs; i++)
		node_unref(ns->dirs[i].dir);
	free(ns->dirs);
	free(ns->is_linked);
}

static bool
has_name(const struct node *n)
{
	return !__atomic_load_n(&n->is_detached, __ATOMIC_ACQUIRE);
}

/* Are there names that @ns does not know, or whose directory is not ready? */
static bool
is_outdated(const struct names *ns)
{
	const struct node *n;
	bool known = true;
	size_t i;

	(void)pthread_mutex_lock(&ns->t->names_lock);
	LIST_FOREACH (n, &ns->n->body->nodes, by_body) {
		if (n->is_detached || !known)
			continue;
		for (i = 0; i < ns->set->nr && ns->set->nodes[i] != n; i++)
			;
		known = (n == ns->n || i < ns->set->nr) &&
			n->parent->body->dir->has_upper;
	}
	(void)pthread_mutex_unlock(&ns->t->names_lock);
	return !known;
}

static struct at
place_of(const struct node *n)
{
	return AT(n->parent->body->dir->upper_fd, n->name);
}

/* Give the copy the name of @n, whose directory keeps its times. */
static int
link_one(struct node *n, const struct alias_copy *copy)
{
	struct upper *u = node_upper(n);
	struct at to = place_of(n);
	struct statx parent;
	int r;

	r = real_statx(AT(to.fd, ""), &parent);
	if (r == 0)
		r = copyup_mark_impure(n->parent);
	if (r == 0)
		r = copy->is_tmpfile ? real_link_fd(u, copy->temp.fd, to)
				     : real_link(u, copy->temp, to);
	if (r == 0)
		(void)copyup_times(u, AT(to.fd, ""), &parent);
	return r;
}

static int
publish(struct names *ns, const struct alias_copy *copy)
{
	const struct alias_set *set = ns->set;
	size_t i;
	int r = 0;

	for (i = 0; i < set->nr && r == 0; i++) {
		if (!has_name(set->nodes[i]))
			continue;
		r = link_one(set->nodes[i], copy);
		ns->is_linked[i] = r == 0;
	}
	if (r == 0)
		r = copy->publish(copy->ctx,
				  has_name(ns->n) ? ns->n->parent : NULL);
	for (i = 0; i < set->nr && r < 0; i++)
		if (ns->is_linked[i])
			(void)real_unlink(node_upper(ns->n),
					  place_of(set->nodes[i]), 0);
	return r;
}

int
alias_publish(struct node *n, const struct alias_set *set,
	      const struct alias_copy *copy)
{
	struct names ns = { .t = n->body->tree, .n = n, .set = set };
	int r = begin(&ns);

	if (r == 0)
		r = is_outdated(&ns) ? -EAGAIN : publish(&ns, copy);
	end(&ns);
	return r;
}
