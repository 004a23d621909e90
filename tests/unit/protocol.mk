# Unit tests of protocol/, over the fake backend; they link nothing else.
# The fuzz targets use the fakes as well.
PROTOCOL_TEST_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/common \
	-I$(top_srcdir)/protocol -I$(top_srcdir)/protocol/9p \
	-I$(top_srcdir)/tests/unit
check_LIBRARIES += libfake.a
libfake_a_CPPFLAGS = $(PROTOCOL_TEST_CPPFLAGS)
libfake_a_SOURCES = \
	%D%/fake-backend.c \
	%D%/fake-backend.h \
	%D%/fake-client.c \
	%D%/fake-client.h \
	%D%/fake-nbd-check.c \
	%D%/fake-nbd-check.h \
	%D%/fake-nbd-client.c \
	%D%/fake-nbd-client.h \
	%D%/fake-nbd-send.c \
	%D%/unit.h

if HAVE_CMOCKA
PROTOCOL_TEST_LDADD = libfake.a libprotocol.a $(CMOCKA_LIBS)
protocol_unit_tests = \
	%D%/test-9p-attr \
	%D%/test-9p-codec \
	%D%/test-9p-create \
	%D%/test-9p-fid-order \
	%D%/test-9p-fid-states \
	%D%/test-9p-flush \
	%D%/test-9p-frame \
	%D%/test-9p-io \
	%D%/test-9p-limits \
	%D%/test-9p-lock \
	%D%/test-9p-names \
	%D%/test-9p-open \
	%D%/test-9p-readdir \
	%D%/test-9p-session \
	%D%/test-9p-trace \
	%D%/test-9p-version \
	%D%/test-9p-walk \
	%D%/test-9p-xattr \
	%D%/test-hash \
	%D%/test-nbd-commands \
	%D%/test-nbd-end \
	%D%/test-nbd-errors \
	%D%/test-nbd-export-name \
	%D%/test-nbd-handshake \
	%D%/test-nbd-info \
	%D%/test-nbd-io \
	%D%/test-nbd-limits \
	%D%/test-nbd-list \
	%D%/test-nbd-meta \
	%D%/test-nbd-range \
	%D%/test-nbd-status \
	%D%/test-nbd-stream \
	%D%/test-nbd-tls \
	%D%/test-nbd-trace \
	%D%/test-nbd-chosen \
	%D%/test-nbd-kept \
	%D%/test-nbd-option-data \
	%D%/test-nbd-requests \
	%D%/test-wire
