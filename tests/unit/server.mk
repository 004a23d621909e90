# Unit tests of server/.
if HAVE_CMOCKA
SERVER_TEST_CPPFLAGS = $(libserver_a_CPPFLAGS) -I$(top_srcdir)/tests/unit
SERVER_TEST_LDADD = libserver.a libprotocol.a liblayers.a $(EV_LIBS) \
	$(GNUTLS_LIBS) $(CMOCKA_LIBS)
server_unit_tests = \
	%D%/test-access \
	%D%/test-addr \
	%D%/test-image-list \
	%D%/test-image-name \
	%D%/test-image-open \
	%D%/test-pool \
	%D%/test-stream-resume \
	%D%/test-run-close \
	%D%/test-run-syncs \
	%D%/test-turns \
	%D%/test-inflight-packed \
	%D%/test-vring \
	%D%/test-vring-packed
if WITH_GNUTLS
server_unit_tests += \
	%D%/test-tls-end \
	%D%/test-tls-handshake \
	%D%/test-tls-stream
endif
check_PROGRAMS += $(server_unit_tests)
TESTS += $(server_unit_tests)

%C%_test_access_SOURCES = %D%/test-access.c
%C%_test_access_CPPFLAGS = $(SERVER_TEST_CPPFLAGS)
%C%_test_access_LDADD = $(SERVER_TEST_LDADD)

%C%_test_addr_SOURCES = %D%/test-addr.c
%C%_test_addr_CPPFLAGS = $(SERVER_TEST_CPPFLAGS)
%C%_test_addr_LDADD = $(SERVER_TEST_LDADD)

%C%_test_image_list_SOURCES = %D%/test-image-list.c %D%/image-fixture.c \
	%D%/image-fixture.h
%C%_test_image_list_CPPFLAGS = $(SERVER_TEST_CPPFLAGS)
%C%_test_image_list_LDADD = $(SERVER_TEST_LDADD)

%C%_test_image_name_SOURCES = %D%/test-image-name.c
%C%_test_image_name_CPPFLAGS = $(SERVER_TEST_CPPFLAGS)
%C%_test_image_name_LDADD = $(SERVER_TEST_LDADD)

%C%_test_image_open_SOURCES = %D%/test-image-open.c %D%/image-fixture.c \
	%D%/image-fixture.h
%C%_test_image_open_CPPFLAGS = $(SERVER_TEST_CPPFLAGS)
%C%_test_image_open_LDADD = $(SERVER_TEST_LDADD)

%C%_test_pool_SOURCES = %D%/test-pool.c
%C%_test_pool_CPPFLAGS = $(SERVER_TEST_CPPFLAGS)
%C%_test_pool_LDADD = $(SERVER_TEST_LDADD)

%C%_test_stream_resume_SOURCES = %D%/test-stream-resume.c
%C%_test_stream_resume_CPPFLAGS = $(SERVER_TEST_CPPFLAGS)
%C%_test_stream_resume_LDADD = $(SERVER_TEST_LDADD)
%C%_test_run_close_SOURCES = %D%/test-run-close.c
%C%_test_run_close_CPPFLAGS = $(SERVER_TEST_CPPFLAGS)
%C%_test_run_close_LDADD = liblayersfixture.a $(SERVER_TEST_LDADD)
%C%_test_run_syncs_SOURCES = %D%/test-run-syncs.c
%C%_test_run_syncs_CPPFLAGS = $(SERVER_TEST_CPPFLAGS)
%C%_test_run_syncs_LDADD = liblayersfixture.a $(SERVER_TEST_LDADD)
TLS_TEST_CPPFLAGS = $(SERVER_TEST_CPPFLAGS) $(GNUTLS_CFLAGS)
%C%_test_tls_end_SOURCES = %D%/test-tls-end.c %D%/tls-fixture.c \
	%D%/tls-fixture.h
%C%_test_tls_end_CPPFLAGS = $(TLS_TEST_CPPFLAGS)
%C%_test_tls_end_LDADD = $(SERVER_TEST_LDADD)

%C%_test_tls_handshake_SOURCES = %D%/test-tls-handshake.c \
	%D%/tls-fixture.c \
	%D%/tls-fixture.h
%C%_test_tls_handshake_CPPFLAGS = $(TLS_TEST_CPPFLAGS)
%C%_test_tls_handshake_LDADD = $(SERVER_TEST_LDADD)

%C%_test_tls_stream_SOURCES = %D%/test-tls-stream.c %D%/tls-fixture.c \
	%D%/tls-fixture.h
%C%_test_tls_stream_CPPFLAGS = $(TLS_TEST_CPPFLAGS)
%C%_test_tls_stream_LDADD = $(SERVER_TEST_LDADD)

%C%_test_turns_SOURCES = %D%/test-turns.c
%C%_test_turns_CPPFLAGS = $(SERVER_TEST_CPPFLAGS)
%C%_test_turns_LDADD = $(SERVER_TEST_LDADD)

%C%_test_inflight_packed_SOURCES = %D%/test-inflight-packed.c \
	%D%/packed-fixture.c %D%/packed-fixture.h
%C%_test_inflight_packed_CPPFLAGS = $(SERVER_TEST_CPPFLAGS)
%C%_test_inflight_packed_LDADD = $(SERVER_TEST_LDADD)

%C%_test_vring_packed_SOURCES = %D%/test-vring-packed.c \
	%D%/packed-fixture.c %D%/packed-fixture.h
%C%_test_vring_packed_CPPFLAGS = $(SERVER_TEST_CPPFLAGS)
%C%_test_vring_packed_LDADD = $(SERVER_TEST_LDADD)

%C%_test_vring_SOURCES = %D%/test-vring.c
%C%_test_vring_CPPFLAGS = $(SERVER_TEST_CPPFLAGS)
%C%_test_vring_LDADD = $(SERVER_TEST_LDADD)
endif
