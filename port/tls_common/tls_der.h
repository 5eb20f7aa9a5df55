/*
 * tls_der: the few fields of a certificate (RFC 5280 4.1) that wherry reads
 * itself, as spans into its DER. It judges no signature: that is the
 * library's. Never reads outside of what it was given.
 */
#ifndef WHERRY_PORT_TLS_DER_H
#define WHERRY_PORT_TLS_DER_H

#include "base/span.h"

enum {
	DER_BOOLEAN = 0x01,
	DER_INTEGER = 0x02,
	DER_BITS = 0x03,
	DER_OCTETS = 0x04,
	DER_OID = 0x06,
	DER_UTC_TIME = 0x17,
	DER_TIME = 0x18,
	DER_SEQUENCE = 0x30,
	DER_SET = 0x31,
	DER_NAME_DNS = 0x82, /* GeneralName, RFC 5280 4.2.1.6 */
	DER_NAME_IP = 0x87
};

/* Takes the next element off in: its tag and its contents. False at the end
 * and for anything malformed. */
bool tls_der_next(struct span *in, int *tag, struct span *value);
/* The same for an element that has to have this tag. */
bool tls_der_take(struct span *in, int tag, struct span *value);

struct tls_cert {
	struct span der;	     /* all of it */
	struct span serial;	     /* contents */
	struct span issuer, subject; /* elements, as they are compared */
	struct span key;	     /* contents of SubjectPublicKeyInfo */
	struct span names;	     /* GeneralNames in a row, may be empty */
	struct span purposes;	     /* OIDs in a row, may be empty */
	struct span from_text, until_text;
	int64_t from, until;	     /* seconds since 1970 UTC */
	int version;		     /* 1 to 3 */
	bool ca;		     /* may sign others; before v3 any may */
};

/* False if der is not one certificate and nothing else. */
bool tls_cert_parse(struct tls_cert *c, struct span der);
/* iPAddress names only (RFC 5280 4.2.1.6). */
bool tls_cert_names_ip(const struct tls_cert *c, struct span ip);
/* Whether its extended key usage, if it has one, lets it be a server. */
bool tls_cert_for_servers(const struct tls_cert *c);

#endif
