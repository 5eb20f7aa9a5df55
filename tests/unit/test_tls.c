/*
 * TLS against `openssl s_server` on loopback, with certificates made here:
 * what is accepted, and above all what is not.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <ctype.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "io/io_stream.h"
#include "port/sys.h"

static char dir[64] = "/tmp/wherry-tls-XXXXXX";
static char detail[1024];
static struct io_stream s;
static pid_t server = -1;
static pid_t listener = -1;
static int64_t now; /* of verification */

static const char script[] =
	"set -e; exec >openssl.log 2>&1\n"
	"cat >ca.cnf <<'E'\n"
	"[ca]\ndefault_ca=d\n[d]\ndatabase=index\nserial=serial\n"
	"new_certs_dir=.\ndefault_md=sha256\npolicy=p\nunique_subject=no\n"
	"default_days=30\n[p]\ncommonName=supplied\n"
	"[req]\ndistinguished_name=n\nprompt=no\n[n]\n"
	"[root]\nbasicConstraints=critical,CA:TRUE\n"
	"[leaf]\nsubjectAltName=DNS:localhost,DNS:mail.example.org,"
	"DNS:*.wild.example.org,IP:127.0.0.1,IP:::1\n"
	"[client]\nsubjectAltName=DNS:localhost\nextendedKeyUsage=clientAuth\n"
	"[noip]\nsubjectAltName=DNS:localhost,DNS:127.0.0.1\n"
	"[big]\nsubjectAltName=@many\n[many]\n"
	"E\n"
	"i=0; while [ $i -lt $((DER / 20)) ]; do\n"
	"  echo \"DNS.$i=a-rather-long-name-$i.example.org\" >>ca.cnf\n"
	"  i=$((i+1)); done\n"
	": >index; echo 1000 >serial\n"
	"ec() { openssl ecparam -name prime256v1 -genkey -noout -out $1.key; }\n"
	"root() { ec $1; openssl req -x509 -new -key $1.key -subj \"/CN=$2\" \\\n"
	"  -config ca.cnf -extensions root -days 30 -out $1.pem; }\n"
	"sign() { openssl req -new -key $1.key -subj \"/CN=$2\" -config ca.cnf \\\n"
	"  -out $1.csr; a=$3; e=$4; o=$1; shift 4; openssl ca -batch -notext \\\n"
	"  -config ca.cnf -in $o.csr -cert $a.pem -keyfile $a.key \\\n"
	"  -extensions $e -out $o.pem \"$@\"; }\n"
	"leaf() { ec $1; sign \"$@\"; cat $1.pem $1.key >$1.both; }\n"
	"root ca 'Test Root'; root twin 'Test Root'; root other 'Other Root'\n"
	"ec mid; sign mid 'Test Intermediate' ca root\n"
	"leaf good localhost mid leaf\n"
	"leaf direct localhost ca leaf\n"
	"leaf old localhost ca leaf -startdate 20200101000000Z "
	"-enddate 20210101000000Z\n"
	"leaf new localhost ca leaf -startdate 20900101000000Z "
	"-enddate 20910101000000Z\n"
	"leaf client localhost ca client\n"
	"leaf noip 127.0.0.1 ca noip\n"
	"leaf big localhost ca big\n"
	"for i in 384 521; do\n"
	"  openssl ecparam -name secp${i}r1 -genkey -noout -out p$i.key\n"
	"  sign p$i localhost ca leaf; cat p$i.pem p$i.key >p$i.both; done\n"
	"openssl genrsa -out rsa.key 2048; sign rsa localhost ca leaf\n"
	"cat rsa.pem rsa.key >rsa.both\n"
	"openssl genrsa -out weak.key 1024; sign weak localhost ca leaf\n"
	"cat weak.pem weak.key >weak.both\n"
	"ec self; openssl req -x509 -new -key self.key -subj /CN=localhost \\\n"
	"  -config ca.cnf -extensions leaf -days 30 -out self.pem\n"
	"cat self.pem self.key >self.both\n"
	"i=0; : >many.pem; while [ $i -lt $CHAIN ]; do\n"
	"  cp many.pem full.pem; cat mid.pem >>many.pem; i=$((i+1)); done\n"
	/* a certificate of just that size: RSA signatures are of one length */
	"openssl genrsa -out long.key 2048; openssl req -x509 -new \\\n"
	"  -key long.key -subj '/CN=Long Root' -config ca.cnf \\\n"
	"  -extensions root -days 30 -out long.pem\n"
	"exact() { ec $1; n=$((DER / 2)); for i in 1 2 3; do\n"
	"  { cat ca.cnf; echo '[long]'; echo 'subjectAltName=DNS:localhost'\n"
	"    printf 'nsComment='; head -c $n /dev/zero | tr '\\0' x; echo\n"
	"  } >long.cnf\n"
	"  openssl req -new -key $1.key -subj /CN=localhost -config ca.cnf |\n"
	"  openssl ca -batch -notext -config long.cnf -in /dev/stdin \\\n"
	"    -cert long.pem -keyfile long.key -extensions long -out $1.pem\n"
	"  n=$((n + $2 - $(openssl x509 -in $1.pem -outform DER | wc -c)))\n"
	"  done; cat $1.pem $1.key >$1.both; }\n"
	"exact just $DER; exact over $((DER + 1))\n"
	"cat mid.pem ca.pem >chain.pem\n"
	"cat big.pem other.pem twin.pem ca.pem >bundle.pem\n"
	"sed 's/$/\\r/' ca.pem >crlf.pem\n"
	"openssl x509 -in ca.pem -text >text.pem\n"
	"sed '4s/./*/' ca.pem >broken.pem\n"
	"head -c 300 ca.pem >torn.pem; : >empty.pem\n"
	"for d in sha1 sha224 sha256 sha384 sha512; do\n"
	"  openssl x509 -in self.pem -outform DER | openssl dgst -$d -hex |\n"
	"  sed 's/.*= //' >self.$d; done\n";

