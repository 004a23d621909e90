/* SPDX-License-Identifier: BSD-3-Clause */
/* as-user ID COMMAND...: with that user and group and no others. */
#include <grp.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

int
main(int argc, char **argv)
{
	unsigned id;

	if (argc < 3)
		return 2;
	id = (unsigned)strtoul(argv[1], NULL, 10);
	if (setgroups(0, NULL) < 0 || setgid(id) < 0 || setuid(id) < 0) {
		perror("as-user");
		return 126;
	}
	(void)execvp(argv[2], argv + 2);
	perror(argv[2]);
	return 127;
}
