noinst_LIBRARIES += liblayers.a
liblayers_a_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/common \
	-I$(top_srcdir)/layers
liblayers_a_SOURCES = \
	%D%/access.c \
	%D%/acl.c \
	%D%/acl.h \
	%D%/attr.c \
	%D%/change.c \
	%D%/change.h \
	%D%/copydata.c \
	%D%/copylate.c \
	%D%/copymeta.c \
	%D%/copyup.c \
	%D%/copyup.h \
	%D%/create.c \
	%D%/file.c \
	%D%/file.h \
	%D%/flatten.c \
	%D%/index-open.c \
	%D%/index.c \
	%D%/index.h \
	%D%/ino.c \
	%D%/layer-check.c \
	%D%/layer-probe.c \
	%D%/layer.c \
	%D%/layer.h \
	%D%/listing.c \
	%D%/listing.h \
	%D%/lock.c \
	%D%/lock.h \
	%D%/lookup.c \
	%D%/lookup.h \
	%D%/node.c \
	%D%/node.h \
	%D%/option.c \
	%D%/origin.c \
	%D%/overlay.h \
	%D%/protattr.c \
	%D%/protattr.h \
	%D%/readdir.c \
	%D%/real-change.c \
	%D%/real-path.h \
	%D%/real.c \
	%D%/real.h \
	%D%/redirect.c \
	%D%/redirect.h \
	%D%/remove.c \
	%D%/rename.c \
	%D%/search.c \
	%D%/search.h \
	%D%/tree.c \
	%D%/tree.h \
	%D%/uuid.c \
	%D%/whiteout.c \
	%D%/workdir.c \
	%D%/xattr-name.c \
	%D%/xattr.c