static void
in_dir(char *out, size_t cap, const char *name)
{
	snprintf(out, cap, "%s/%s", dir, name);
}

static int
make_certificates(void **state)
{
	char path[128];
	FILE *f;

	(void)state;
	unsetenv("SSL_CERT_FILE");
	if (mkdtemp(dir) == NULL) {
		return -1;
	}
	in_dir(path, sizeof(path), "make.sh");
	f = fopen(path, "w");
	fputs(script, f);
	fclose(f);
	snprintf(path, sizeof(path), "cd %s && DER=%d CHAIN=%d sh ./make.sh",
		dir, CFG_CERT_DER, CFG_CERT_CHAIN);
	if (system(path) != 0) {
		snprintf(path, sizeof(path), "tail -5 %s/openssl.log >&2",
			dir);
		return system(path) == 0 ? -1 : -1;
	}
	now = sys_time();
	return 0;
}

static int
drop_certificates(void **state)
{
	char command[128];

	(void)state;
	snprintf(command, sizeof(command), "rm -rf %s", dir);
	return system(command);
}

/* s_server answers each line with the line reversed. Its port. */
static uint16_t
serve(const char *args)
{
	char command[512], line[256], *colon;
	int ends[2];
	FILE *f;
	uint16_t port = 0;

	assert_int_equal(pipe(ends), 0);
	snprintf(command, sizeof(command), "cd %s && exec openssl s_server "
		"-accept 127.0.0.1:0 -rev %s 2>server.log", dir, args);
	server = fork();
	if (server == 0) {
		dup2(ends[1], 1);
		close(ends[0]);
		close(ends[1]);
		execl("/bin/sh", "sh", "-c", command, (char *)NULL);
		_exit(127);
	}
	close(ends[1]);
	f = fdopen(ends[0], "r");
	while (port == 0 && fgets(line, sizeof(line), f) != NULL) {
		if (strncmp(line, "ACCEPT", 6) == 0 &&
			(colon = strrchr(line, ':')) != NULL) {
			port = (uint16_t)atoi(colon + 1);
		}
	}
	fclose(f);
	assert_int_not_equal(port, 0);
	return port;
}

static int
stop(void **state)
{
	(void)state;
	io_close(&s);
	if (server > 0) {
		kill(server, SIGKILL);
		waitpid(server, NULL, 0);
		server = -1;
	}
	return 0;
}

static enum err
pump(enum io_state state, size_t unread)
{
	int64_t end = sys_now_ms() + 20000, deadline;
	struct net_poll p;
	enum err e = ERR_OK;

	while (io_state(&s) != state || io_in(&s).n < unread) {
		e = io_step(&s, sys_now_ms());
		if (e != ERR_OK && e != ERR_AGAIN) {
			return e;
		}
		assert_true(sys_now_ms() < end);
		if (e == ERR_AGAIN && !io_ready(&s)) {
			p.fd = io_poll_fd(&s, &p.want, &deadline);
			net_poll(&p, 1, 1000);
		}
	}
	return ERR_OK;
}

/* Connects to a server of its own; what verification said. */
static enum err
try(const char *args, const char *host, const char *ca, const char *prints)
{
	char path[128];
	struct tls_verify v = {.host = host, .ca_file = ca,
		.fingerprints = prints, .now = now};
	uint16_t port = serve(args);
	enum err e;

	if (ca != NULL && ca[0] != '\0' && ca[0] != '/' &&
		strcmp(ca, "OS-DEFAULT") != 0) {
		in_dir(path, sizeof(path), ca);
		v.ca_file = path;
	}
	e = io_open(&s, "127.0.0.1", port, true, &v, sys_now_ms(), 10000);
	if (e == ERR_OK) {
		e = pump(IO_UP, 0);
	}
	snprintf(detail, sizeof(detail), "%s", err_detail());
	if (e == ERR_OK) {
		assert_true(io_is_tls(&s));
		assert_int_equal(io_put(&s, "hello\n", 6), ERR_OK);
		assert_int_equal(pump(IO_UP, 6), ERR_OK);
		assert_true(span_is(io_in(&s), "olleh\n"));
	} else {
		size_t n = 99;
		char c;

		assert_false(io_is_tls(&s));
		if (s.tls != NULL) {
			assert_int_equal(tls_write(s.tls, "x", 1, &n), e);
			assert_int_equal(n, 0);
			assert_int_equal(tls_read(s.tls, &c, 1, &n), e);
		}
	}
	stop(NULL);
	return e;
}

#define GOOD "-cert good.both -cert_chain mid.pem"
#define DIRECT "-cert direct.both"
#define SELF "-cert self.both"

static void
expect_detail(const char *part)
{
	if (strstr(detail, part) == NULL) {
		fail_msg("\"%s\" is not in \"%s\"", part, detail);
	}
}

