# Unit tests of protocol/, over the fake backend; they link nothing else.
if HAVE_CMOCKA
PROTOCOL_TEST_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/common \
	-I$(top_srcdir)/protocol -I$(top_srcdir)/protocol/9p
PROTOCOL_TEST_LDADD = libfake.a libprotocol.a $(CMOCKA_LIBS)
check_LIBRARIES += libfake.a
libfake_a_CPPFLAGS = $(PROTOCOL_TEST_CPPFLAGS)
libfake_a_SOURCES = \
	%D%/fake-backend.c \
	%D%/fake-backend.h \
	%D%/fake-client.c \
	%D%/fake-client.h \
	%D%/unit.h

protocol_unit_tests = \
	%D%/test-9p-codec \
	%D%/test-9p-session
check_PROGRAMS += $(protocol_unit_tests)
TESTS += $(protocol_unit_tests)
%C%_test_9p_codec_CPPFLAGS = $(PROTOCOL_TEST_CPPFLAGS)
%C%_test_9p_codec_LDADD = $(PROTOCOL_TEST_LDADD)
%C%_test_9p_session_CPPFLAGS = $(PROTOCOL_TEST_CPPFLAGS)
%C%_test_9p_session_LDADD = $(PROTOCOL_TEST_LDADD)
endif
