/*
 * imap_events: events of imap_resp as lines of text, so that a test is a
 * transcript and its events, and two ways of feeding can be compared.
 * Consecutive BODY_DATA are joined, as their sizes depend on the feeding.
 */
#ifndef WHERRY_TEST_IMAP_EVENTS_H
#define WHERRY_TEST_IMAP_EVENTS_H

#include "base/buf.h"
#include "base/codec.h"
#include "imap/imap_resp.h"

struct events {
	struct buf out;
	bool in_data, quiet; /* quiet: count, write nothing */
	uint64_t count, data_bytes;
};

static inline void
events_quoted(struct buf *b, const char *label, struct span s)
{
	buf_fmt(b, " %s\"", label);
	escape(b, s);
	buf_char(b, '"');
}

static inline void
events_status(struct buf *b, const struct imap_event *ev)
{
	static const char *const words[] = {"OK", "NO", "BAD", "PREAUTH",
		"BYE"};

	buf_fmt(b, " %s", words[ev->status]);
	if (ev->code != IMAP_CODE_NONE) {
		buf_fmt(b, " code %d", (int)ev->code);
	}
	if (ev->value != 0) {
		buf_fmt(b, " value %llu", (unsigned long long)ev->value);
	}
	if (ev->code == IMAP_CODE_PERMANENTFLAGS) {
		buf_fmt(b, " flags %u", (unsigned)ev->flags);
	}
	events_quoted(b, "", ev->text);
}

static inline void
events_caps(struct buf *b, const struct imap_event *ev)
{
	for (unsigned i = 0; i < 64; i++) {
		if ((ev->caps >> i & 1) != 0) {
			buf_fmt(b, " %u", i);
		}
	}
	if (ev->append_limit != 0) {
		buf_fmt(b, " limit %llu", (unsigned long long)ev->append_limit);
	}
}

static inline void
events_mbox(struct buf *b, const struct imap_mailbox_status *m)
{
	const struct {
		const char *name;
		bool has;
		uint64_t v;
	} rows[] = {{"messages", m->has_messages, m->messages},
		{"uidnext", m->has_uidnext, m->uidnext},
		{"uidvalidity", m->has_uidvalidity, m->uidvalidity},
		{"unseen", m->has_unseen, m->unseen},
		{"recent", m->recent != 0, m->recent},
		{"deleted", m->has_deleted, m->deleted},
		{"highestmodseq", m->has_highestmodseq, m->highestmodseq},
		{"size", m->has_size, m->size}};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (rows[i].has) {
			buf_fmt(b, " %s %llu", rows[i].name,
				(unsigned long long)rows[i].v);
		}
	}
}

static inline void
events_fetch(struct buf *b, const struct imap_fetch *f)
{
	buf_fmt(b, " %u", (unsigned)f->seq);
	if (f->has_uid) {
		buf_fmt(b, " uid %u", (unsigned)f->uid);
	}
	if (f->has_flags) {
		buf_fmt(b, " flags %u", (unsigned)f->flags);
	}
	if (f->has_size) {
		buf_fmt(b, " size %u", (unsigned)f->size);
	}
	if (f->has_date) {
		buf_fmt(b, " date %lld", (long long)f->internaldate);
	}
	if (f->has_modseq) {
		buf_fmt(b, " modseq %llu", (unsigned long long)f->modseq);
	}
	if (f->has_body) {
		buf_str(b, " body");
	}
}

static inline void
events_name(struct buf *b, const struct imap_event *ev)
{
	events_quoted(b, "", ev->name);
	if (ev->sep != 0) {
		buf_fmt(b, " sep %c", ev->sep);
	}
	if (ev->nil) {
		buf_str(b, " nil");
	}
}