static void
good_chains(void **state)
{
	(void)state;
	assert_int_equal(try(GOOD, "localhost", "ca.pem", NULL), ERR_OK);
	assert_int_equal(try(GOOD, "mail.example.org", "ca.pem", ""), ERR_OK);
	assert_int_equal(try(GOOD, "LOCALHOST", "ca.pem", NULL), ERR_OK);
	assert_int_equal(try(GOOD, "a.wild.example.org", "ca.pem", NULL),
		ERR_OK);
	assert_int_equal(try(DIRECT, "localhost", "ca.pem", NULL), ERR_OK);
	/* the root is sent too */
	assert_int_equal(try("-cert good.both -cert_chain chain.pem",
				 "localhost", "ca.pem", NULL), ERR_OK);
	assert_int_equal(try("-cert rsa.both", "localhost", "ca.pem", NULL),
		ERR_OK);
	assert_int_equal(try("-cert rsa.both -tls1_2", "localhost", "ca.pem",
				 NULL), ERR_OK);
	assert_int_equal(try(GOOD " -tls1_2", "localhost", "ca.pem", NULL),
		ERR_OK);
}

static void
files_of_roots(void **state)
{
	(void)state;
	/* two roots of one name, the wrong one first, and one too long */
	assert_int_equal(try(GOOD, "localhost", "bundle.pem", NULL), ERR_OK);
	assert_int_equal(try(GOOD, "localhost", "crlf.pem", NULL), ERR_OK);
	assert_int_equal(try(GOOD, "localhost", "text.pem", NULL), ERR_OK);
	assert_int_equal(try(GOOD, "localhost", "broken.pem", NULL), ERR_CERT);
	assert_int_equal(try(GOOD, "localhost", "torn.pem", NULL), ERR_CERT);
	assert_int_equal(try(GOOD, "localhost", "empty.pem", NULL), ERR_CERT);
	assert_int_equal(try(GOOD, "localhost", "none.pem", NULL), ERR_CONF);
	expect_detail("none.pem");
	assert_int_equal(try(GOOD, "localhost", "/tmp", NULL), ERR_CONF);
	expect_detail("/tmp");
}

static void
wrong_host(void **state)
{
	(void)state;
	assert_int_equal(try(GOOD, "imap.example.org", "ca.pem", NULL),
		ERR_CERT);
	expect_detail("another host name");
	expect_detail("imap.example.org");
	assert_int_equal(try(GOOD, "a.b.wild.example.org", "ca.pem", NULL),
		ERR_CERT);
	assert_int_equal(try(GOOD, "wild.example.org", "ca.pem", NULL),
		ERR_CERT);
	assert_int_equal(try(GOOD, "", "ca.pem", NULL), ERR_CONF);
	assert_int_equal(try(GOOD, NULL, "ca.pem", NULL), ERR_CONF);
}

static void
addresses(void **state)
{
	(void)state;
	assert_int_equal(try(GOOD, "127.0.0.1", "ca.pem", NULL), ERR_OK);
	assert_int_equal(try(GOOD, "::1", "ca.pem", NULL), ERR_OK);
	assert_int_equal(try(GOOD, "127.0.0.2", "ca.pem", NULL), ERR_CERT);
	expect_detail("another host name");
	/* the address as a DNS name is no address */
	assert_int_equal(try("-cert noip.both", "127.0.0.1", "ca.pem", NULL),
		ERR_CERT);
}

static void
unknown_roots(void **state)
{
	(void)state;
	assert_int_equal(try(GOOD, "localhost", "other.pem", NULL), ERR_CERT);
	expect_detail("no root");
	/* same name, other key */
	assert_int_equal(try(GOOD, "localhost", "twin.pem", NULL), ERR_CERT);
	expect_detail("no root");
	/* without the intermediate there is no path */
	assert_int_equal(try("-cert good.both", "localhost", "ca.pem", NULL),
		ERR_CERT);
	/* another leaf in the file vouches for nothing */
	assert_int_equal(try(GOOD, "localhost", "direct.pem", NULL), ERR_CERT);
	assert_int_equal(try(SELF, "localhost", "ca.pem", NULL), ERR_CERT);
	/* both failures are told */
	assert_int_equal(try(GOOD, "nobody", "other.pem", NULL), ERR_CERT);
	expect_detail("no root");
	expect_detail("another host name");
}

static void
self_signed(void **state)
{
	(void)state;
	assert_int_equal(try(SELF, "localhost", "self.pem", NULL), ERR_OK);
	assert_int_equal(try(SELF, "nobody", "self.pem", NULL), ERR_CERT);
	expect_detail("another host name");
}

static void
times(void **state)
{
	(void)state;
	assert_int_equal(try("-cert old.both", "localhost", "ca.pem", NULL),
		ERR_CERT);
	expect_detail("expired");
	assert_int_equal(try("-cert new.both", "localhost", "ca.pem", NULL),
		ERR_CLOCK);
	expect_detail("clock");
	/* not yet valid AND for somebody else is no matter of the clock */
	assert_int_equal(try("-cert new.both", "nobody", "ca.pem", NULL),
		ERR_CERT);
	expect_detail("another host name");
	expect_detail("not valid yet");
	assert_int_equal(try("-cert new.both", "localhost", "other.pem", NULL),
		ERR_CERT);
	assert_int_equal(try("-cert new.both", "localhost", "twin.pem", NULL),
		ERR_CERT);
}

