/*
 * imap_set: the text of a uid-set, range by range.
 *
 * The last range stays open, because the next UID may extend it; only what
 * can no longer change is written. Every addition is first measured as if the
 * set were closed with it, so a set that took a UID can always be closed.
 */
#include "imap/imap_set.h"

static size_t
digits(uint32_t v)
{
	size_t n = 1;

	for (; v >= 10; v /= 10) {
		n++;
	}
	return n;
}

/* Room that lo:hi takes behind n bytes of text. */
static size_t
room(size_t n, uint32_t lo, uint32_t hi)
{
	return (n > 0 ? 1 : 0) + digits(lo) + (hi > lo ? 1 + digits(hi) : 0);
}

static void
close_range(struct imap_set *s)
{
	if (s->lo == 0) {
		return;
	}
	if (s->out.n > 0) {
		buf_char(&s->out, ',');
	}
	buf_u64(&s->out, s->lo);
	if (s->hi > s->lo) {
		buf_char(&s->out, ':');
		buf_u64(&s->out, s->hi);
	}
	s->lo = 0;
}

void
imap_set_init(struct imap_set *s, void *memory, size_t cap)
{
	*s = (struct imap_set){.lo = 0};
	buf_init(&s->out, memory, cap);
}

enum err
imap_set_add(struct imap_set *s, uint32_t uid)
{
	return imap_set_add_range(s, uid, uid);
}

enum err
imap_set_add_range(struct imap_set *s, uint32_t lo, uint32_t hi)
{
	bool extends = s->lo != 0 && lo == s->hi + 1;
	uint32_t from = extends ? s->lo : lo;
	size_t n = s->out.n;

	if (lo == 0 || lo > hi || lo <= s->hi) {
		return err_set(ERR_SYNTAX,
			"UIDs %lu:%lu do not continue a set that ends at %lu",
			(unsigned long)lo, (unsigned long)hi,
			(unsigned long)s->hi);
	}
	if (s->lo != 0 && !extends) {
		n += room(n, s->lo, s->hi);
	}
	if (n > s->out.cap || room(n, from, hi) > s->out.cap - n) {
		return err_set(ERR_LIMIT, "CFG_CMD_LINE: a set of UIDs is "
			"longer than %zu bytes", s->out.cap);
	}
	if (!extends) {
		close_range(s);
	}
	s->lo = from;
	s->hi = hi;
	s->count += hi - lo + 1;
	return ERR_OK;
}

struct span
imap_set_text(struct imap_set *s)
{
	close_range(s);
	s->hi = UINT32_MAX; /* nothing continues a set that was handed out */
	return buf_get(&s->out);
}
