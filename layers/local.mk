noinst_LIBRARIES += liblayers.a
liblayers_a_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/common \
	-I$(top_srcdir)/layers
liblayers_a_SOURCES = \
	%D%/tree.h