/* The time is the caller's, whatever the machine's clock says. */
static void
times_given(void **state)
{
	const int64_t real = now;

	(void)state;
	now = 0;
	assert_int_equal(try(GOOD, "localhost", "ca.pem", NULL), ERR_CLOCK);
	assert_int_equal(try(SELF, "localhost", "self.pem", NULL), ERR_CLOCK);
	assert_int_equal(try(GOOD, "nobody", "ca.pem", NULL), ERR_CERT);
	now = real + 10000 * (int64_t)86400;
	assert_int_equal(try(GOOD, "localhost", "ca.pem", NULL), ERR_CERT);
	expect_detail("expired");
	assert_int_equal(try("-cert old.both", "localhost", "ca.pem", NULL),
		ERR_CERT);
	now = 1600000000; /* in 2020: the leaf holds, its root does not yet */
	assert_int_equal(try("-cert old.both", "localhost", "ca.pem", NULL),
		ERR_CLOCK);
	now = 3786825600 + 86400; /* in 2090: the root has expired by then */
	assert_int_equal(try("-cert new.both", "localhost", "ca.pem", NULL),
		ERR_CERT);
	expect_detail("expired");
	now = real;
}

static void
purposes(void **state)
{
	(void)state;
	assert_int_equal(try("-cert client.both", "localhost", "ca.pem",
				 NULL), ERR_CERT);
	expect_detail("not for servers");
	assert_int_equal(try("-cert weak.both -cipher DEFAULT@SECLEVEL=0",
				 "localhost", "ca.pem", NULL), ERR_CERT);
	expect_detail("weak");
}

static void
system_roots(void **state)
{
	char path[128];

	(void)state;
	in_dir(path, sizeof(path), "ca.pem");
	setenv("SSL_CERT_FILE", path, 1);
	assert_string_equal(tls_system_ca(), path);
	assert_int_equal(try(GOOD, "localhost", NULL, NULL), ERR_OK);
	assert_int_equal(try(GOOD, "localhost", "OS-DEFAULT", NULL), ERR_OK);
	in_dir(path, sizeof(path), "other.pem");
	setenv("SSL_CERT_FILE", path, 1);
	assert_int_equal(try(GOOD, "localhost", "", ""), ERR_CERT);
	setenv("SSL_CERT_FILE", "/no/such/bundle", 1);
	assert_int_equal(try(GOOD, "localhost", NULL, NULL), ERR_CONF);
	expect_detail("/no/such/bundle");
	unsetenv("SSL_CERT_FILE");
	if (tls_system_ca()[0] != '\0') {
		assert_int_equal(access(tls_system_ca(), R_OK), 0);
		assert_int_equal(try(GOOD, "localhost", NULL, NULL), ERR_CERT);
	}
}

static void
read_print(char *out, const char *digest)
{
	char path[128];
	FILE *f;

	snprintf(path, sizeof(path), "%s/self.%s", dir, digest);
	f = fopen(path, "r");
	assert_non_null(f);
	assert_non_null(fgets(out, 200, f));
	fclose(f);
	out[strcspn(out, "\n")] = '\0';
}

static void
fingerprints(void **state)
{
	static const char *const kinds[] = {"sha1", "sha224", "sha256",
		"sha384", "sha512"};
	char print[200], fancy[800], last;
	size_t i, k, n;

	(void)state;
	for (k = 0; k < 5; k++) {
		read_print(print, kinds[k]);
		assert_int_equal(try(SELF, "nobody", NULL, print), ERR_OK);
		/* AA:BB: cc, in a list */
		n = (size_t)sprintf(fancy, "%040d, ", 0);
		for (i = 0; print[i] != '\0'; i++) {
			if (i > 0 && i % 2 == 0) {
				fancy[n++] = ':';
			}
			fancy[n++] = (char)(i % 3 ? toupper(print[i]) :
						    print[i]);
		}
		strcpy(fancy + n, " ,");
		assert_int_equal(try(SELF, NULL, "", fancy), ERR_OK);
		/* one digit off */
		last = print[strlen(print) - 1];
		print[strlen(print) - 1] = last == '0' ? '1' : '0';
		assert_int_equal(try(SELF, "localhost", NULL, print),
			ERR_CERT);
		expect_detail("matches no cert_fingerprint");
		print[strlen(print) - 1] = '\0'; /* and one short */
		assert_int_equal(try(SELF, "localhost", NULL, print),
			ERR_CONF);
	}
	assert_int_equal(try(SELF, "localhost", NULL, "zz"), ERR_CONF);
	expect_detail("\"zz\"");
	assert_int_equal(try(SELF, "localhost", NULL, ","), ERR_CONF);
	assert_int_equal(try(SELF, "localhost", NULL, "ab"), ERR_CONF);
	memset(fancy, 'a', 130);
	fancy[130] = '\0';
	assert_int_equal(try(SELF, "localhost", NULL, fancy), ERR_CONF);
	/* a good one does not excuse a bad one behind it */
	read_print(print, "sha256");
	strcat(print, ",xx");
	assert_int_equal(try(SELF, "localhost", NULL, print), ERR_CONF);
}

