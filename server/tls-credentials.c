/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the server shows to clients, and knows of theirs: read once, at start,
 * and then shared by all loops, which only look at it. GnuTLS could read keys
 * from their file in each handshake; but that would be file I/O on a loop.
 */
#include <errno.h>
#include <fcntl.h>
#include <gnutls/gnutls.h>
#include <gnutls/x509.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cleanup.h"
#include "log.h"
#include "tls-gnutls.h"
#include "tls.h"

#ifdef __aarch64__
#include <asm/hwcap.h>
#endif

/* Of any file that is read here. */
#define MAX_FILE ((size_t)1 << 20)

#define HEX_DIGITS "0123456789abcdefABCDEF"

/* psktool(1) writes a line like this for each. */
struct psk_user {
	gnutls_datum_t name, key; /* owned */
};

struct tls {
	gnutls_priority_t priority; /* owned */
	gnutls_certificate_credentials_t x509; /* owned, or NULL */
	gnutls_psk_server_credentials_t psk; /* owned, or NULL */
	struct psk_user *users; /* owned */
	unsigned nr_users;
	bool verify_peer;
	gnutls_typed_vdata_st purpose; /* of clients' certificates */
};

/* --- Files ------------------------------------------------------------------- */

static void
datum_free(gnutls_datum_t *d)
{
	if (d->data)
		explicit_bzero(d->data, d->size); /* it may be a key */
	free(d->data);
}

#define CLEANUP_DATUM __attribute__((cleanup(datum_free)))

/* All of @path, with a NUL behind it. @ret is untouched on failure. */
static int
read_file(const char *path, bool is_secret, gnutls_datum_t *ret)
{
	CLEANUP_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC);
	CLEANUP_DATUM gnutls_datum_t d = { 0 };
	struct stat st;
	ssize_t n = 1;

	if (fd < 0 || fstat(fd, &st) < 0)
		return -errno;
	d.data = malloc(MAX_FILE + 1);
	if (!d.data)
		return -ENOMEM;
	while (n > 0 && d.size < MAX_FILE) {
		n = read(fd, d.data + d.size, MAX_FILE - d.size);
		if (n < 0)
			return -errno;
		d.size += (unsigned)n;
	}
	if (d.size == MAX_FILE)
		return -EFBIG;
	d.data[d.size] = '\0';
	if (is_secret && (st.st_mode & S_IROTH))
		log_line(LOG_WARNING,
			 "\"%s\": a secret that everybody on this machine can "
			 "read: chmod o-r it",
			 path);
	*ret = d;
	d.data = NULL;
	return 0;
}

/* --- Certificates -------------------------------------------------------------- */

/* A file of the directory. @ret: freed with datum_free(). */
static int
read_pem(const char *dir, const char *name, gnutls_datum_t *ret)
{
	CLEANUP_FREE char *path = NULL;
	int r;

	if (asprintf(&path, "%s/%s", dir, name) < 0)
		return -ENOMEM;
	r = read_file(path, strstr(name, "-key") != NULL, ret);
	if (r == -ENOENT && strcmp(name, "ca-crl.pem") == 0)
		return r; /* nobody needs to have one */
	if (r < 0)
		log_line(LOG_ERR,
			 "--tls-certificates: \"%s\": %s: the directory holds "
			 "server-cert.pem and server-key.pem, for "
			 "--tls-verify-peer ca-cert.pem too; veneer(8), TLS, "
			 "shows how to make them",
			 path, strerror(-r));
	return r;
}

static int
bad_pem(const char *dir, const char *names, int r)
{
	log_line(LOG_ERR, "--tls-certificates: %s in \"%s\": %s%s", names, dir,
		 gnutls_strerror(r),
		 r == GNUTLS_E_CERTIFICATE_KEY_MISMATCH
			 ? " Give the key that the certificate was made with"
			 : "");
	return r == GNUTLS_E_MEMORY_ERROR ? -ENOMEM : -EBADMSG;
}

/* Whose certificates clients must have. */
static int
load_authority(struct tls *t, const char *dir)
{
	CLEANUP_DATUM gnutls_datum_t ca = { 0 };
	CLEANUP_DATUM gnutls_datum_t crl = { 0 };
	int r = read_pem(dir, "ca-cert.pem", &ca);

	if (r < 0)
		return r;
	r = gnutls_certificate_set_x509_trust_mem(t->x509, &ca,
						  GNUTLS_X509_FMT_PEM);
	if (r <= 0)
		return bad_pem(dir, "ca-cert.pem",
			       r ? r : GNUTLS_E_NO_CERTIFICATE_FOUND);
	r = read_pem(dir, "ca-crl.pem", &crl);
	if (r < 0)
		return r == -ENOENT ? 0 : r;
	r = gnutls_certificate_set_x509_crl_mem(t->x509, &crl,
						GNUTLS_X509_FMT_PEM);
	return r < 0 ? bad_pem(dir, "ca-crl.pem", r) : 0;
}

