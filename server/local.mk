# bin_PROGRAMS += veneer
#veneer_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/common \
#	-I$(top_srcdir)/protocol -I$(top_srcdir)/layers -I$(top_srcdir)/server