static void
both_must_hold(void **state)
{
	char print[200];

	(void)state;
	read_print(print, "sha256");
	assert_int_equal(try(SELF, "localhost", "self.pem", print), ERR_OK);
	assert_int_equal(try(SELF, "localhost", "ca.pem", print), ERR_CERT);
	assert_int_equal(try(SELF, "nobody", "self.pem", print), ERR_CERT);
	assert_int_equal(try(DIRECT, "localhost", "ca.pem", print), ERR_CERT);
	/* the digest of a certificate that is not the leaf is not enough */
	assert_int_equal(try("-cert direct.both -cert_chain self.pem",
				 "localhost", NULL, print), ERR_CERT);
}

static void
limits(void **state)
{
	char print[200];

	(void)state;
	assert_int_equal(try("-cert big.both", "localhost", "ca.pem", NULL),
		ERR_LIMIT);
	expect_detail("CFG_CERT_DER");
	read_print(print, "sha256");
	assert_int_equal(try("-cert big.both", "localhost", NULL, print),
		ERR_LIMIT);
	assert_int_equal(try("-cert just.both", "localhost", "long.pem",
				 NULL), ERR_OK);
	assert_int_equal(try("-cert over.both", "localhost", "long.pem",
				 NULL), ERR_LIMIT);
	expect_detail("CFG_CERT_DER");
	/* the leaf and as many as are left */
	if (CFG_CERT_CHAIN > 1) {
		assert_int_equal(try("-cert direct.both -cert_chain full.pem",
					 "localhost", "ca.pem", NULL), ERR_OK);
	}
	assert_int_equal(try("-cert direct.both -cert_chain many.pem",
				 "localhost", "ca.pem", NULL), ERR_LIMIT);
	expect_detail("CFG_CERT_CHAIN");
	assert_int_equal(try("-cert self.both -cert_chain many.pem",
				 "localhost", NULL, print), ERR_LIMIT);
}

/* One message of the handshake in several records. */
static void
fragments(void **state)
{
	bool can = (tls_features() & TLS_HAS_FRAGMENTS) != 0;

	(void)state;
	assert_int_equal(try(GOOD " -tls1_2 -max_send_frag 512", "localhost",
				 "ca.pem", NULL), can ? ERR_OK : ERR_TLS);
	if (!can) {
		expect_detail("fragmented");
	}
}

static void
versions(void **state)
{
	bool can = (tls_features() & TLS_HAS_13) != 0;

	(void)state;
	assert_true((tls_features() & TLS_HAS_12) != 0);
	/* 3.6.6 needs a second connection for such a server; that must not keep
	 * it from TLS 1.3 with others */
	assert_int_equal(try("-cert rsa.both -tls1_2", "mail.example.org",
				 "ca.pem", NULL), ERR_OK);
	assert_int_equal(try(GOOD " -tls1_3", "localhost", "ca.pem", NULL),
		can ? ERR_OK : ERR_TLS);
	assert_int_equal(try("-cert rsa.both -tls1_3", "localhost", "ca.pem",
				 NULL), can ? ERR_OK : ERR_TLS);
	assert_int_equal(try("-cert rsa.both -tls1_3", "nobody", "ca.pem",
				 NULL), can ? ERR_CERT : ERR_TLS);
}

static void
ciphers(void **state)
{
	static const char *const all[] = {
		GOOD " -tls1_2 -cipher ECDHE-ECDSA-CHACHA20-POLY1305",
		GOOD " -tls1_2 -cipher ECDHE-ECDSA-AES128-GCM-SHA256",
		GOOD " -tls1_2 -cipher ECDHE-ECDSA-AES256-GCM-SHA384",
		"-cert rsa.both -tls1_2 -cipher ECDHE-RSA-CHACHA20-POLY1305",
		"-cert rsa.both -tls1_2 -cipher ECDHE-RSA-AES128-GCM-SHA256",
		"-cert rsa.both -tls1_2 -cipher ECDHE-RSA-AES256-GCM-SHA384",
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		assert_int_equal(try(all[i], "localhost", "ca.pem", NULL),
			ERR_OK);
	}
}

/* Each for the exchange of keys, and those that sign. */
static void
curves(void **state)
{
	static const char *const all[] = {
		"-cert rsa.both -tls1_2 -groups P-256",
		"-cert rsa.both -tls1_2 -groups P-384",
		"-cert rsa.both -tls1_2 -groups P-521",
		"-cert rsa.both -tls1_2 -groups X25519",
		"-cert p384.both -tls1_2",
		"-cert p521.both -tls1_2",
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		assert_int_equal(try(all[i], "localhost", "ca.pem", NULL),
			ERR_OK);
	}
}

static void
old_ciphers(void **state)
{
	static const char *const all[] = {
		GOOD " -tls1_2 -cipher ECDHE-ECDSA-AES128-SHA256",
		GOOD " -tls1_2 -cipher ECDHE-ECDSA-AES256-SHA384",
		"-cert rsa.both -tls1_2 -cipher ECDHE-RSA-AES128-SHA",
		"-cert rsa.both -tls1_2 -cipher AES128-GCM-SHA256",
		"-cert rsa.both -tls1_2 -cipher AES256-SHA",
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		assert_int_equal(try(all[i], "localhost", "ca.pem", NULL),
			CFG_OLD_CIPHERS ? ERR_OK : ERR_TLS);
	}
	assert_int_equal(try("-cert rsa.both -tls1_2 -cipher "
				 "ADH-AES128-SHA256@SECLEVEL=0", "localhost",
				 "ca.pem", NULL), ERR_TLS);
}