check_PROGRAMS += $(protocol_unit_tests)
TESTS += $(protocol_unit_tests)
%C%_test_9p_attr_CPPFLAGS = $(PROTOCOL_TEST_CPPFLAGS)
%C%_test_9p_attr_LDADD = $(PROTOCOL_TEST_LDADD)
%C%_test_9p_codec_CPPFLAGS = $(PROTOCOL_TEST_CPPFLAGS)
%C%_test_9p_codec_LDADD = $(PROTOCOL_TEST_LDADD)
%C%_test_9p_create_CPPFLAGS = $(PROTOCOL_TEST_CPPFLAGS)
%C%_test_9p_create_LDADD = $(PROTOCOL_TEST_LDADD)
%C%_test_9p_fid_order_CPPFLAGS = $(PROTOCOL_TEST_CPPFLAGS)
%C%_test_9p_fid_order_LDADD = $(PROTOCOL_TEST_LDADD)
%C%_test_9p_fid_states_CPPFLAGS = $(PROTOCOL_TEST_CPPFLAGS)
%C%_test_9p_fid_states_LDADD = $(PROTOCOL_TEST_LDADD)
%C%_test_9p_flush_CPPFLAGS = $(PROTOCOL_TEST_CPPFLAGS)
%C%_test_9p_flush_LDADD = $(PROTOCOL_TEST_LDADD)
%C%_test_9p_frame_CPPFLAGS = $(PROTOCOL_TEST_CPPFLAGS)
%C%_test_9p_frame_LDADD = $(PROTOCOL_TEST_LDADD)
%C%_test_9p_io_CPPFLAGS = $(PROTOCOL_TEST_CPPFLAGS)
%C%_test_9p_io_LDADD = $(PROTOCOL_TEST_LDADD)
%C%_test_9p_limits_CPPFLAGS = $(PROTOCOL_TEST_CPPFLAGS)
%C%_test_9p_limits_LDADD = $(PROTOCOL_TEST_LDADD)
%C%_test_9p_lock_CPPFLAGS = $(PROTOCOL_TEST_CPPFLAGS)
%C%_test_9p_lock_LDADD = $(PROTOCOL_TEST_LDADD)
%C%_test_9p_names_CPPFLAGS = $(PROTOCOL_TEST_CPPFLAGS)
%C%_test_9p_names_LDADD = $(PROTOCOL_TEST_LDADD)
%C%_test_9p_open_CPPFLAGS = $(PROTOCOL_TEST_CPPFLAGS)
%C%_test_9p_open_LDADD = $(PROTOCOL_TEST_LDADD)
%C%_test_9p_readdir_CPPFLAGS = $(PROTOCOL_TEST_CPPFLAGS)
%C%_test_9p_readdir_LDADD = $(PROTOCOL_TEST_LDADD)
%C%_test_9p_session_CPPFLAGS = $(PROTOCOL_TEST_CPPFLAGS)
%C%_test_9p_session_LDADD = $(PROTOCOL_TEST_LDADD)
%C%_test_9p_trace_CPPFLAGS = $(PROTOCOL_TEST_CPPFLAGS)
%C%_test_9p_trace_LDADD = $(PROTOCOL_TEST_LDADD)
%C%_test_9p_version_CPPFLAGS = $(PROTOCOL_TEST_CPPFLAGS)
%C%_test_9p_version_LDADD = $(PROTOCOL_TEST_LDADD)
%C%_test_9p_walk_CPPFLAGS = $(PROTOCOL_TEST_CPPFLAGS)
%C%_test_9p_walk_LDADD = $(PROTOCOL_TEST_LDADD)
%C%_test_9p_xattr_CPPFLAGS = $(PROTOCOL_TEST_CPPFLAGS)
%C%_test_9p_xattr_LDADD = $(PROTOCOL_TEST_LDADD)
%C%_test_hash_CPPFLAGS = $(PROTOCOL_TEST_CPPFLAGS)
%C%_test_hash_LDADD = $(PROTOCOL_TEST_LDADD)
%C%_test_nbd_commands_CPPFLAGS = $(PROTOCOL_TEST_CPPFLAGS)
%C%_test_nbd_commands_LDADD = $(PROTOCOL_TEST_LDADD)
%C%_test_nbd_end_CPPFLAGS = $(PROTOCOL_TEST_CPPFLAGS)
%C%_test_nbd_end_LDADD = $(PROTOCOL_TEST_LDADD)
%C%_test_nbd_errors_CPPFLAGS = $(PROTOCOL_TEST_CPPFLAGS)
%C%_test_nbd_errors_LDADD = $(PROTOCOL_TEST_LDADD)
%C%_test_nbd_export_name_CPPFLAGS = $(PROTOCOL_TEST_CPPFLAGS)
%C%_test_nbd_export_name_LDADD = $(PROTOCOL_TEST_LDADD)
%C%_test_nbd_handshake_CPPFLAGS = $(PROTOCOL_TEST_CPPFLAGS)
%C%_test_nbd_handshake_LDADD = $(PROTOCOL_TEST_LDADD)
%C%_test_nbd_info_CPPFLAGS = $(PROTOCOL_TEST_CPPFLAGS)
%C%_test_nbd_info_LDADD = $(PROTOCOL_TEST_LDADD)
%C%_test_nbd_io_CPPFLAGS = $(PROTOCOL_TEST_CPPFLAGS)
%C%_test_nbd_io_LDADD = $(PROTOCOL_TEST_LDADD)
%C%_test_nbd_limits_CPPFLAGS = $(PROTOCOL_TEST_CPPFLAGS)
%C%_test_nbd_limits_LDADD = $(PROTOCOL_TEST_LDADD)
%C%_test_nbd_list_CPPFLAGS = $(PROTOCOL_TEST_CPPFLAGS)
%C%_test_nbd_list_LDADD = $(PROTOCOL_TEST_LDADD)
%C%_test_nbd_meta_CPPFLAGS = $(PROTOCOL_TEST_CPPFLAGS)
%C%_test_nbd_meta_LDADD = $(PROTOCOL_TEST_LDADD)
%C%_test_nbd_range_CPPFLAGS = $(PROTOCOL_TEST_CPPFLAGS)
%C%_test_nbd_range_LDADD = $(PROTOCOL_TEST_LDADD)
%C%_test_nbd_status_CPPFLAGS = $(PROTOCOL_TEST_CPPFLAGS)
%C%_test_nbd_status_LDADD = $(PROTOCOL_TEST_LDADD)
%C%_test_nbd_stream_CPPFLAGS = $(PROTOCOL_TEST_CPPFLAGS)
%C%_test_nbd_stream_LDADD = $(PROTOCOL_TEST_LDADD)
%C%_test_nbd_tls_CPPFLAGS = $(PROTOCOL_TEST_CPPFLAGS)
%C%_test_nbd_tls_LDADD = $(PROTOCOL_TEST_LDADD)
%C%_test_nbd_trace_CPPFLAGS = $(PROTOCOL_TEST_CPPFLAGS)
%C%_test_nbd_trace_LDADD = $(PROTOCOL_TEST_LDADD)
%C%_test_nbd_chosen_CPPFLAGS = $(PROTOCOL_TEST_CPPFLAGS)
%C%_test_nbd_chosen_LDADD = $(PROTOCOL_TEST_LDADD)
%C%_test_nbd_kept_CPPFLAGS = $(PROTOCOL_TEST_CPPFLAGS)
%C%_test_nbd_kept_LDADD = $(PROTOCOL_TEST_LDADD)
%C%_test_nbd_option_data_CPPFLAGS = $(PROTOCOL_TEST_CPPFLAGS)
%C%_test_nbd_option_data_LDADD = $(PROTOCOL_TEST_LDADD)
%C%_test_nbd_requests_CPPFLAGS = $(PROTOCOL_TEST_CPPFLAGS)
%C%_test_nbd_requests_LDADD = $(PROTOCOL_TEST_LDADD)
%C%_test_wire_CPPFLAGS = $(PROTOCOL_TEST_CPPFLAGS)
%C%_test_wire_LDADD = $(PROTOCOL_TEST_LDADD)
endif
