/* fuzz_maildir_name: for every name, what parse, reflag, strip and the base
 * codec promise. The first byte chooses the separator and a uidvalidity. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "maildir/maildir_name.h"

#define MD5 "7e33429f656f1e6e9d79b29c3f82c57e"

static void
must(int ok)
{
	if (!ok) {
		abort();
	}
}

static void
check_reflag(const struct maildir_name *m, struct span file, uint32_t flags,
	char sep)
{
	static char memory[2048];
	struct maildir_name k;
	struct buf b;

	BUF_INIT(&b, memory);
	maildir_name_reflag(&b, m, sep, flags);
	must(b.err == ERR_OK);
	if (m->infosep != 0 && flags == m->flags) {
		must(span_eq(buf_get(&b), file));
	}
	maildir_name_parse(&k, buf_get(&b), MD5, sep);
	must(k.flags == flags && span_eq(k.stem, m->stem) && k.uid == m->uid);
}

static void
check_base(struct span base, uint32_t uidvalidity)
{
	static char memory[2048];
	struct maildir_base d;
	struct buf b;

	maildir_base_parse(&d, base, uidvalidity);
	BUF_INIT(&b, memory);
	maildir_base_build(&b, &d);
	must(span_eq(buf_get(&b), base));
	must(d.kind != MAILDIR_OIMAP || d.pid < (uint32_t)1 << 22);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static char memory[2048];
	struct maildir_name m, k;
	struct span file;
	struct buf b;
	char sep;

	if (size < 1 || size > 1000) {
		return 0;
	}
	sep = data[0] & 1 ? '!' : ':';
	file = (struct span){(const char *)data + 1, size - 1};
	maildir_name_parse(&m, file, MD5, sep);
	check_reflag(&m, file, m.flags, sep);
	check_reflag(&m, file, m.flags ^ (data[0] & 31u), sep);
	check_reflag(&m, file, 0x7fffffff, sep);
	check_base(m.base, data[0]);
	if (m.ours && m.plain_stem && m.infosep == sep && !m.foreign_info) {
		BUF_INIT(&b, memory);
		maildir_name_build(&b, m.base, m.uid,
			m.stem.p + m.stem.n - 32, sep, m.flags);
		must(span_eq(buf_get(&b), file));
	}
	BUF_INIT(&b, memory);
	maildir_name_strip(&b, &m);
	maildir_name_parse(&k, buf_get(&b), MD5, sep);
	must(k.uid == 0 && !k.has_fmd5 && k.flags == m.flags);
	return 0;
}
