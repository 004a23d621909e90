# Unit tests of layers/; they link nothing else of the product.
if HAVE_CMOCKA
LAYERS_TEST_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/common \
	-I$(top_srcdir)/layers -I$(top_srcdir)/tests/unit
LAYERS_TEST_LDADD = liblayersfixture.a liblayers.a $(CMOCKA_LIBS)
check_LIBRARIES += liblayersfixture.a
liblayersfixture_a_CPPFLAGS = $(LAYERS_TEST_CPPFLAGS)
liblayersfixture_a_SOURCES = \
	%D%/layers-blocks.c \
	%D%/layers-blocks.h \
	%D%/layers-calls.c \
	%D%/layers-calls.h \
	%D%/layers-check.c \
	%D%/layers-check.h \
	%D%/layers-fixture.c \
	%D%/layers-fixture.h \
	%D%/layers-golden.c \
	%D%/layers-partial.c \
	%D%/layers-partial.h \
	%D%/layers-settle.c \
	%D%/layers-settle.h \
	%D%/layers-snapshot.c \
	%D%/layers-snapshot.h

layers_unit_tests = \
	%D%/test-layers-acl \
	%D%/test-layers-claim \
	%D%/test-layers-edited \
	%D%/test-layers-check-dirs \
	%D%/test-layers-check-failure \
	%D%/test-layers-check-marks \
	%D%/test-layers-check-origins \
	%D%/test-layers-check-own \
	%D%/test-layers-check-work \
	%D%/test-layers-extents \
	%D%/test-layers-failure \
	%D%/test-layers-fds \
	%D%/test-layers-fds-none \
	%D%/test-layers-fds-threads \
	%D%/test-layers-follow \
	%D%/test-layers-forged \
	%D%/test-layers-golden \
	%D%/test-layers-identity \
	%D%/test-layers-index \
	%D%/test-layers-late \
	%D%/test-layers-late-access \
	%D%/test-layers-late-copyup \
	%D%/test-layers-links \
	%D%/test-layers-lock \
	%D%/test-layers-lock-host \
	%D%/test-layers-merge \
	%D%/test-layers-metacopy \
	%D%/test-layers-open-files \
	%D%/test-layers-owner \
	%D%/test-layers-owner-group \
	%D%/test-layers-owner-threads \
	%D%/test-layers-pinned-copy \
	%D%/test-layers-partial \
	%D%/test-layers-partial-check \
	%D%/test-layers-partial-failure \
	%D%/test-layers-partial-model \
	%D%/test-layers-partial-power \
	%D%/test-layers-partial-threads \
	%D%/test-layers-protattr \
	%D%/test-layers-redirect \
	%D%/test-layers-settle \
	%D%/test-layers-settle-failure \
	%D%/test-layers-settle-user \
	%D%/test-layers-startup \
	%D%/test-layers-sync \
	%D%/test-layers-sync-error \
	%D%/test-layers-threads \
	%D%/test-layers-upper-marks \
	%D%/test-layers-version \
	%D%/test-layers-zero
check_PROGRAMS += $(layers_unit_tests)
TESTS += $(layers_unit_tests)

%C%_test_layers_acl_SOURCES = %D%/test-layers-acl.c
%C%_test_layers_acl_CPPFLAGS = $(LAYERS_TEST_CPPFLAGS)
%C%_test_layers_acl_LDADD = $(LAYERS_TEST_LDADD)

%C%_test_layers_claim_SOURCES = %D%/test-layers-claim.c
%C%_test_layers_claim_CPPFLAGS = $(LAYERS_TEST_CPPFLAGS)
%C%_test_layers_claim_LDADD = $(LAYERS_TEST_LDADD)

%C%_test_layers_edited_SOURCES = %D%/test-layers-edited.c
%C%_test_layers_edited_CPPFLAGS = $(LAYERS_TEST_CPPFLAGS)
%C%_test_layers_edited_LDADD = $(LAYERS_TEST_LDADD)

%C%_test_layers_check_dirs_SOURCES = %D%/test-layers-check-dirs.c
%C%_test_layers_check_dirs_CPPFLAGS = $(LAYERS_TEST_CPPFLAGS)
%C%_test_layers_check_dirs_LDADD = $(LAYERS_TEST_LDADD)

%C%_test_layers_check_failure_SOURCES = %D%/test-layers-check-failure.c
%C%_test_layers_check_failure_CPPFLAGS = $(LAYERS_TEST_CPPFLAGS)
%C%_test_layers_check_failure_LDADD = $(LAYERS_TEST_LDADD)