static int
load_certificates(struct tls *t, const char *dir)
{
	CLEANUP_DATUM gnutls_datum_t cert = { 0 };
	CLEANUP_DATUM gnutls_datum_t key = { 0 };
	int r;

	if (gnutls_certificate_allocate_credentials(&t->x509) < 0)
		return -ENOMEM;
	r = read_pem(dir, "server-cert.pem", &cert);
	if (r == 0)
		r = read_pem(dir, "server-key.pem", &key);
	if (r < 0)
		return r;
	r = gnutls_certificate_set_x509_key_mem(t->x509, &cert, &key,
						GNUTLS_X509_FMT_PEM);
	if (r < 0)
		return bad_pem(dir, "server-cert.pem and server-key.pem", r);
	(void)gnutls_certificate_set_known_dh_params(t->x509,
						     GNUTLS_SEC_PARAM_MEDIUM);
	return t->verify_peer ? load_authority(t, dir) : 0;
}

/* --- Keys shared with clients --------------------------------------------------- */

/* Hex digits of @text, or the text itself. @ret: as datum_free() takes it. */
static int
to_datum(const char *text, bool is_hex, gnutls_datum_t *ret)
{
	size_t len = strlen(text), size = len / 2;
	gnutls_datum_t d = { .size = (unsigned)len };

	/* gnutls_hex2bin() passes over what is no digit. */
	if (len == 0 ||
	    (is_hex && (len % 2 != 0 || strspn(text, HEX_DIGITS) != len)))
		return -EBADMSG;
	d.data = malloc(len);
	if (!d.data)
		return -ENOMEM;
	if (!is_hex) {
		memcpy(d.data, text, len);
	} else if (gnutls_hex2bin(text, len, d.data, &size) < 0) {
		datum_free(&d);
		return -EBADMSG;
	} else {
		d.size = (unsigned)size;
	}
	*ret = d;
	return 0;
}

/* "user:hex", or "#hex:hex" for a user of odd bytes. */
static int
add_user(struct tls *t, char *line)
{
	char *colon = strrchr(line, ':');
	struct psk_user *u;
	bool is_hex = *line == '#';
	int r;

	if (!colon)
		return -EBADMSG;
	*colon = '\0';
	u = reallocarray(t->users, t->nr_users + 1, sizeof(*u));
	if (!u)
		return -ENOMEM;
	t->users = u;
	u += t->nr_users++;
	*u = (struct psk_user){ 0 };
	r = to_datum(line + is_hex, is_hex, &u->name);
	return r < 0 ? r : to_datum(colon + 1, true, &u->key);
}

static int
parse_users(struct tls *t, const char *path, char *text)
{
	unsigned nr_line = 0;
	char *line;
	int r;

	while ((line = strsep(&text, "\n"))) {
		nr_line++;
		line[strcspn(line, "\r")] = '\0';
		if (!*line)
			continue;
		r = add_user(t, line);
		if (r == -EBADMSG)
			log_line(LOG_ERR,
				 "--tls-psk-file: \"%s\", line %u: not "
				 "\"USER:KEY\" with the key in hex digits, as "
				 "psktool writes it",
				 path, nr_line);
		if (r < 0)
			return r;
	}
	if (t->nr_users > 0)
		return 0;
	log_line(LOG_ERR,
		 "--tls-psk-file: \"%s\" has no user in it: psktool -u USER -p "
		 "FILE adds one",
		 path);
	return -EBADMSG;
}

/* GnuTLS asks for a user's key. 1: there is none; it goes on with a random one. */
static int
find_key(gnutls_session_t session, const gnutls_datum_t *name,
	 gnutls_datum_t *ret)
{
	const struct tls *t = gnutls_session_get_ptr(session);
	const struct psk_user *u;
	unsigned i;

	for (i = 0; i < t->nr_users; i++) {
		u = &t->users[i];
		if (u->name.size != name->size ||
		    memcmp(u->name.data, name->data, name->size) != 0)
			continue;
		ret->data = gnutls_malloc(u->key.size);
		if (!ret->data)
			return -1;
		memcpy(ret->data, u->key.data, u->key.size);
		ret->size = u->key.size;
		return 0;
	}
	return 1;
}

