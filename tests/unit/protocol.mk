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
%C%_test_wire_CPPFLAGS = $(PROTOCOL_TEST_CPPFLAGS)
%C%_test_wire_LDADD = $(PROTOCOL_TEST_LDADD)
endif