%C%_test_layers_check_marks_SOURCES = %D%/test-layers-check-marks.c
%C%_test_layers_check_marks_CPPFLAGS = $(LAYERS_TEST_CPPFLAGS)
%C%_test_layers_check_marks_LDADD = $(LAYERS_TEST_LDADD)

%C%_test_layers_check_origins_SOURCES = %D%/test-layers-check-origins.c
%C%_test_layers_check_origins_CPPFLAGS = $(LAYERS_TEST_CPPFLAGS)
%C%_test_layers_check_origins_LDADD = $(LAYERS_TEST_LDADD)

%C%_test_layers_check_own_SOURCES = %D%/test-layers-check-own.c
%C%_test_layers_check_own_CPPFLAGS = $(LAYERS_TEST_CPPFLAGS)
%C%_test_layers_check_own_LDADD = $(LAYERS_TEST_LDADD)

%C%_test_layers_check_work_SOURCES = %D%/test-layers-check-work.c
%C%_test_layers_check_work_CPPFLAGS = $(LAYERS_TEST_CPPFLAGS)
%C%_test_layers_check_work_LDADD = $(LAYERS_TEST_LDADD)

%C%_test_layers_extents_SOURCES = %D%/test-layers-extents.c
%C%_test_layers_extents_CPPFLAGS = $(LAYERS_TEST_CPPFLAGS)
%C%_test_layers_extents_LDADD = $(LAYERS_TEST_LDADD)

%C%_test_layers_failure_SOURCES = %D%/test-layers-failure.c
%C%_test_layers_failure_CPPFLAGS = $(LAYERS_TEST_CPPFLAGS)
%C%_test_layers_failure_LDADD = $(LAYERS_TEST_LDADD)

%C%_test_layers_fds_SOURCES = %D%/test-layers-fds.c
%C%_test_layers_fds_CPPFLAGS = $(LAYERS_TEST_CPPFLAGS)
%C%_test_layers_fds_LDADD = $(LAYERS_TEST_LDADD)

%C%_test_layers_fds_none_SOURCES = %D%/test-layers-fds-none.c
%C%_test_layers_fds_none_CPPFLAGS = $(LAYERS_TEST_CPPFLAGS)
%C%_test_layers_fds_none_LDADD = $(LAYERS_TEST_LDADD)

%C%_test_layers_fds_threads_SOURCES = %D%/test-layers-fds-threads.c
%C%_test_layers_fds_threads_CPPFLAGS = $(LAYERS_TEST_CPPFLAGS)
%C%_test_layers_fds_threads_LDADD = $(LAYERS_TEST_LDADD)

%C%_test_layers_follow_SOURCES = %D%/test-layers-follow.c
%C%_test_layers_follow_CPPFLAGS = $(LAYERS_TEST_CPPFLAGS)
%C%_test_layers_follow_LDADD = $(LAYERS_TEST_LDADD)

%C%_test_layers_forged_SOURCES = %D%/test-layers-forged.c
%C%_test_layers_forged_CPPFLAGS = $(LAYERS_TEST_CPPFLAGS)
%C%_test_layers_forged_LDADD = $(LAYERS_TEST_LDADD)

%C%_test_layers_golden_SOURCES = %D%/test-layers-golden.c
%C%_test_layers_golden_CPPFLAGS = $(LAYERS_TEST_CPPFLAGS)
%C%_test_layers_golden_LDADD = $(LAYERS_TEST_LDADD)

%C%_test_layers_identity_SOURCES = %D%/test-layers-identity.c
%C%_test_layers_identity_CPPFLAGS = $(LAYERS_TEST_CPPFLAGS)
%C%_test_layers_identity_LDADD = $(LAYERS_TEST_LDADD)

%C%_test_layers_late_SOURCES = %D%/test-layers-late.c
%C%_test_layers_late_CPPFLAGS = $(LAYERS_TEST_CPPFLAGS)
%C%_test_layers_late_LDADD = $(LAYERS_TEST_LDADD)

%C%_test_layers_late_access_SOURCES = %D%/test-layers-late-access.c
%C%_test_layers_late_access_CPPFLAGS = $(LAYERS_TEST_CPPFLAGS)
%C%_test_layers_late_access_LDADD = $(LAYERS_TEST_LDADD)