static int
load_users(struct tls *t, const char *path)
{
	CLEANUP_DATUM gnutls_datum_t text = { 0 };
	int r = read_file(path, true, &text);

	if (r < 0) {
		log_line(LOG_ERR,
			 "--tls-psk-file: \"%s\": %s: psktool -u USER -p FILE "
			 "makes one",
			 path, strerror(-r));
		return r;
	}
	r = parse_users(t, path, (char *)text.data);
	if (r < 0)
		return r;
	if (gnutls_psk_allocate_server_credentials(&t->psk) < 0)
		return -ENOMEM;
	gnutls_psk_set_server_credentials_function2(t->psk, find_key);
	(void)gnutls_psk_set_server_known_dh_params(t->psk,
						    GNUTLS_SEC_PARAM_MEDIUM);
	return 0;
}

/* --- Ciphers ---------------------------------------------------------------------- */

static bool
cpu_has_aes(void)
{
#if defined(__x86_64__) || defined(__i386__)
	return __builtin_cpu_supports("aes");
#elif defined(__aarch64__)
	return getauxval(AT_HWCAP) & HWCAP_AES;
#else
	return false;
#endif
}

/*
 * Left to themselves sessions with shared keys use ChaCha20 (in TLS 1.3 those
 * come with SHA-256, and NORMAL prefers AES-256, which comes with SHA-384): a
 * fifth of what AES does where the CPU has instructions for it.
 */
static int
load_priority(struct tls *t, const char *text)
{
	char own[256];
	const char *at = "";
	int r;

	(void)snprintf(own, sizeof(own),
		       "NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2%s%s",
		       t->psk ? ":+ECDHE-PSK:+DHE-PSK:+PSK" : "",
		       cpu_has_aes() ? ":-CHACHA20-POLY1305:%SERVER_PRECEDENCE"
				     : "");
	r = gnutls_priority_init(&t->priority, text ? text : own, &at);
	if (r == GNUTLS_E_MEMORY_ERROR)
		return -ENOMEM;
	if (r < 0) {
		log_line(
			LOG_ERR,
			"--tls-priority: \"%s\": %s From \"%s\" on: see GnuTLS "
			"on priority strings",
			text ? text : own, gnutls_strerror(r), at);
		return -EINVAL;
	}
	return 0;
}

/* --- All of it ---------------------------------------------------------------------- */

int
tls_load(const struct tls_config *c, struct tls **ret)
{
	struct tls *t;
	int r = 0;

	*ret = NULL;
	if (c->mode == TLS_OFF)
		return 0;
	t = calloc(1, sizeof(*t));
	if (!t)
		return -ENOMEM;
	t->verify_peer = c->verify_peer;
	t->purpose = (gnutls_typed_vdata_st){
		.type = GNUTLS_DT_KEY_PURPOSE_OID,
		.data = (unsigned char *)GNUTLS_KP_TLS_WWW_CLIENT,
	};
	if (c->certificates)
		r = load_certificates(t, c->certificates);
	if (r == 0 && c->psk_file)
		r = load_users(t, c->psk_file);
	if (r == 0)
		r = load_priority(t, c->priority);
	if (r < 0) {
		tls_free(t);
		return r;
	}
	*ret = t;
	return 0;
}

void
tls_free(struct tls *t)
{
	unsigned i;

	if (!t)
		return;
	if (t->x509)
		gnutls_certificate_free_credentials(t->x509);
	if (t->psk)
		gnutls_psk_free_server_credentials(t->psk);
	if (t->priority)
		gnutls_priority_deinit(t->priority);
	for (i = 0; i < t->nr_users; i++) {
		datum_free(&t->users[i].name);
		datum_free(&t->users[i].key);
	}
	free(t->users);
	free(t);
}

/*
 * Clients show a certificate of the authority, made for clients: a server's
 * would be that of whoever serves anything there.
 */
static void
ask_for_certificate(const struct tls *t, gnutls_session_t s)
{
	gnutls_certificate_server_set_request(s, GNUTLS_CERT_REQUIRE);
	/* GnuTLS takes it as not const, but only looks at it. */
	gnutls_session_set_verify_cert2(s, (gnutls_typed_vdata_st *)&t->purpose,
					1, 0);
}

gnutls_session_t
tls_gnutls_session(const struct tls *t)
{
	gnutls_session_t s;

	/* Resuming a session would save little: they last as long as VMs. */
	if (gnutls_init(&s, GNUTLS_SERVER | GNUTLS_NONBLOCK | GNUTLS_NO_SIGNAL |
				    GNUTLS_NO_TICKETS) < 0)
		return NULL;
	gnutls_session_set_ptr(s, (void *)t);
	if (gnutls_priority_set(s, t->priority) < 0 ||
	    (t->x509 &&
	     gnutls_credentials_set(s, GNUTLS_CRD_CERTIFICATE, t->x509) < 0) ||
	    (t->psk && gnutls_credentials_set(s, GNUTLS_CRD_PSK, t->psk) < 0)) {
		gnutls_deinit(s);
		return NULL;
	}
	if (t->verify_peer)
		ask_for_certificate(t, s);
	return s;
}