/* Sits between us and the server and keeps what we send, in the file sent. */
static uint16_t
eavesdrop(uint16_t server_port)
{
	struct sockaddr_in a = {.sin_family = AF_INET};
	socklen_t n = sizeof(a);
	struct pollfd p[2];
	char path[128], text[4096];
	int l = socket(AF_INET, SOCK_STREAM, 0), i;
	ssize_t got;
	FILE *f;

	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_int_equal(bind(l, (void *)&a, sizeof(a)), 0);
	assert_int_equal(listen(l, 1), 0);
	assert_int_equal(getsockname(l, (void *)&a, &n), 0);
	listener = fork();
	if (listener != 0) {
		close(l);
		return ntohs(a.sin_port);
	}
	in_dir(path, sizeof(path), "sent");
	f = fopen(path, "w");
	p[0].fd = accept(l, NULL, NULL);
	p[1].fd = socket(AF_INET, SOCK_STREAM, 0);
	p[0].events = p[1].events = POLLIN;
	a.sin_port = htons(server_port);
	if (connect(p[1].fd, (void *)&a, sizeof(a)) != 0) {
		_exit(1);
	}
	while (poll(p, 2, -1) > 0) {
		for (i = 0; i < 2; i++) {
			if (p[i].revents == 0) {
				continue;
			}
			got = read(p[i].fd, text, sizeof(text));
			if (got <= 0) {
				fclose(f);
				_exit(0);
			}
			if (i == 0) {
				fwrite(text, 1, (size_t)got, f);
			}
			if (write(p[1 - i].fd, text, (size_t)got) != got) {
				_exit(1);
			}
		}
	}
	_exit(1);
}

/* How many TLS records of that type we sent. */
static unsigned
sent_records(int type)
{
	static unsigned char text[65536];
	char path[128];
	size_t n, at = 0;
	unsigned found = 0;
	FILE *f;

	waitpid(listener, NULL, 0);
	in_dir(path, sizeof(path), "sent");
	f = fopen(path, "r");
	assert_non_null(f);
	n = fread(text, 1, sizeof(text), f);
	fclose(f);
	assert_true(n > 5);
	while (at + 5 <= n) {
		found += text[at] == type;
		at += 5 + (size_t)(text[at + 3] << 8 | text[at + 4]);
	}
	return found;
}

/* Data that is handed over before the handshake is even begun leaves after
 * verification or not at all. In TLS 1.2 the type of a record is to be seen. */
static void
nothing_before_verification(void **state)
{
	enum { DATA = 23 };
	char path[128];
	struct tls_verify v = {.ca_file = path, .now = now};
	size_t n;
	int i;

	(void)state;
	in_dir(path, sizeof(path), "ca.pem");
	for (i = 0; i < 2; i++) {
		v.host = i == 0 ? "localhost" : "nobody";
		assert_int_equal(io_open(&s, "127.0.0.1",
			eavesdrop(serve(GOOD " -tls1_2")), true, &v,
			sys_now_ms(), 10000), ERR_OK);
		assert_int_equal(io_put(&s, "secret\n", 7), ERR_OK);
		if (i == 0) {
			assert_int_equal(pump(IO_UP, 7), ERR_OK);
			stop(NULL);
			assert_true(sent_records(DATA) > 0);
			continue;
		}
		while (s.tls == NULL) {
			assert_int_equal(pump(IO_HANDSHAKE, 0), ERR_OK);
		}
		assert_int_equal(tls_write(s.tls, "x", 1, &n), ERR_PRIVACY);
		assert_int_equal(pump(IO_UP, 0), ERR_CERT);
		assert_int_equal(tls_write(s.tls, "x", 1, &n), ERR_CERT);
		stop(NULL);
		assert_int_equal(sent_records(DATA), 0);
	}
}

/* The end of a connection is one, said or not. */
static void
ends(void **state)
{
	char path[128], c;
	struct tls_verify v = {.host = "localhost", .ca_file = path,
		.now = now};
	size_t n = 1;
	enum err e;
	int i;

	(void)state;
	in_dir(path, sizeof(path), "ca.pem");
	for (i = 0; i < 2; i++) {
		assert_int_equal(io_open(&s, "127.0.0.1",
			serve(GOOD " -tls1_2"), true, &v, sys_now_ms(),
			10000), ERR_OK);
		assert_int_equal(pump(IO_UP, 0), ERR_OK);
		if (i == 0) { /* s_server says close_notify then */
			e = tls_write(s.tls, "CLOSE\n", 6, &n);
			assert_int_equal(e, ERR_OK);
		} else {
			kill(server, SIGKILL);
		}
		do {
			e = tls_read(s.tls, &c, 1, &n);
		} while (e == ERR_AGAIN);
		assert_int_equal(e, ERR_END);
		assert_int_equal(n, 0);
		stop(NULL);
	}
}

static void
old_versions(void **state)
{
	(void)state;
	assert_int_equal(try("-cert rsa.both -tls1_1 "
				 "-cipher DEFAULT@SECLEVEL=0", "localhost",
				 "ca.pem", NULL), ERR_TLS);
}

