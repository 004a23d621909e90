# veneer beside diod: `make bench` (BENCH_ARGS=--quick, --ext4). No test: what
# it prints are ratios measured in one run.
EXTRA_PROGRAMS += %D%/bench %D%/bench-fair %D%/bench-fids \
	%D%/bench-layers %D%/bench-nbd %D%/calls %D%/guest-load
%C%_bench_SOURCES = \
	%D%/bench.c \
	%D%/floor.c \
	%D%/floor.h \
	%D%/load.c \
	%D%/load.h
%C%_bench_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/tests/client
%C%_bench_LDADD = libp9client.a
%C%_bench_fair_SOURCES = %D%/bench-fair.c %D%/load.c %D%/load.h
%C%_bench_fair_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/tests/client
%C%_bench_fair_LDADD = libp9client.a
%C%_bench_fids_SOURCES = %D%/bench-fids.c
%C%_bench_fids_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/tests/client
%C%_bench_fids_LDADD = libp9client.a
%C%_bench_layers_SOURCES = %D%/bench-layers.c %D%/load.c %D%/load.h
%C%_bench_layers_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/tests/client
%C%_bench_layers_LDADD = libp9client.a
%C%_bench_nbd_SOURCES = \
	%D%/bench-nbd.c \
	%D%/load.c \
	%D%/load.h \
	%D%/nbd-load.c \
	%D%/nbd-load.h
%C%_bench_nbd_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/tests/client
%C%_bench_nbd_LDADD = libp9client.a
%C%_calls_SOURCES = %D%/calls.c
%C%_calls_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/tests/client
%C%_calls_LDADD = libp9client.a
# It runs where there is nothing else.
%C%_guest_load_SOURCES = %D%/guest-load.c
%C%_guest_load_LDFLAGS = $(AM_LDFLAGS) -static
EXTRA_DIST += %D%/rig.sh %D%/run.sh %D%/run-calls.sh %D%/run-fair.sh \
	%D%/run-fids.sh %D%/run-guest.sh %D%/run-layers.sh %D%/run-nbd.sh

.PHONY: bench bench-calls bench-fair bench-fids bench-guest bench-layers \
	bench-nbd
bench: veneer$(EXEEXT) %D%/bench$(EXEEXT) bench-fids bench-layers bench-nbd
	bash $(top_srcdir)/tests/bench/run.sh $(abs_top_builddir) $(BENCH_ARGS)
bench-layers: veneer$(EXEEXT) %D%/bench-layers$(EXEEXT)
	bash $(top_srcdir)/tests/bench/run-layers.sh $(abs_top_builddir) $(BENCH_ARGS)
bench-fair: veneer$(EXEEXT) %D%/bench-fair$(EXEEXT)
	bash $(top_srcdir)/tests/bench/run-fair.sh $(abs_top_builddir) $(BENCH_ARGS)
	bash $(top_srcdir)/tests/bench/run-fair.sh $(abs_top_builddir) --ext4 $(BENCH_ARGS)
# In a guest, beside QEMU's own virtio-9p and virtiofsd; KERNEL= of the rig.
bench-guest: veneer$(EXEEXT) %D%/guest-load$(EXEEXT)
	bash $(top_srcdir)/tests/bench/run-guest.sh $(abs_top_builddir) $(BENCH_ARGS)
bench-fids: veneer$(EXEEXT) %D%/bench-fids$(EXEEXT)
	bash $(top_srcdir)/tests/bench/run-fids.sh $(abs_top_builddir) $(BENCH_ARGS)
bench-nbd: veneer$(EXEEXT) %D%/bench-nbd$(EXEEXT)
	bash $(top_srcdir)/tests/bench/run-nbd.sh $(abs_top_builddir) $(BENCH_ARGS)
# System calls for each request.
bench-calls: veneer$(EXEEXT) %D%/calls$(EXEEXT)
	bash $(top_srcdir)/tests/bench/run-calls.sh $(abs_top_builddir) $(CALLS_ARGS)
