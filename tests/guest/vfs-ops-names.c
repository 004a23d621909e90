/* SPDX-License-Identifier: BSD-3-Clause */
/* Names: making, linking, renaming, removing; listings. */
#include "vfs-ops.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

static void
make(void)
{
	char name[300];

	puts("== make");
	DO(mkdir("made", 0751));
	show("made");
	DO(mkdir("made", 0755));
	DO(mkdir("lower1-file", 0755));
	DO(mkdir("none/x", 0755));
	DO(mkdir("sgid/made", 0755));
	show("sgid/made");
	DO(mknod("fifo-new", S_IFIFO | 0644, 0));
	DO(mknod("sock-new", S_IFSOCK | 0600, 0));
	DO(mknod("null-new", S_IFCHR | 0666, makedev(1, 3)));
	DO(mknod("blk-new", S_IFBLK | 0660, makedev(259, 70000)));
	DO(mknod("reg-new", S_IFREG | 0644, 0));
	DO(mknod("white-new", S_IFCHR | 0644, makedev(0, 0)));
	show("null-new");
	show("blk-new");
	DO(symlink("to/nowhere", "sym-new"));
	DO(symlink("x", "sym-new"));
	DO(readlink("sym-new", name, sizeof(name)));
	DO(readlink("made", name, sizeof(name)));
	memset(name, 'n', 255);
	name[255] = '\0';
	DO(close(open(name, O_CREAT | O_RDWR, 0644)));
	DO(unlink(name));
	memset(name, 'n', 256);
	name[256] = '\0';
	DO(open(name, O_CREAT | O_RDWR, 0644));
}

static void
links(void)
{
	puts("== link");
	DO(link("lower2-file", "hard"));
	show("hard");
	DO(link("hard", "made/hard2"));
	show("lower2-file");
	DO(link("dir", "hard3"));
	DO(link("lower2-file", "hard"));
	DO(link("none", "hard3"));
	DO(unlink("hard"));
	show("made/hard2");
	DO(link("link", "hard-of-link"));
	show("hard-of-link");
}

static void
removals(void)
{
	puts("== remove");
	DO(unlink("none"));
	DO(unlink("dir"));
	DO(rmdir("lower1-file"));
	DO(rmdir("dir"));
	DO(rmdir("none"));
	list("tree");
	DO(unlink("tree/a"));
	DO(unlink("tree/sub/b"));
	DO(rmdir("tree"));
	DO(rmdir("tree/sub"));
	DO(rmdir("tree"));
	show("tree");
	DO(mkdir("tree", 0755));
	list("tree");
	DO(close(open("tree/a", O_CREAT | O_RDWR, 0644)));
	cat("tree/a");
	DO(unlink("fifo"));
	DO(mkdir("fifo", 0755));
	DO(rmdir("fifo"));
	DO(symlink("again", "fifo"));
	show("fifo");
	DO(rmdir("."));
	DO(unlink("white"));
	show("white");
	list("opaque");
}

static void
renames(void)
{
	puts("== rename");
	DO(rename("ren/f1", "ren/f1-new"));
	list("ren");
	DO(rename("ren/f1-new", "ren/f2"));
	cat("ren/f2");
	DO(rename("ren/f2", "ren/white"));
	list("ren");
	DO(rename("ren/white", "moved"));
	list("ren");
	DO(rename("moved", "ren/f1"));
	list("ren");
	cat("ren/f1");
	DO(rename("ren", "ren-dir"));
	DO(rename("ren-dir", "ren"));
	DO(mkdir("pure", 0755));
	DO(close(open("pure/x", O_CREAT | O_RDWR, 0644)));
	DO(rename("pure", "ren/pure"));
	list("ren/pure");
	DO(rename("ren/pure", "ren/emptied"));
	DO(unlink("ren/emptied/e"));
	DO(rename("ren/pure", "ren/emptied"));
	list("ren/emptied");
	DO(rename("ren/emptied", "ren/emptied/x"));
	DO(rename("ren/f3", "ren/emptied"));
	DO(rename("ren/emptied", "ren/f3"));
	DO(rename("none", "x"));
	DO(rename("ren/f3", "none/x"));
	DO(rename("ren/f3", "ren/f3"));
	DO(rename("made/hard2", "lower2-file"));
	show("made/hard2");
	DO(rename("ren/fifo", "fifo-moved"));
	show("fifo-moved");
	DO(rename("sym-new", "ren/f3"));
	show("ren/f3");
}

/* Positions taken while listing, gone back to in any order. */
static void
positions(void)
{
	static const int order[] = { 5, 0, 9, 5 };
	long pos[10];
	char first[10][300];
	struct dirent *e;
	DIR *d;
	int i, j, same = 0;

	puts("== listings");
	DO(mkdir("many", 0755));
	for (i = 0; i < 1500; i++) {
		char name[32];

		(void)snprintf(name, sizeof(name), "many/entry-%05d", i);
		(void)close(open(name, O_CREAT | O_WRONLY, 0644));
	}
	list("many");
	d = opendir("many");
	for (i = 0; i < 10; i++) {
		pos[i] = telldir(d);
		e = readdir(d);
		strcpy(first[i], e->d_name);
	}
	for (j = 0; j < 4; j++) {
		seekdir(d, pos[order[j]]);
		e = readdir(d);
		same += strcmp(first[order[j]], e->d_name) == 0;
	}
	DO(same);
	rewinddir(d);
	for (i = 0; (e = readdir(d)); i++)
		if (e->d_name[0] != '.')
			(void)unlinkat(dirfd(d), e->d_name, 0);
	DO(i);
	(void)closedir(d);
	list("many");
	DO(rmdir("many"));
	list(".");
	list("dir");
}

void
ops_names(void)
{
	make();
	links();
	removals();
	renames();
	positions();
}