%C%_test_layers_late_copyup_SOURCES = %D%/test-layers-late-copyup.c
%C%_test_layers_late_copyup_CPPFLAGS = $(LAYERS_TEST_CPPFLAGS)
%C%_test_layers_late_copyup_LDADD = $(LAYERS_TEST_LDADD)

%C%_test_layers_links_SOURCES = %D%/test-layers-links.c
%C%_test_layers_links_CPPFLAGS = $(LAYERS_TEST_CPPFLAGS)
%C%_test_layers_links_LDADD = $(LAYERS_TEST_LDADD)
%C%_test_layers_index_SOURCES = %D%/test-layers-index.c
%C%_test_layers_index_CPPFLAGS = $(LAYERS_TEST_CPPFLAGS)
%C%_test_layers_index_LDADD = $(LAYERS_TEST_LDADD)

%C%_test_layers_lock_SOURCES = %D%/test-layers-lock.c
%C%_test_layers_lock_CPPFLAGS = $(LAYERS_TEST_CPPFLAGS)
%C%_test_layers_lock_LDADD = $(LAYERS_TEST_LDADD)

%C%_test_layers_lock_host_SOURCES = %D%/test-layers-lock-host.c
%C%_test_layers_lock_host_CPPFLAGS = $(LAYERS_TEST_CPPFLAGS)
%C%_test_layers_lock_host_LDADD = $(LAYERS_TEST_LDADD)

%C%_test_layers_merge_SOURCES = %D%/test-layers-merge.c
%C%_test_layers_merge_CPPFLAGS = $(LAYERS_TEST_CPPFLAGS)
%C%_test_layers_merge_LDADD = $(LAYERS_TEST_LDADD)

%C%_test_layers_metacopy_SOURCES = %D%/test-layers-metacopy.c
%C%_test_layers_metacopy_CPPFLAGS = $(LAYERS_TEST_CPPFLAGS)
%C%_test_layers_metacopy_LDADD = $(LAYERS_TEST_LDADD)

%C%_test_layers_open_files_SOURCES = %D%/test-layers-open-files.c
%C%_test_layers_open_files_CPPFLAGS = $(LAYERS_TEST_CPPFLAGS)
%C%_test_layers_open_files_LDADD = $(LAYERS_TEST_LDADD)

%C%_test_layers_owner_SOURCES = %D%/test-layers-owner.c
%C%_test_layers_owner_CPPFLAGS = $(LAYERS_TEST_CPPFLAGS)
%C%_test_layers_owner_LDADD = $(LAYERS_TEST_LDADD)

%C%_test_layers_owner_group_SOURCES = %D%/test-layers-owner-group.c
%C%_test_layers_owner_group_CPPFLAGS = $(LAYERS_TEST_CPPFLAGS)
%C%_test_layers_owner_group_LDADD = $(LAYERS_TEST_LDADD)

%C%_test_layers_owner_threads_SOURCES = %D%/test-layers-owner-threads.c
%C%_test_layers_owner_threads_CPPFLAGS = $(LAYERS_TEST_CPPFLAGS)
%C%_test_layers_owner_threads_LDADD = $(LAYERS_TEST_LDADD)

%C%_test_layers_pinned_copy_SOURCES = %D%/test-layers-pinned-copy.c
%C%_test_layers_pinned_copy_CPPFLAGS = $(LAYERS_TEST_CPPFLAGS)
%C%_test_layers_pinned_copy_LDADD = $(LAYERS_TEST_LDADD)
%C%_test_layers_partial_SOURCES = %D%/test-layers-partial.c
%C%_test_layers_partial_CPPFLAGS = $(LAYERS_TEST_CPPFLAGS)
%C%_test_layers_partial_LDADD = $(LAYERS_TEST_LDADD)

%C%_test_layers_partial_model_SOURCES = %D%/test-layers-partial-model.c
%C%_test_layers_partial_model_CPPFLAGS = $(LAYERS_TEST_CPPFLAGS)
%C%_test_layers_partial_model_LDADD = $(LAYERS_TEST_LDADD)

%C%_test_layers_partial_power_SOURCES = %D%/test-layers-partial-power.c
%C%_test_layers_partial_power_CPPFLAGS = $(LAYERS_TEST_CPPFLAGS)
%C%_test_layers_partial_power_LDADD = $(LAYERS_TEST_LDADD)
%C%_test_layers_partial_power_LDFLAGS = \
	-Wl,--wrap=pwritev2 -Wl,--wrap=fsync -Wl,--wrap=fdatasync

