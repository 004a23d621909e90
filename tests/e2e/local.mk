# The real server, real clients. VENEER is the binary under test.
AM_TESTS_ENVIRONMENT = VENEER='$(abs_top_builddir)/veneer$(EXEEXT)' \
	VENEER_BUILD='$(abs_top_builddir)'; export VENEER VENEER_BUILD; \
	$(SAN_TESTS_ENVIRONMENT)

e2e_programs = \
	%D%/test-access \
	%D%/test-append \
	%D%/test-attributes \
	%D%/test-connections \
	%D%/test-copyup-wait \
	%D%/test-cve-leaks \
	%D%/test-cve-names \
	%D%/test-cve-races \
	%D%/test-fid-states \
	%D%/test-few-descriptors \
	%D%/test-fids \
	%D%/test-fids-renamed \
	%D%/test-hostile-frames \
	%D%/test-kill-restart \
	%D%/test-limits \
	%D%/test-locks-host \
	%D%/test-many-fids \
	%D%/test-nbd-hostile \
	%D%/test-nbd-kills \
	%D%/test-removed-dirs \
	%D%/test-remove-many \
	%D%/test-server \
	%D%/test-session-end \
	%D%/test-slow-clients \
	%D%/test-sync \
	%D%/test-unlinked \
	%D%/test-vhost \
	%D%/test-vhost-hostile \
	%D%/test-vhost-life \
	%D%/test-vhost-racing \
	%D%/test-vhost-requests \
	%D%/test-writeback-fid
e2e_scripts = \
	%D%/test-check.sh \
	%D%/test-cli.sh \
	%D%/test-connect.sh \
	%D%/test-diod-client.sh \
	%D%/test-full-upper.sh \
	%D%/test-hybrid-vsock.sh \
	%D%/test-partial.sh \
	%D%/test-listen.sh \
	%D%/test-nbd-tls-attacks.sh \
	%D%/test-nbd-tls.sh \
	%D%/test-nbd-activation.sh \
	%D%/test-nbd-coherence.sh \
	%D%/test-nbd-copy.sh \
	%D%/test-nbd-full.sh \
	%D%/test-nbd-device.sh \
	%D%/test-nbd-fio.sh \
	%D%/test-nbd-info.sh \
	%D%/test-nbd-names.sh \
	%D%/test-nbd-qemu-io.sh \
	%D%/test-nbd-run.sh \
	%D%/test-nbd-stop.sh \
	%D%/test-notify.sh \
	%D%/test-reflink.sh \
	%D%/test-rootless-owner.sh \
	%D%/test-rootless.sh \
	%D%/test-settle.sh \
	%D%/test-tls-files.sh \
	%D%/test-upper-in-use.sh
check_PROGRAMS += $(e2e_programs) %D%/client
dist_check_SCRIPTS += $(e2e_scripts) %D%/test-probes.sh
EXTRA_DIST += %D%/lib.sh %D%/tls.sh
EXTRA_DIST += %D%/lib.sh %D%/lib-nbd.sh %D%/test-nbd-coherence.py
TESTS += $(e2e_programs) $(e2e_scripts)
if WITH_SDT
TESTS += %D%/test-probes.sh
endif
E2E_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/tests/client
E2E_LDADD = libp9client.a

%C%_client_SOURCES = %D%/client.c
%C%_client_CPPFLAGS = $(E2E_CPPFLAGS)
%C%_client_LDADD = $(E2E_LDADD)

%C%_test_access_SOURCES = %D%/test-access.c
%C%_test_access_CPPFLAGS = $(E2E_CPPFLAGS)
%C%_test_access_LDADD = $(E2E_LDADD)

%C%_test_append_SOURCES = %D%/test-append.c
%C%_test_append_CPPFLAGS = $(E2E_CPPFLAGS)
%C%_test_append_LDADD = $(E2E_LDADD)

%C%_test_attributes_SOURCES = %D%/test-attributes.c
%C%_test_attributes_CPPFLAGS = $(E2E_CPPFLAGS)
%C%_test_attributes_LDADD = $(E2E_LDADD)

%C%_test_connections_SOURCES = %D%/test-connections.c
%C%_test_connections_CPPFLAGS = $(E2E_CPPFLAGS)
%C%_test_connections_LDADD = $(E2E_LDADD)

%C%_test_copyup_wait_SOURCES = %D%/test-copyup-wait.c
%C%_test_copyup_wait_CPPFLAGS = $(E2E_CPPFLAGS)
%C%_test_copyup_wait_LDADD = $(E2E_LDADD)

%C%_test_cve_leaks_SOURCES = %D%/test-cve-leaks.c
%C%_test_cve_leaks_CPPFLAGS = $(E2E_CPPFLAGS)
%C%_test_cve_leaks_LDADD = $(E2E_LDADD)

%C%_test_cve_names_SOURCES = %D%/test-cve-names.c
%C%_test_cve_names_CPPFLAGS = $(E2E_CPPFLAGS)
%C%_test_cve_names_LDADD = $(E2E_LDADD)

%C%_test_cve_races_SOURCES = %D%/test-cve-races.c
%C%_test_cve_races_CPPFLAGS = $(E2E_CPPFLAGS)
%C%_test_cve_races_LDADD = $(E2E_LDADD)

%C%_test_fid_states_SOURCES = %D%/test-fid-states.c
%C%_test_fid_states_CPPFLAGS = $(E2E_CPPFLAGS)
%C%_test_fid_states_LDADD = $(E2E_LDADD)

