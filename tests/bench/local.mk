# veneer beside diod: `make bench` (BENCH_ARGS=--quick, --ext4). No test: what
# it prints are ratios measured in one run.
EXTRA_PROGRAMS += %D%/bench
%C%_bench_SOURCES = \
	%D%/bench.c \
	%D%/floor.c \
	%D%/floor.h \
	%D%/load.c \
	%D%/load.h
%C%_bench_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/tests/client
%C%_bench_LDADD = libp9client.a
EXTRA_DIST += %D%/run.sh

.PHONY: bench
bench: veneer$(EXEEXT) %D%/bench$(EXEEXT)
	bash $(top_srcdir)/tests/bench/run.sh $(abs_top_builddir) $(BENCH_ARGS)