static void
shown_but_not_trusted(void **state)
{
	struct tls_verify v = {.host = "localhost", .trust_nothing = true};
	static char text[6144];
	struct buf b;
	char c, print[200], *p;
	size_t n, i;

	(void)state;
	assert_int_equal(io_open(&s, "127.0.0.1", serve(SELF), true, &v,
				 sys_now_ms(), 10000), ERR_OK);
	assert_int_equal(pump(IO_UP, 0), ERR_OK);
	assert_int_equal(tls_write(s.tls, "x", 1, &n), ERR_PRIVACY);
	assert_int_equal(tls_read(s.tls, &c, 1, &n), ERR_PRIVACY);
	BUF_INIT(&b, text);
	assert_int_equal(tls_describe_peer(s.tls, &b), ERR_OK);
	buf_cstr(&b);
	assert_non_null(strstr(text, "subject:     CN=localhost\n"));
	assert_non_null(strstr(text, "issuer:      CN=localhost\n"));
	assert_non_null(strstr(text, "names:       localhost, mail.example.org,"
		" *.wild.example.org, 127.0.0.1, "
		"0000:0000:0000:0000:0000:0000:0000:0001\n"));
	assert_non_null(strstr(text, "valid until: 20"));
	BUF_INIT(&b, text);
	assert_int_equal(tls_fingerprint(s.tls, &b), ERR_OK);
	p = (char *)(uintptr_t)buf_cstr(&b);
	read_print(print, "sha256");
	for (i = 0, n = 0; p[i] != '\0'; i++) {
		if (p[i] != ':') {
			assert_int_equal(tolower(p[i]), print[n++]);
		}
	}
	assert_int_equal(n, 64);
	assert_int_equal(b.n, 95);
	BUF_INIT(&b, text);
	assert_int_equal(tls_peer_pem(s.tls, 0, &b), ERR_OK);
	char have[4096], path[128];
	in_dir(path, sizeof(path), "self.pem");
	FILE *f = fopen(path, "r");
	n = fread(have, 1, sizeof(have), f);
	fclose(f);
	assert_int_equal(n, b.n);
	assert_memory_equal(have, text, n);
	assert_int_equal(tls_peer_pem(s.tls, 1, &b), ERR_END);
	b = (struct buf){.p = text, .cap = 100};
	assert_int_equal(tls_peer_pem(s.tls, 0, &b), ERR_LIMIT);
}

/* show-cert also has to explain a peer that was refused. */
static void
refused_but_described(void **state)
{
	char path[128], text[2048];
	struct tls_verify v = {.host = "nobody", .ca_file = path,
		.now = now};
	struct buf b;

	(void)state;
	in_dir(path, sizeof(path), "ca.pem");
	assert_int_equal(io_open(&s, "127.0.0.1", serve(GOOD), true, &v,
				 sys_now_ms(), 10000), ERR_OK);
	assert_int_equal(pump(IO_UP, 0), ERR_CERT);
	BUF_INIT(&b, text);
	assert_int_equal(tls_describe_peer(s.tls, &b), ERR_OK);
	assert_non_null(strstr(buf_cstr(&b), "issuer:      CN=Test Inter"));
}

/* The server sleeps while much is written, so that writes have to be repeated
 * with more behind them than at first. */
static void
bulk(void **state)
{
	enum { LINES = 4000, LINE = 500 };
	char path[128], line[LINE + 1];
	struct tls_verify v = {.host = "localhost", .ca_file = path,
		.now = now};
	int64_t end = sys_now_ms() + 60000;
	size_t sent = 0, got = 0, i;
	int quiet = 0, small = 4096;
	struct span in;

	(void)state;
	in_dir(path, sizeof(path), "ca.pem");
	assert_int_equal(io_open(&s, "127.0.0.1", serve(GOOD), true, &v,
				 sys_now_ms(), 10000), ERR_OK);
	assert_int_equal(pump(IO_UP, 0), ERR_OK);
	/* or the kernel would take all of it */
	assert_int_equal(setsockopt(s.fd, SOL_SOCKET, SO_SNDBUF, &small,
				 sizeof(small)), 0);
	kill(server, SIGSTOP);
	while (got < LINES && sys_now_ms() < end) {
		if (sent < LINES && io_room(&s) >= LINE) {
			/* nearly a palindrome: comes back as it was sent */
			memset(line, 'a' + (int)(sent % 26), LINE);
			line[LINE - 1] = '\n';
			assert_int_equal(io_put(&s, line, LINE), ERR_OK);
			sent++;
		}
		enum err e = io_step(&s, sys_now_ms());
		assert_true(e == ERR_OK || e == ERR_AGAIN);
		quiet = e == ERR_AGAIN ? quiet + 1 : 0;
		if (quiet == 50) {
			kill(server, SIGCONT);
		}
		if (quiet > 50) {
			usleep(1000);
		}
		in = io_in(&s);
		while (in.n >= LINE) {
			for (i = 0; i < LINE - 1; i++) {
				assert_int_equal(in.p[i],
					'a' + (int)(got % 26));
			}
			assert_int_equal(in.p[LINE - 1], '\n');
			io_ack(&s, LINE);
			in = io_in(&s);
			got++;
		}
	}
	assert_int_equal(got, LINES);
	assert_int_equal(s.counts.tx, LINES * LINE);
	assert_int_equal(s.counts.rx, LINES * LINE);
}

/* Nobody reads: not the server before we take its answers, and so not we
 * either, if a write that is stuck kept us from reading. */
