# veneer beside kernel overlayfs on the host; needs root.
check_PROGRAMS += %D%/twin
%C%_twin_SOURCES = %D%/twin.c
%C%_twin_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/tests/client
%C%_twin_LDADD = libp9client.a
dist_check_SCRIPTS += %D%/test-twin.sh
TESTS += %D%/test-twin.sh
