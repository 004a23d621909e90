/* SPDX-License-Identifier: BSD-3-Clause */
/* vsock-mount CID PORT DIR: mount 9P from there, over a socket of our own. */
#include <linux/vm_sockets.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/socket.h>

int
main(int argc, char **argv)
{
	struct sockaddr_vm addr = { .svm_family = AF_VSOCK };
	char options[128];
	int fd;

	if (argc != 4)
		return 2;
	addr.svm_cid = (unsigned)strtoul(argv[1], NULL, 10);
	addr.svm_port = (unsigned)strtoul(argv[2], NULL, 10);
	fd = socket(AF_VSOCK, SOCK_STREAM, 0);
	if (fd < 0 || connect(fd, (struct sockaddr *)&addr, sizeof(addr)) < 0) {
		perror("vsock-mount: connect");
		return 1;
	}
	(void)snprintf(
		options, sizeof(options),
		"trans=fd,rfdno=%d,wfdno=%d,version=9p2000.L,msize=65536", fd,
		fd);
	if (mount("vsock", argv[3], "9p", 0, options) < 0) {
		perror("vsock-mount: mount");
		return 1;
	}
	return 0;
}
