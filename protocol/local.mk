noinst_LIBRARIES += libprotocol.a
libprotocol_a_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/common \
	-I$(top_srcdir)/protocol -I$(top_srcdir)/protocol/9p
libprotocol_a_SOURCES = \
	%D%/9p/codec.c \
	%D%/9p/fid.c \
	%D%/9p/limits.h \
	%D%/9p/messages.c \
	%D%/9p/messages.h \
	%D%/9p/op-attr.c \
	%D%/9p/op-file.c \
	%D%/9p/op-lock.c \
	%D%/9p/op-name.c \
	%D%/9p/op-open.c \
	%D%/9p/op-walk.c \
	%D%/9p/op-xattr.c \
	%D%/9p/ops.h \
	%D%/9p/reply.c \
	%D%/9p/session.c \
	%D%/9p/session.h \
	%D%/9p/tag.c \
	%D%/9p/trace.c \
	%D%/nbd/command.c \
	%D%/nbd/export.c \
	%D%/nbd/frame.c \
	%D%/nbd/handshake.c \
	%D%/nbd/io.c \
	%D%/nbd/limits.h \
	%D%/nbd/messages.c \
	%D%/nbd/messages.h \
	%D%/nbd/meta.c \
	%D%/nbd/reply.c \
	%D%/nbd/session.c \
	%D%/nbd/session.h \
	%D%/nbd/status.c \
	%D%/nbd/trace.c \
	%D%/protocol.h \
	%D%/protocols.c \
	%D%/request.h \
	%D%/wire.c \
	%D%/wire.h
