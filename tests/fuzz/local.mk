# Fuzz targets. `make check` replays each corpus with a plain main(); `make
# fuzz` builds the same targets with libFuzzer (clang) into fuzz/ and runs
# each for FUZZ_SECONDS over a copy of its corpus.
fuzz_replays = \
	%D%/replay-9p-decode \
	%D%/replay-9p-session
check_PROGRAMS += $(fuzz_replays)
EXTRA_PROGRAMS += %D%/make-seeds
FUZZ_CPPFLAGS = $(PROTOCOL_TEST_CPPFLAGS) -I$(top_srcdir)/tests/fuzz

%C%_make_seeds_SOURCES = %D%/make-seeds.c
%C%_make_seeds_CPPFLAGS = $(FUZZ_CPPFLAGS)
%C%_make_seeds_LDADD = libfake.a libprotocol.a

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

TESTS += %D%/replay-corpus.sh
dist_check_SCRIPTS += %D%/replay-corpus.sh
EXTRA_DIST += \
	%D%/corpus-9p-decode \
	%D%/corpus-9p-session

FUZZ_CC = clang
FUZZ_SECONDS = 60
FUZZ_CFLAGS = -std=gnu11 -g -O1 -fno-sanitize-recover=all \
	-fsanitize=fuzzer,address,undefined
FUZZ_9P_FILES = $(libfake_a_SOURCES) $(libprotocol_a_SOURCES)

.PHONY: fuzz
fuzz:
	$(MKDIR_P) fuzz
	set -e; for t in 9p-decode 9p-session; do \
		$(MKDIR_P) fuzz/corpus-$$t; \
		$(FUZZ_CC) $(FUZZ_CFLAGS) $(FUZZ_CPPFLAGS) -o fuzz/fuzz-$$t \
			$(top_srcdir)/tests/fuzz/fuzz-$$t.c \
			$$(printf '$(top_srcdir)/%s\n' $(FUZZ_9P_FILES) | \
				grep '\.c$$'); \
		./fuzz/fuzz-$$t -max_total_time=$(FUZZ_SECONDS) \
			fuzz/corpus-$$t $(top_srcdir)/tests/fuzz/corpus-$$t; \
	done
