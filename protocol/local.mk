noinst_LIBRARIES += libprotocol.a
libprotocol_a_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/common \
	-I$(top_srcdir)/protocol -I$(top_srcdir)/protocol/9p
libprotocol_a_SOURCES = \
	%D%/protocol.h \
	%D%/protocols.c \
	%D%/request.h
