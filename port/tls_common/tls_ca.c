/*
 * Roots without loading them. A bundle of 150 certificates is 400 KiB of heap
 * once parsed; a handshake needs one of them. So the PEM file is read through
 * 1 KiB, one certificate at a time is decoded into a static buffer, and its
 * subject, found with a few steps through the DER, is compared with the
 * issuers of the server's chain. Whatever matches is handed out, in the order
 * of the file: bundles do hold two roots of one name.
 */
#include "port/tls_common/tls_common.h"

#include <string.h>

#include "base/codec.h"
#include "config.h"
#include "port/fs.h"
#include "port/sys.h"

static char ca_text[TLS_CA_TEXT];
static char ca_der[CFG_CERT_DER];

/* Debian, Alpine, OpenWrt, DSM; links of those and the BSDs; Entware; Red Hat;
 * SUSE; FreeBSD. */
static const char *const places[] = {
	"/etc/ssl/certs/ca-certificates.crt",
	"/etc/ssl/cert.pem",
	"/opt/etc/ssl/certs/ca-certificates.crt",
	"/etc/pki/tls/certs/ca-bundle.crt",
	"/etc/ssl/ca-bundle.pem",
	"/usr/local/share/certs/ca-root-nss.crt",
};

/* A file with something in it: packages that were half removed leave empty
 * ones, and directories. */
static bool
is_bundle(const char *path)
{
	struct fs_stat st;
	fs_fd fd;
	bool ok = fs_open(FS_CWD, path, FS_READ, 0, &fd) == ERR_OK &&
		fs_fstat(fd, &st) == ERR_OK && st.type == FS_FILE &&
		st.size > 0;

	fs_close(&fd);
	return ok;
}

/* Who sets SSL_CERT_FILE means that file and no other. */
const char *
tls_system_ca(void)
{
	const char *env = sys_getenv("SSL_CERT_FILE");
	size_t i;

	if (env != NULL && env[0] != '\0') {
		return env;
	}
	for (i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		if (is_bundle(places[i])) {
			return places[i];
		}
	}
	return "";
}

static enum err
path_of(const struct tls_verify *v, const char **path)
{
	*path = v->ca_file;
	if (*path == NULL || (*path)[0] == '\0' ||
		strcmp(*path, "OS-DEFAULT") == 0) {
		*path = tls_system_ca();
	}
	if ((*path)[0] == '\0') {
		return err_set(ERR_CONF, "no file of root certificates found "
			"on this system: set sslcacertfile");
	}
	return ERR_OK;
}

enum err
tls_ca_open(struct tls_ca *ca, const struct tls_verify *v)
{
	struct fs_stat st;
	const char *path;
	enum err e = path_of(v, &path);

	if (e != ERR_OK) {
		return e;
	}
	memset(ca, 0, sizeof(*ca));
	e = fs_open(FS_CWD, path, FS_READ, 0, &ca->fd);
	if (e == ERR_OK) {
		e = fs_fstat(ca->fd, &st);
	}
	if (e == ERR_OK && st.type == FS_DIR) {
		fs_close(&ca->fd);
		return err_set(ERR_CONF, "root certificates: %s is a "
			"directory", path);
	}
	if (e != ERR_OK) {
		fs_close(&ca->fd);
		return err_set(ERR_CONF, "root certificates: cannot read %s",
			path);
	}
	return ERR_OK;
}

void
tls_ca_close(struct tls_ca *ca)
{
	fs_close(&ca->fd);
}

/* Next byte of the file, or -1 at its end, or -2 if it cannot be read. */
static int
next_byte(struct tls_ca *ca)
{
	if (ca->at >= ca->n) {
		ca->at = 0;
		if (fs_read(ca->fd, ca_text, sizeof(ca_text), &ca->n) !=
			ERR_OK) {
			ca->n = 0;
			return -2;
		}
		if (ca->n == 0) {
			return -1;
		}
	}
	return (unsigned char)ca_text[ca->at++];
}

/* One line without its end, cut after cap - 1 bytes: the lines that mean
 * something here are short. Its length, or -1 or -2 as next_byte. */
static int
next_line(struct tls_ca *ca, char *line, int cap)
{
	int n = 0, c;

	for (;;) {
		c = next_byte(ca);
		if (c == -2 || (c == -1 && n == 0)) {
			return c;
		}
		if (c == '\n' || c == -1) {
			break;
		}
		if (c != '\r' && c != ' ' && c != '\t' && n < cap - 1) {
			line[n++] = (char)c;
		}
	}
	line[n] = '\0';
	return n;
}

/* Decodes base64 up to the END line into ca_der. ca->der_n is 0 if this is
 * no certificate that can be used. A line may end inside a group of four. */
static int
collect(struct tls_ca *ca)
{
	uint32_t bits = 0;
	int have = 0, c, v;
	bool good = true;

	ca->der_n = 0;
	for (;;) {
		c = next_byte(ca);
		if (c < 0) {
			ca->der_n = 0; /* torn */
			return c;
		}
		if (c == '-') {
			break;
		}
		v = base64_digit((char)c, '/');
		if (v < 0) {
			good = good && (c == '\n' || c == '\r' || c == ' ' ||
				c == '\t' || c == '=');
			continue;
		}
		bits = (bits << 6 | (uint32_t)v) & 0xFFFFFF;
		have += 6;
		if (have >= 8) {
			have -= 8;
			if (ca->der_n < sizeof(ca_der)) {
				ca_der[ca->der_n] = (char)(bits >> have);
			}
			ca->der_n++;
		}
	}
	if (ca->der_n > sizeof(ca_der)) {
		ca->too_long++;
		good = false;
	}
	if (!good) {
		ca->der_n = 0;
	}
	return 0;
}

static bool
is_issuer(struct span subject, const struct span *issuers, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++) {
		if (span_eq(issuers[i], subject)) {
			return true;
		}
	}
	return false;
}

enum err
tls_ca_next(struct tls_ca *ca, const struct span *issuers, size_t n,
	struct tls_cert *root)
{
	char line[40];
	int r;

	for (;;) {
		r = next_line(ca, line, (int)sizeof(line));
		if (r >= 0 && strcmp(line, "-----BEGINCERTIFICATE-----") != 0) {
			continue; /* blanks are dropped, also inside */
		}
		if (r >= 0) {
			r = collect(ca);
		}
		if (r == -1) {
			return ERR_END;
		}
		if (r < 0) {
			return err_set(ERR_CONF,
				"root certificates cannot be read");
		}
		if (ca->der_n > 0 &&
			tls_cert_parse(root, (struct span){ca_der, ca->der_n}) &&
			is_issuer(root->subject, issuers, n)) {
			return ERR_OK;
		}
	}
}