%C%_test_few_descriptors_SOURCES = %D%/test-few-descriptors.c
%C%_test_few_descriptors_CPPFLAGS = $(E2E_CPPFLAGS)
%C%_test_few_descriptors_LDADD = $(E2E_LDADD)

%C%_test_fids_SOURCES = %D%/test-fids.c
%C%_test_fids_CPPFLAGS = $(E2E_CPPFLAGS)
%C%_test_fids_LDADD = $(E2E_LDADD)

%C%_test_fids_renamed_SOURCES = %D%/test-fids-renamed.c
%C%_test_fids_renamed_CPPFLAGS = $(E2E_CPPFLAGS)
%C%_test_fids_renamed_LDADD = $(E2E_LDADD)

%C%_test_hostile_frames_SOURCES = %D%/test-hostile-frames.c
%C%_test_hostile_frames_CPPFLAGS = $(E2E_CPPFLAGS)
%C%_test_hostile_frames_LDADD = $(E2E_LDADD)

%C%_test_kill_restart_SOURCES = %D%/test-kill-restart.c
%C%_test_kill_restart_CPPFLAGS = $(E2E_CPPFLAGS)
%C%_test_kill_restart_LDADD = $(E2E_LDADD)

%C%_test_limits_SOURCES = %D%/test-limits.c
%C%_test_limits_CPPFLAGS = $(E2E_CPPFLAGS)
%C%_test_limits_LDADD = $(E2E_LDADD)

%C%_test_locks_host_SOURCES = %D%/test-locks-host.c
%C%_test_locks_host_CPPFLAGS = $(E2E_CPPFLAGS)
%C%_test_locks_host_LDADD = $(E2E_LDADD)

%C%_test_many_fids_SOURCES = %D%/test-many-fids.c
%C%_test_many_fids_CPPFLAGS = $(E2E_CPPFLAGS)
%C%_test_many_fids_LDADD = $(E2E_LDADD)

%C%_test_nbd_kills_SOURCES = %D%/test-nbd-kills.c
%C%_test_nbd_kills_CPPFLAGS = $(E2E_CPPFLAGS)
%C%_test_nbd_kills_LDADD = $(E2E_LDADD)
%C%_test_nbd_hostile_SOURCES = %D%/test-nbd-hostile.c
%C%_test_nbd_hostile_CPPFLAGS = $(E2E_CPPFLAGS)
%C%_test_nbd_hostile_LDADD = $(E2E_LDADD)
%C%_test_removed_dirs_SOURCES = %D%/test-removed-dirs.c
%C%_test_removed_dirs_CPPFLAGS = $(E2E_CPPFLAGS)
%C%_test_removed_dirs_LDADD = $(E2E_LDADD)

%C%_test_remove_many_SOURCES = %D%/test-remove-many.c
%C%_test_remove_many_CPPFLAGS = $(E2E_CPPFLAGS)
%C%_test_remove_many_LDADD = $(E2E_LDADD)

%C%_test_server_SOURCES = %D%/test-server.c
%C%_test_server_CPPFLAGS = $(E2E_CPPFLAGS)
%C%_test_server_LDADD = $(E2E_LDADD)

%C%_test_session_end_SOURCES = %D%/test-session-end.c
%C%_test_session_end_CPPFLAGS = $(E2E_CPPFLAGS)
%C%_test_session_end_LDADD = $(E2E_LDADD)

%C%_test_slow_clients_SOURCES = %D%/test-slow-clients.c
%C%_test_slow_clients_CPPFLAGS = $(E2E_CPPFLAGS)
%C%_test_slow_clients_LDADD = $(E2E_LDADD)

%C%_test_sync_SOURCES = %D%/test-sync.c
%C%_test_sync_CPPFLAGS = $(E2E_CPPFLAGS)
%C%_test_sync_LDADD = $(E2E_LDADD)

%C%_test_unlinked_SOURCES = %D%/test-unlinked.c
%C%_test_unlinked_CPPFLAGS = $(E2E_CPPFLAGS)
%C%_test_unlinked_LDADD = $(E2E_LDADD)

%C%_test_writeback_fid_SOURCES = %D%/test-writeback-fid.c
%C%_test_writeback_fid_CPPFLAGS = $(E2E_CPPFLAGS)
%C%_test_writeback_fid_LDADD = $(E2E_LDADD)

%C%_test_vhost_SOURCES = %D%/test-vhost.c
%C%_test_vhost_CPPFLAGS = $(E2E_CPPFLAGS)
%C%_test_vhost_LDADD = $(E2E_LDADD)

%C%_test_vhost_hostile_SOURCES = %D%/test-vhost-hostile.c
%C%_test_vhost_hostile_CPPFLAGS = $(E2E_CPPFLAGS)
%C%_test_vhost_hostile_LDADD = $(E2E_LDADD)

%C%_test_vhost_requests_SOURCES = %D%/test-vhost-requests.c
%C%_test_vhost_requests_CPPFLAGS = $(E2E_CPPFLAGS)
%C%_test_vhost_requests_LDADD = $(E2E_LDADD)

%C%_test_vhost_life_SOURCES = %D%/test-vhost-life.c
%C%_test_vhost_life_CPPFLAGS = $(E2E_CPPFLAGS)
%C%_test_vhost_life_LDADD = $(E2E_LDADD)

%C%_test_vhost_racing_SOURCES = %D%/test-vhost-racing.c
%C%_test_vhost_racing_CPPFLAGS = $(E2E_CPPFLAGS)
%C%_test_vhost_racing_LDADD = $(E2E_LDADD)
