/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Steps: made from a seed, and printed as lines of the script that a failing
 * seed becomes. What a step's argument means is decided here alone, so the
 * two sides and the script agree on it.
 */
#include <string.h>
#include <sys/stat.h>

#include "twin.h"

#define NR(array) (sizeof(array) / sizeof((array)[0]))

/*
 * In a script: %a %b paths, %s the slot, %t text, %m mode, %z size, %o owner,
 * %x xattr, %l symlink target, %n mknod's mode and device, %d a time, %w
 * where.
 */
static const struct {
	const char *last; /* likely last names of @a */
	unsigned weight;
	const char *script;
} ops[NR_OPS] = {
	[CREATE] = { "fh", 6, "put, '%a', O_CREAT|O_EXCL|O_RDWR, '%t', %w" },
	[WRITE] = { "fh", 6, "put, '%a', O_RDWR, '%t', %w" },
	[APPEND] = { "fh", 3, "put, '%a', O_WRONLY|O_APPEND, '%t', %w" },
	[TRUNCATE] = { "fh", 3, "truncate, '%a', %z" },
	[OPEN_TRUNC] = { "fh", 3, "put, '%a', O_RDWR|O_TRUNC, '', 0" },
	[MKDIR] = { "d", 6, "mkdir, '%a', 0o%m" },
	[RMDIR] = { "d", 5, "rmdir, '%a'" },
	[UNLINK] = { "fh", 6, "unlink, '%a'" },
	[REMOVE] = { "dfh", 3, "remove, '%a'" },
	[RENAMEAT] = { "dfh", 10, "rename, '%a', '%b'" },
	[RENAME] = { "dfh", 6, "rename, '%a', '%b'" },
	[LINK] = { "fh", 8, "link, '%a', '%b'" },
	[SYMLINK] = { "fh", 2, "symlink, '%l', '%a'" },
	[MKNOD] = { "fh", 2, "mknod, '%a', %n" },
	[CHMOD] = { "dfh", 4, "chmod, '%a', 0o%m" },
	[CHOWN] = { "dfh", 3, "lchown, '%a', %o" },
	[UTIMES] = { "dfh", 3, "utimes, '%a', %d" },
	[SETXATTR] = { "dfh", 4, "setxattr, '%a', '%x', b'%t', %f" },
	[REMOVEXATTR] = { "dfh", 3, "removexattr, '%a', '%x'" },
	[HOLD] = { "dfh", 6, "hold, %s, '%a', O_RDONLY" },
	[HOLD_WRITE] = { "fh", 4, "hold, %s, '%a', O_RDWR" },
	[HELD_READ] = { "", 4, "pread, slot[%s], 64, %w" },
	[HELD_WRITE] = { "", 3, "pwrite, slot[%s], b'%t', %w" },
	[HELD_STAT] = { "", 5, "fstat, slot[%s]" },
	[HELD_CHMOD] = { "", 3, "fchmod, slot[%s], 0o%m" },
	[HELD_CHOWN] = { "", 1, "fchown, slot[%s], %o" },
	[HELD_UTIMES] = { "", 1, "utimes, slot[%s], %d" },
	[HELD_TRUNCATE] = { "", 2, "ftruncate, slot[%s], %z" },
	[HELD_READDIR] = { "", 8, "listdir, slot[%s]" },
	[HELD_CLOSE] = { "", 1, "close, slot[%s]" },
};

unsigned
dice_roll(struct dice *d, unsigned sides)
{
	d->state = d->state * 6364136223846793005ull + 1442695040888963407ull;
	return (unsigned)(d->state >> 33) % sides;
}

void
dice_path(struct dice *d, const char *last, char path[PATH_LEN])
{
	static const unsigned char depths[] = { 0, 0, 1, 1, 1, 2 };
	unsigned depth = depths[dice_roll(d, NR(depths))], i;
	int len = 0;

	if (!*last || dice_roll(d, 5) == 0)
		last = "dfh";
	for (i = 0; i < depth; i++)
		len += snprintf(path + len, PATH_LEN - (size_t)len, "d%u/",
				dice_roll(d, 3));
	(void)snprintf(path + len, PATH_LEN - (size_t)len, "%c%u",
		       last[dice_roll(d, (unsigned)strlen(last))],
		       dice_roll(d, 3));
}

static enum op
pick_op(struct dice *d)
{
	unsigned total = 0, i;
	int left;

	for (i = 0; i < NR_OPS; i++)
		total += ops[i].weight;
	left = (int)dice_roll(d, total);
	for (i = 0; i < NR_OPS; i++) {
		left -= (int)ops[i].weight;
		if (left < 0)
			break;
	}
	return (enum op)i;
}

unsigned
step_user(const struct twin_case *c, const struct step *s)
{
	return c->set->has_users ? s->arg / 11 % NR_USERS : 0;
}

