/*
 * fuzz_x509: what a hostile server or a damaged bundle feeds to the code that
 * reads certificates. The first byte chooses: DER as it came, or a PEM file.
 * Nothing may be read outside, and what is found has to lie inside.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "../unit/scratch.h"
#include "config.h"
#include "port/tls_common/tls_common.h"

static struct scratch dir;

static void
must(int ok)
{
	if (!ok) {
		abort();
	}
}

static void
inside(struct span s, struct span whole)
{
	must(s.n == 0 || (s.p >= whole.p && s.n <= whole.n &&
				 s.p + s.n <= whole.p + whole.n));
}

static void
tidy(void)
{
	scratch_free(&dir);
}

static void
fuzz_der(struct span der)
{
	static char text[3000];
	struct tls_verify v = {.host = "::1", .now = 1700000000};
	struct tls_cert c;
	struct buf b;

	BUF_INIT(&b, text);
	tls_describe(der, &b);
	for (size_t i = 0; i < b.n; i++) { /* fit for a terminal */
		must(text[i] == '\n' || (unsigned char)text[i] >= 0x20);
	}
	if (!tls_cert_parse(&c, der)) {
		return;
	}
	inside(c.serial, der);
	inside(c.issuer, der);
	inside(c.subject, der);
	inside(c.key, der);
	inside(c.names, der);
	inside(c.purposes, der);
	must(c.from_text.n >= 13 && c.until_text.n >= 13);
	must(c.version >= 1 && c.version <= 3);
	(void)tls_judge_leaf(&c, &v);
	(void)tls_judge_dates(&c, &v);
	/* an exact copy is that certificate, anything shorter is none */
	must(!tls_cert_parse(&c, span_upto(der, der.n - 1)));
}

static void
fuzz_pem(struct span text)
{
	char path[512];
	struct tls_verify v = {.ca_file = path};
	struct tls_cert root, first;
	struct span any;
	struct tls_ca ca;
	enum err e;

	scratch_path(&dir, "pem", path);
	scratch_write(&dir, "pem", text.p, text.n);
	if (tls_ca_open(&ca, &v) != ERR_OK) {
		return;
	}
	any = (struct span){"\x30\x00", 2}; /* an empty name */
	do {
		e = tls_ca_next(&ca, &any, 1, &root);
		if (e == ERR_OK) {
			must(root.der.n > 0 && root.der.n <= CFG_CERT_DER);
			must(tls_cert_parse(&first, root.der));
		}
	} while (e == ERR_OK);
	must(e == ERR_END);
	tls_ca_close(&ca);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span rest;

	if (dir.path[0] == '\0') {
		scratch_make(&dir);
		atexit(tidy);
	}
	if (size == 0) {
		return 0;
	}
	rest = (struct span){(const char *)data + 1, size - 1};
	if (data[0] % 2 == 0) {
		fuzz_der(rest);
	} else {
		fuzz_pem(rest);
	}
	return 0;
}
