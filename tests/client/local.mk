# The tests' own 9P and NBD clients.
check_LIBRARIES += libp9client.a
libp9client_a_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/tests/client
libp9client_a_SOURCES = \
	%D%/harness.c \
	%D%/harness.h \
	%D%/nbd.c \
	%D%/nbd.h \
	%D%/p9-calls.c \
	%D%/p9-carrier.h \
	%D%/p9.c \
	%D%/p9.h \
	%D%/vhost-front.c \
	%D%/vhost-front.h \
	%D%/vhost-guest.c \
	%D%/vhost-packed.c
