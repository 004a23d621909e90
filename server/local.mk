# All but main() is a library, so that unit tests can link parts of it.
noinst_LIBRARIES += libserver.a
libserver_a_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/common \
	-I$(top_srcdir)/protocol -I$(top_srcdir)/layers -I$(top_srcdir)/server
libserver_a_SOURCES = \
	%D%/access.c \
	%D%/access.h \
	%D%/addr.c \
	%D%/addr.h \
	%D%/buffer.c \
	%D%/buffer.h \
	%D%/config-tree.c \
	%D%/config-tree.h \
	%D%/config-value.c \
	%D%/config.c \
	%D%/config.h \
	%D%/conn.c \
	%D%/conn.h \
	%D%/copier.c \
	%D%/copier.h \
	%D%/export.c \
	%D%/groups.c \
	%D%/groups.h \
	%D%/listen-inherited.c \
	%D%/listen-kinds.h \
	%D%/listen-tcp.c \
	%D%/listen-unix.c \
	%D%/listen-vsock.c \
	%D%/guest-fault.c \
	%D%/guest-fault.h \
	%D%/guest-memory.c \
	%D%/guest-memory.h \
	%D%/inflight-form.h \
	%D%/inflight-packed.c \
	%D%/inflight-split.c \
	%D%/inflight.c \
	%D%/inflight.h \
	%D%/listen.c \
	%D%/listen.h \
	%D%/log.c \
	%D%/log.h \
	%D%/image-device.c \
	%D%/image-list.c \
	%D%/image-name.c \
	%D%/image-parts.h \
	%D%/image-user.c \
	%D%/image-walk.c \
	%D%/image.c \
	%D%/image.h \
	%D%/loop.c \
	%D%/loop.h \
	%D%/notify.c \
	%D%/notify.h \
	%D%/pool.c \
	%D%/pool.h \
	%D%/progress.c \
	%D%/progress.h \
	%D%/run.c \
	%D%/run.h \
	%D%/serve.c \
	%D%/server.h \
	%D%/spawn.c \
	%D%/spawn.h \
	%D%/tls-config.c \
	%D%/tls.h \
	%D%/transport-send.c \
	%D%/transport-stream.c \
	%D%/transport-tls.c \
	%D%/transport-vhost.c \
	%D%/uri.c \
	%D%/uri.h \
	%D%/verb-check.c \
	%D%/verb-connect.c \
	%D%/verb-settle.c \
	%D%/verb.c \
	%D%/verb.h \
	%D%/vhost-chain.c \
	%D%/vhost-memory.c \
	%D%/vhost-msg.c \
	%D%/vhost-msg.h \
	%D%/vhost-queue.c \
	%D%/vhost-request.c \
	%D%/vhost-request.h \
	%D%/vhost-vring.c \
	%D%/vhost.h \
	%D%/vring-form.h \
	%D%/vring-packed.c \
	%D%/vring-split.c \
	%D%/vring.c \
	%D%/vring.h
# GnuTLS is known to these alone.
if WITH_GNUTLS
libserver_a_CPPFLAGS += $(GNUTLS_CFLAGS)
libserver_a_SOURCES += \
	%D%/tls-credentials.c \
	%D%/tls-gnutls.h \
	%D%/tls.c
else
libserver_a_SOURCES += %D%/tls-none.c
endif

bin_PROGRAMS += veneer
veneer_CPPFLAGS = $(libserver_a_CPPFLAGS) -DVENEER_VERSION='"$(PACKAGE_VERSION)"'
veneer_SOURCES = %D%/main.c
veneer_LDADD = libserver.a libprotocol.a liblayers.a $(EV_LIBS) $(GNUTLS_LIBS)
