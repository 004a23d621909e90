noinst_LIBRARIES += liblayers.a
liblayers_a_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/common \
	-I$(top_srcdir)/layers
liblayers_a_SOURCES = \
	%D%/copyup.h \
	%D%/layer.h \
	%D%/lookup.h \
	%D%/node.h \
	%D%/overlay.h \
	%D%/real-change.c \
	%D%/real-path.h \
	%D%/real.c \
	%D%/real.h \
	%D%/tree.h