%C%_test_layers_partial_failure_SOURCES = %D%/test-layers-partial-failure.c
%C%_test_layers_partial_failure_CPPFLAGS = $(LAYERS_TEST_CPPFLAGS)
%C%_test_layers_partial_failure_LDADD = $(LAYERS_TEST_LDADD)

%C%_test_layers_partial_threads_SOURCES = %D%/test-layers-partial-threads.c
%C%_test_layers_partial_threads_CPPFLAGS = $(LAYERS_TEST_CPPFLAGS)
%C%_test_layers_partial_threads_LDADD = $(LAYERS_TEST_LDADD)

%C%_test_layers_partial_check_SOURCES = %D%/test-layers-partial-check.c
%C%_test_layers_partial_check_CPPFLAGS = $(LAYERS_TEST_CPPFLAGS)
%C%_test_layers_partial_check_LDADD = $(LAYERS_TEST_LDADD)

%C%_test_layers_protattr_SOURCES = %D%/test-layers-protattr.c
%C%_test_layers_protattr_CPPFLAGS = $(LAYERS_TEST_CPPFLAGS)
%C%_test_layers_protattr_LDADD = $(LAYERS_TEST_LDADD)

%C%_test_layers_redirect_SOURCES = %D%/test-layers-redirect.c
%C%_test_layers_redirect_CPPFLAGS = $(LAYERS_TEST_CPPFLAGS)
%C%_test_layers_redirect_LDADD = $(LAYERS_TEST_LDADD)

%C%_test_layers_settle_SOURCES = %D%/test-layers-settle.c
%C%_test_layers_settle_CPPFLAGS = $(LAYERS_TEST_CPPFLAGS)
%C%_test_layers_settle_LDADD = $(LAYERS_TEST_LDADD)

%C%_test_layers_settle_failure_SOURCES = %D%/test-layers-settle-failure.c
%C%_test_layers_settle_failure_CPPFLAGS = $(LAYERS_TEST_CPPFLAGS)
%C%_test_layers_settle_failure_LDADD = $(LAYERS_TEST_LDADD)

%C%_test_layers_settle_user_SOURCES = %D%/test-layers-settle-user.c
%C%_test_layers_settle_user_CPPFLAGS = $(LAYERS_TEST_CPPFLAGS)
%C%_test_layers_settle_user_LDADD = $(LAYERS_TEST_LDADD)

%C%_test_layers_startup_SOURCES = %D%/test-layers-startup.c
%C%_test_layers_startup_CPPFLAGS = $(LAYERS_TEST_CPPFLAGS)
%C%_test_layers_startup_LDADD = $(LAYERS_TEST_LDADD)

%C%_test_layers_sync_SOURCES = %D%/test-layers-sync.c
%C%_test_layers_sync_CPPFLAGS = $(LAYERS_TEST_CPPFLAGS)
%C%_test_layers_sync_LDADD = $(LAYERS_TEST_LDADD)

%C%_test_layers_sync_error_SOURCES = %D%/test-layers-sync-error.c
%C%_test_layers_sync_error_CPPFLAGS = $(LAYERS_TEST_CPPFLAGS)
%C%_test_layers_sync_error_LDADD = $(LAYERS_TEST_LDADD)

%C%_test_layers_threads_SOURCES = %D%/test-layers-threads.c
%C%_test_layers_threads_CPPFLAGS = $(LAYERS_TEST_CPPFLAGS)
%C%_test_layers_threads_LDADD = $(LAYERS_TEST_LDADD)

%C%_test_layers_upper_marks_SOURCES = %D%/test-layers-upper-marks.c
%C%_test_layers_upper_marks_CPPFLAGS = $(LAYERS_TEST_CPPFLAGS)
%C%_test_layers_upper_marks_LDADD = $(LAYERS_TEST_LDADD)

%C%_test_layers_version_SOURCES = %D%/test-layers-version.c
%C%_test_layers_version_CPPFLAGS = $(LAYERS_TEST_CPPFLAGS)
%C%_test_layers_version_LDADD = $(LAYERS_TEST_LDADD)

%C%_test_layers_zero_SOURCES = %D%/test-layers-zero.c
%C%_test_layers_zero_CPPFLAGS = $(LAYERS_TEST_CPPFLAGS)
%C%_test_layers_zero_LDADD = $(LAYERS_TEST_LDADD)
endif