static inline void
events_line(struct buf *b, const struct imap_event *ev)
{
	static const char *const kinds[] = {"NONE", "TAGGED", "STATUS",
		"CONTINUE", "CAPABILITY", "ENABLED", "LIST", "MBOX",
		"NAMESPACE", "FLAGS", "EXISTS", "RECENT", "EXPUNGE",
		"VANISHED", "SEARCH", "ESEARCH", "ESEARCH_END", "UIDSET",
		"FETCH", "BODY", "DATA", "BODY_END", "FETCH_END"};
	static const char *const sections[] = {"all", "header", "other"};

	buf_str(b, kinds[ev->kind]);
	switch (ev->kind) {
	case IMAP_EV_TAGGED:
		buf_fmt(b, " %u", (unsigned)ev->tag);
		events_status(b, ev);
		break;
	case IMAP_EV_STATUS:
		events_status(b, ev);
		break;
	case IMAP_EV_CONTINUE:
		events_quoted(b, "", ev->text);
		break;
	case IMAP_EV_CAPABILITY:
	case IMAP_EV_ENABLED:
		events_caps(b, ev);
		break;
	case IMAP_EV_LIST:
		buf_fmt(b, " %u", (unsigned)ev->attrs);
		events_name(b, ev);
		break;
	case IMAP_EV_MAILBOX_STATUS:
		events_quoted(b, "", ev->name);
		events_mbox(b, &ev->mbox);
		break;
	case IMAP_EV_NAMESPACE:
		events_name(b, ev);
		break;
	case IMAP_EV_FLAGS:
		buf_fmt(b, " %u", (unsigned)ev->flags);
		break;
	case IMAP_EV_EXISTS:
	case IMAP_EV_RECENT:
	case IMAP_EV_EXPUNGE:
	case IMAP_EV_FETCH_BEGIN:
		buf_fmt(b, " %u", (unsigned)ev->num);
		break;
	case IMAP_EV_VANISHED:
		buf_fmt(b, " %u:%u%s", (unsigned)ev->lo, (unsigned)ev->hi,
			ev->earlier ? " earlier" : "");
		break;
	case IMAP_EV_SEARCH:
		buf_fmt(b, " %u:%u", (unsigned)ev->lo, (unsigned)ev->hi);
		break;
	case IMAP_EV_ESEARCH:
		buf_fmt(b, " %u %u:%u", (unsigned)ev->tag, (unsigned)ev->lo,
			(unsigned)ev->hi);
		break;
	case IMAP_EV_ESEARCH_END:
		buf_fmt(b, " %u", (unsigned)ev->tag);
		if (ev->has_count) {
			buf_fmt(b, " count %u", (unsigned)ev->count);
		}
		break;
	case IMAP_EV_UIDSET:
		buf_fmt(b, " %u code %d value %llu set %d %u:%u",
			(unsigned)ev->tag, (int)ev->code,
			(unsigned long long)ev->value, ev->set,
			(unsigned)ev->lo, (unsigned)ev->hi);
		break;
	case IMAP_EV_BODY_BEGIN:
		buf_fmt(b, " %s %llu%s", sections[ev->section],
			(unsigned long long)ev->size, ev->nil ? " nil" : "");
		if (ev->partial) {
			buf_fmt(b, " from %llu", (unsigned long long)ev->value);
		}
		break;
	case IMAP_EV_FETCH_END:
		events_fetch(b, &ev->fetch);
		break;
	default:
		break;
	}
	buf_char(b, '\n');
}

static inline void
events_add(struct events *e, const struct imap_event *ev)
{
	e->count++;
	e->data_bytes += ev->kind == IMAP_EV_BODY_DATA ? ev->data.n : 0;
	if (e->quiet) {
		return;
	}
	if (ev->kind == IMAP_EV_BODY_DATA) {
		if (!e->in_data) {
			buf_str(&e->out, "DATA ");
		}
		e->in_data = true;
		for (size_t i = 0; i < ev->data.n; i++) {
			/* byte by byte, so that a split cannot show */
			escape(&e->out, span_upto(span_from(ev->data, i), 1));
		}
		return;
	}
	if (e->in_data) {
		buf_char(&e->out, '\n');
		e->in_data = false;
	}
	events_line(&e->out, ev);
}

/* Feeds one piece until it is used up; notes an error as a line. */
static inline enum err
events_feed(struct events *e, struct imap_resp *r, struct span in)
{
	struct imap_event ev;
	enum err err = ERR_OK;

	while (err == ERR_OK) {
		size_t used = 0;

		err = imap_resp_push(r, in, &used, &ev);
		in = span_from(in, used);
		if (err == ERR_OK) {
			events_add(e, &ev);
		}
	}
	if (err != ERR_AGAIN) {
		buf_fmt(&e->out, "%sERROR %d %s\n", e->in_data ? "\n" : "",
			(int)err, err_detail());
		e->in_data = false;
	}
	return err;
}

#endif