static void
reads_while_a_write_is_stuck(void **state)
{
	char path[128], line[500], have[100];
	struct tls_verify v = {.host = "localhost", .ca_file = path,
		.now = now};
	int64_t stuck = 0;
	int small = 4096;
	size_t n;
	enum err e;

	(void)state;
	in_dir(path, sizeof(path), "ca.pem");
	assert_int_equal(io_open(&s, "127.0.0.1", serve(GOOD), true, &v,
				 sys_now_ms(), 10000), ERR_OK);
	assert_int_equal(pump(IO_UP, 0), ERR_OK);
	assert_int_equal(setsockopt(s.fd, SOL_SOCKET, SO_SNDBUF, &small,
				 sizeof(small)), 0);
	assert_int_equal(setsockopt(s.fd, SOL_SOCKET, SO_RCVBUF, &small,
				 sizeof(small)), 0);
	memset(line, 'x', sizeof(line));
	line[sizeof(line) - 1] = '\n';
	while (stuck == 0 || sys_now_ms() < stuck + 500) {
		e = tls_write(s.tls, line, sizeof(line), &n);
		if (e == ERR_OK) {
			stuck = 0;
			continue;
		}
		assert_int_equal(e, ERR_AGAIN);
		assert_true((tls_want(s.tls) & NET_OUT) != 0);
		stuck = stuck == 0 ? sys_now_ms() : stuck;
		usleep(1000);
	}
	do { /* the server may not have got so far */
		e = tls_read(s.tls, have, sizeof(have), &n);
	} while (e == ERR_AGAIN && sys_now_ms() < stuck + 20000);
	assert_int_equal(e, ERR_OK);
	assert_true(n > 0);
}

static void
slots(void **state)
{
	struct tls *t[CFG_CONNECTIONS], *more;
	struct tls_verify v = {.host = "x", .trust_nothing = true};
	size_t i;

	(void)state;
	for (i = 0; i < CFG_CONNECTIONS; i++) {
		assert_int_equal(tls_open(&t[i], 0, &v), ERR_OK);
	}
	assert_int_equal(tls_open(&more, 0, &v), ERR_LIMIT);
	assert_null(more);
	assert_non_null(strstr(err_detail(), "CFG_CONNECTIONS"));
	tls_close(&t[0]);
	assert_null(t[0]);
	assert_int_equal(tls_open(&t[0], 0, &v), ERR_OK);
	/* no handshake yet: nothing to describe */
	char text[100];
	struct buf b;
	BUF_INIT(&b, text);
	assert_int_equal(tls_describe_peer(t[0], &b), ERR_NOENT);
	assert_int_equal(tls_peer_pem(t[0], 0, &b), ERR_END);
	for (i = 0; i < CFG_CONNECTIONS; i++) {
		tls_close(&t[i]);
	}
	tls_close(&more);
	assert_true(tls_version()[0] != '\0');
}

/* Refused before a connection is made, with what to do instead; what is not
 * encrypted stays on this machine. */
static void
built_without(void **state)
{
	struct tls_verify v = {.host = "192.0.2.1", .trust_nothing = true};
	struct tls *t = (void *)&v;

	(void)state;
	assert_int_equal(tls_open(&t, 0, &v), ERR_UNSUPPORTED);
	assert_null(t);
	assert_non_null(strstr(err_detail(), "ssl = no"));
	assert_string_equal(tls_system_ca(), "");
	io_open(&s, "192.0.2.1", 993, true, &v, sys_now_ms(), 1000);
	assert_int_equal(pump(IO_UP, 0), ERR_UNSUPPORTED);
	stop(NULL);
	io_open(&s, "192.0.2.1", 143, false, &v, sys_now_ms(), 1000);
	assert_int_equal(pump(IO_UP, 0), ERR_PRIVACY);
	assert_non_null(strstr(err_detail(), "without TLS"));
	stop(NULL);
	/* nobody listens there, but it may be tried */
	io_open(&s, "127.0.0.1", 9, false, &v, sys_now_ms(), 1000);
	assert_int_equal(pump(IO_UP, 0), ERR_NET);
	stop(NULL);
	io_open(&s, "::1", 9, false, &v, sys_now_ms(), 1000);
	assert_int_equal(pump(IO_UP, 0), ERR_NET);
}

#define CASE(f) cmocka_unit_test_teardown(f, stop)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(good_chains),
		CASE(files_of_roots),
		CASE(wrong_host),
		CASE(addresses),
		CASE(unknown_roots),
		CASE(self_signed),
		CASE(times),
		CASE(times_given),
		CASE(purposes),
		CASE(system_roots),
		CASE(fingerprints),
		CASE(both_must_hold),
		CASE(limits),
		CASE(old_versions),
		CASE(versions),
		CASE(fragments),
		CASE(ciphers),
		CASE(curves),
		CASE(old_ciphers),
		CASE(nothing_before_verification),
		CASE(ends),
		CASE(shown_but_not_trusted),
		CASE(refused_but_described),
		CASE(bulk),
		CASE(reads_while_a_write_is_stuck),
		CASE(slots),
	};

	const struct CMUnitTest without[] = {
		CASE(built_without),
	};

	signal(SIGPIPE, SIG_IGN);
	if (tls_features() == 0) {
		return cmocka_run_group_tests(without, NULL, NULL);
	}
	return cmocka_run_group_tests(tests, make_certificates,
		drop_certificates);
}
