# veneer beside kernel overlayfs on the host; needs root.
check_PROGRAMS += %D%/twin
%C%_twin_SOURCES = \
	%D%/twin-kernel.c \
	%D%/twin-kmsg.c \
	%D%/twin-lines.c \
	%D%/twin-lowers.c \
	%D%/twin-mount.c \
	%D%/twin-run.c \
	%D%/twin-shrink.c \
	%D%/twin-step.c \
	%D%/twin-tree.c \
	%D%/twin-upper.c \
	%D%/twin-veneer.c \
	%D%/twin.c \
	%D%/twin.h
%C%_twin_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/tests/client
%C%_twin_LDADD = libp9client.a
dist_check_SCRIPTS += %D%/test-twin.sh
TESTS += %D%/test-twin.sh
dist_check_SCRIPTS += %D%/test-file-systems.sh
TESTS += %D%/test-file-systems.sh