/* In and around blocks of a partial file, and past its end. */
static long
pick_offset(unsigned arg)
{
	static const long offsets[] = { 0,      65536, 131072, 1000,   65533,
					131070, 70000, 196600, 150000, 205000 };

	return offsets[arg / 8 % NR(offsets)];
}

void
steps_generate(struct twin_case *c, unsigned nr)
{
	struct dice d = { c->seed * 2654435761u + 12345 };
	struct step *s;
	unsigned i;

	for (i = 0; i < nr; i++) {
		s = &c->steps[i];
		*s = (struct step){ .op = pick_op(&d),
				    .slot = dice_roll(&d, NR_SLOTS),
				    .arg = dice_roll(&d, 1u << 20) };
		if (c->set->is_partial)
			s->offset = pick_offset(s->arg);
		dice_path(&d, ops[s->op].last, s->a);
		dice_path(&d, s->a[strlen(s->a) - 2] == 'd' ? "ddf" : "fh",
			  s->b);
		/* What was just touched is touched again. */
		if (i > 0 && dice_roll(&d, 3) == 0)
			memcpy(s->a,
			       c->steps[i - 1 - dice_roll(&d, i) % 6 % i].a,
			       PATH_LEN);
	}
	c->nr_steps = nr;
}

unsigned
step_mode(const struct step *s)
{
	static const unsigned modes[] = { 0644,  0600,  0755, 0750,
					  04755, 02755, 0444, 01777 };

	/* The VFS keeps these from mkdir(2) before any file system. */
	return modes[s->arg % NR(modes)] & (s->op == MKDIR ? 01777 : 07777);
}

long
step_size(const struct step *s)
{
	static const long sizes[] = { 0, 3, 10, 5000, 70000 };

	return sizes[s->arg % NR(sizes)];
}

void
step_owner(const struct step *s, int *ret_uid, int *ret_gid)
{
	static const int ids[] = { -1, 0, 1000, 1001 };

	/* Both -1 is "copy up and change nothing": 9P cannot say it. */
	*ret_uid = ids[s->arg % 4];
	*ret_gid = *ret_uid < 0 ? 1000 : ids[s->arg / 4 % 4];
}

const char *
step_xattr(const struct step *s)
{
	static const char *const names[] = {
		"user.a",           "user.b",
		"trusted.t",        "trusted.overlay.opaque",
		"user.overlay.foo",
	};

	return names[s->arg % NR(names)];
}

int
step_xattr_flags(const struct step *s)
{
	return (int)(s->arg / 8 % 3);
}

const char *
step_target(const struct step *s)
{
	static const char *const targets[] = { "nowhere", "f0", "../d0" };

	return targets[s->arg % NR(targets)];
}

void
step_node(const struct step *s, unsigned *ret_mode, unsigned *ret_major,
	  unsigned *ret_minor)
{
	static const struct {
		unsigned mode, major, minor;
	} nodes[] = {
		{ S_IFIFO | 0644, 0, 0 }, { S_IFCHR | 0600, 1, 3 },
		{ S_IFBLK | 0660, 7, 9 }, { S_IFSOCK | 0755, 0, 0 },
		{ S_IFCHR | 0600, 0, 0 }, /* a whiteout: EPERM */
	};

	*ret_mode = nodes[s->arg % NR(nodes)].mode;
	*ret_major = nodes[s->arg % NR(nodes)].major;
	*ret_minor = nodes[s->arg % NR(nodes)].minor;
}

size_t
step_text(const struct step *s, char buf[32])
{
	return (size_t)snprintf(buf, 32, "text%u", s->arg);
}

static void
print_word(FILE *out, const struct step *s, char word)
{
	unsigned mode, major, minor;
	char text[32];
	int uid, gid;

	step_node(s, &mode, &major, &minor);
	step_owner(s, &uid, &gid);
	(void)step_text(s, text);
	switch (word) {
	case 'a':
		fputs(s->a, out);
		break;
	case 'b':
		fputs(s->b, out);
		break;
	case 's':
		fprintf(out, "%u", s->slot);
		break;
	case 't':
		fputs(text, out);
		break;
	case 'm':
		fprintf(out, "%o", step_mode(s));
		break;
	case 'z':
		fprintf(out, "%ld", step_size(s));
		break;
	case 'o':
		fprintf(out, "%d, %d", uid, gid);
		break;
	case 'x':
		fputs(step_xattr(s), out);
		break;
	case 'f':
		fprintf(out, "%d", step_xattr_flags(s));
		break;
	case 'l':
		fputs(step_target(s), out);
		break;
	case 'n':
		fprintf(out, "0o%o, makedev(%u, %u)", mode, major, minor);
		break;
	case 'd':
		fprintf(out, "%u", s->arg);
		break;
	case 'w':
		fprintf(out, "%ld", s->offset);
		break;
	}
}

void
step_print(FILE *out, const struct step *s)
{
	const char *p;

	for (p = ops[s->op].script; *p; p++) {
		if (*p == '%')
			print_word(out, s, *++p);
		else
			fputc(*p, out);
	}
}
