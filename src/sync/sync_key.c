/*
 * sync_key: a small state machine over the header's bytes.
 *
 * Each of the four fields is hashed by itself (FNV-1a over its lower-case
 * name and its value with every run of blanks and line breaks as one blank),
 * mixed, and added to a sum, so that the order of fields does not matter: some
 * servers answer in the order of the request, some in that of the message.
 */
#include <string.h>

#include "sync/sync_key.h"

enum { LINE_START, NAME, SKIP, VALUE, DONE };

#define FNV_BASIS 0xcbf29ce484222325u
#define FNV_PRIME 0x100000001b3u

static const char *const fields[] = {"message-id", "date", "from", "subject"};
static const char firsts[] = "mdfsMDFS";

void
sync_key_init(struct sync_key *k)
{
	memset(k, 0, sizeof(*k));
	k->state = LINE_START;
}

static void
hash_byte(struct sync_key *k, char c)
{
	k->field = (k->field ^ (unsigned char)c) * FNV_PRIME;
}

/* A field is complete: mix it, so that sums of fields stay distinct. */
static void
end_field(struct sync_key *k)
{
	uint64_t h = k->field;

	if (h == 0) {
		return;
	}
	h ^= h >> 33;
	h *= 0xff51afd7ed558ccdu;
	h ^= h >> 33;
	k->sum += h;
	k->field = 0;
}

static void
begin_value(struct sync_key *k)
{
	k->state = SKIP;
	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
		struct span name = {k->name, k->name_n};

		if (k->name_n <= sizeof(k->name) && span_is(name, fields[i])) {
			k->state = VALUE;
			k->field = FNV_BASIS;
			k->blank = false;
			for (size_t j = 0; j < name.n; j++) {
				hash_byte(k, name.p[j]);
			}
			hash_byte(k, ':');
		}
	}
}

static void
name_byte(struct sync_key *k, char c)
{
	if (c == ':') {
		begin_value(k);
		return;
	}
	if (c == ' ' || c == '\t') {
		return; /* obsolete syntax: blanks before the colon */
	}
	if (k->name_n < sizeof(k->name)) {
		k->name[k->name_n] =
			c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
	}
	k->name_n++;
}

/* Takes what of s is of this line, its end excepted. */
static size_t
value(struct sync_key *k, struct span s)
{
	uint64_t h = k->field;
	bool blank = k->blank;
	size_t n = 0;

	for (; n < s.n && s.p[n] != '\n'; n++) {
		char c = s.p[n];

		if (c == '\r') {
			continue;
		}
		if (c == ' ' || c == '\t') {
			blank = true;
			continue;
		}
		if (blank) {
			h = (h ^ ' ') * FNV_PRIME;
			blank = false;
		}
		h = (h ^ (unsigned char)c) * FNV_PRIME;
		/* An empty one identifies nothing. Of the four only it begins
		 * with m. */
		k->message_id = k->message_id || k->name[0] == 'm';
	}
	k->field = h;
	k->blank = blank;
	return n;
}

static void
line_start(struct sync_key *k, char c)
{
	if (c == '\n') {
		end_field(k);
		k->state = DONE;
		return;
	}
	if (c == ' ' || c == '\t') { /* folded: the field goes on */
		k->state = k->field != 0 ? VALUE : SKIP;
		k->blank = k->blank || k->field != 0;
		return;
	}
	end_field(k);
	k->name_n = 0;
	if (memchr(firsts, c, sizeof(firsts) - 1) == NULL) {
		k->state = SKIP;
		return;
	}
	k->state = NAME;
	name_byte(k, c);
}

void
sync_key_push(struct sync_key *k, struct span data)
{
	while (data.n > 0 && k->state != DONE) {
		char c = data.p[0];
		size_t n = 1;

		if (c == '\n' && k->state != LINE_START) {
			k->state = LINE_START;
			k->blank = k->blank || k->field != 0;
		} else if (k->state == SKIP) {
			n = span_find(data, '\n');
		} else if (k->state == VALUE) {
			n = value(k, data);
		} else if (c == '\r') {
			/* a line end has one, or none */
		} else if (k->state == LINE_START) {
			line_start(k, c);
		} else {
			name_byte(k, c);
		}
		data = span_from(data, n);
	}
}

bool
sync_key_done(const struct sync_key *k)
{
	return k->state == DONE;
}

uint64_t
sync_key_get(const struct sync_key *k)
{
	struct sync_key copy = *k;
	uint64_t v;

	end_field(&copy);
	v = (copy.sum ^ copy.sum >> 56) & (((uint64_t)1 << 56) - 1);
	return v != 0 ? v : 1;
}

bool
sync_key_has_id(const struct sync_key *k)
{
	return k->message_id;
}
