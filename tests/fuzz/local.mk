# Fuzz targets. `make check` replays each corpus with a plain main(); `make
# fuzz` builds the same targets with libFuzzer (clang) into fuzz/ and runs
# each for FUZZ_SECONDS over a copy of its corpus.
fuzz_replays = \
	%D%/replay-9p-decode \
	%D%/replay-9p-session \
	%D%/replay-9p-tree \
	%D%/replay-nbd-handshake \
	%D%/replay-nbd-session \
	%D%/replay-vhost
check_PROGRAMS += $(fuzz_replays)
EXTRA_PROGRAMS += %D%/make-nbd-seeds %D%/make-seeds
FUZZ_CPPFLAGS = $(PROTOCOL_TEST_CPPFLAGS) -I$(top_srcdir)/tests/fuzz

%C%_make_seeds_SOURCES = %D%/make-seeds.c
%C%_make_seeds_CPPFLAGS = $(FUZZ_CPPFLAGS)
%C%_make_seeds_LDADD = libfake.a libprotocol.a

%C%_make_nbd_seeds_SOURCES = %D%/make-nbd-seeds.c
%C%_make_nbd_seeds_CPPFLAGS = $(FUZZ_CPPFLAGS)
%C%_make_nbd_seeds_LDADD = libfake.a libprotocol.a

%C%_replay_9p_decode_SOURCES = \
	%D%/fuzz-9p-decode.c \
	%D%/fuzz.h \
	%D%/replay-main.c
%C%_replay_9p_decode_CPPFLAGS = $(FUZZ_CPPFLAGS)
%C%_replay_9p_decode_LDADD = libfake.a libprotocol.a

%C%_replay_9p_session_SOURCES = \
	%D%/fuzz-9p-session.c \
	%D%/fuzz.h \
	%D%/replay-main.c
%C%_replay_9p_session_CPPFLAGS = $(FUZZ_CPPFLAGS)
%C%_replay_9p_session_LDADD = libfake.a libprotocol.a

%C%_replay_9p_tree_SOURCES = \
	%D%/fuzz-9p-tree.c \
	%D%/fuzz-files.c \
	%D%/fuzz-files.h \
	%D%/fuzz-tree.c \
	%D%/fuzz-tree.h \
	%D%/fuzz.h \
	%D%/replay-main.c
%C%_replay_9p_tree_CPPFLAGS = $(FUZZ_CPPFLAGS) -I$(top_srcdir)/layers \
	-I$(top_srcdir)/server
%C%_replay_9p_tree_LDADD = libfake.a libserver.a libprotocol.a liblayers.a

%C%_replay_nbd_handshake_SOURCES = \
	%D%/fuzz-nbd-handshake.c \
	%D%/fuzz.h \
	%D%/replay-main.c
%C%_replay_nbd_handshake_CPPFLAGS = $(FUZZ_CPPFLAGS)
%C%_replay_nbd_handshake_LDADD = libfake.a libprotocol.a

%C%_replay_nbd_session_SOURCES = \
	%D%/fuzz-nbd-session.c \
	%D%/fuzz.h \
	%D%/replay-main.c
%C%_replay_nbd_session_CPPFLAGS = $(FUZZ_CPPFLAGS)
%C%_replay_nbd_session_LDADD = libfake.a libprotocol.a

%C%_replay_vhost_SOURCES = \
	%D%/fuzz-vhost.c \
	%D%/fuzz.h \
	%D%/replay-main.c \
	%D%/stub-session.c \
	%D%/stub-session.h
%C%_replay_vhost_CPPFLAGS = $(libserver_a_CPPFLAGS) -I$(top_srcdir)/tests/fuzz
%C%_replay_vhost_LDADD = libserver.a libprotocol.a liblayers.a $(EV_LIBS) \
	$(GNUTLS_LIBS)

TESTS += %D%/replay-corpus.sh
dist_check_SCRIPTS += %D%/replay-corpus.sh
EXTRA_DIST += \
	%D%/corpus-9p-decode \
	%D%/corpus-9p-session \
	%D%/corpus-9p-tree \
	%D%/corpus-nbd-handshake \
	%D%/corpus-nbd-session \
	%D%/corpus-vhost

FUZZ_CC = clang
FUZZ_SECONDS = 60
FUZZ_TARGETS = 9p-decode 9p-session 9p-tree nbd-handshake nbd-session vhost
FUZZ_CFLAGS = -std=gnu11 -g -O1 -pthread -fno-sanitize-recover=all \
	-fsanitize=fuzzer,address,undefined
# For "" only: <limits.h> is not protocol/9p's.
FUZZ_INCLUDES = common protocol protocol/9p layers server tests/unit tests/fuzz
FUZZ_9P_FILES = $(libfake_a_SOURCES) $(libprotocol_a_SOURCES)
FUZZ_TREE_FILES = $(FUZZ_9P_FILES) $(liblayers_a_SOURCES) server/access.c \
	server/export.c server/groups.c server/run.c tests/fuzz/fuzz-files.c tests/fuzz/fuzz-tree.c

FUZZ_VHOST_FILES = $(libprotocol_a_SOURCES) $(liblayers_a_SOURCES) \
	$(libserver_a_SOURCES) tests/fuzz/stub-session.c

.PHONY: fuzz fuzz-build
fuzz-build:
	$(MKDIR_P) fuzz
	set -e; for t in $(FUZZ_TARGETS); do \
		case $$t in \
		9p-tree) files="$(FUZZ_TREE_FILES)" ;; \
		vhost) files="$(FUZZ_VHOST_FILES)" ;; \
		*) files="$(FUZZ_9P_FILES)" ;; \
		esac; \
		$(FUZZ_CC) $(FUZZ_CFLAGS) $(AM_CPPFLAGS) \
			$$(printf -- '-iquote $(top_srcdir)/%s ' \
				$(FUZZ_INCLUDES)) -o fuzz/fuzz-$$t \
			$(top_srcdir)/tests/fuzz/fuzz-$$t.c \
			$$(printf '$(top_srcdir)/%s\n' $$files | \
				grep '\.c$$') $(EV_LIBS) \
			$(GNUTLS_LIBS); \
	done
fuzz: fuzz-build
	set -e; for t in $(FUZZ_TARGETS); do \
		$(MKDIR_P) fuzz/corpus-$$t; \
		./fuzz/fuzz-$$t -max_total_time=$(FUZZ_SECONDS) \
			fuzz/corpus-$$t $(top_srcdir)/tests/fuzz/corpus-$$t; \
	done
