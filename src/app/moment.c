/* moment: the latest of three times; see moment.h. */
#include "app/moment.h"

#include "base/codec.h"

#define DAY_S INT64_C(86400)

void
moment_of(struct moment *m, int64_t clock, int64_t release, int64_t state)
{
	m->clock = m->at = clock;
	m->source = MOMENT_CLOCK;
	if (m->at < release) {
		m->at = release;
		m->source = MOMENT_RELEASE;
	}
	if (state > m->at &&
		(clock < release || state - clock <= MOMENT_AHEAD_S)) {
		m->at = state;
		m->source = MOMENT_STATE;
	}
}

bool
moment_is_news(const struct moment *m, int64_t state)
{
	return m->source == MOMENT_CLOCK &&
		(state <= m->clock - DAY_S || state > m->clock);
}

void
moment_tell(const struct moment *m, enum log_level level, const char *state)
{
	char text[80];
	struct buf b;

	BUF_INIT(&b, text);
	date_enc(&b, m->clock);
	if (m->source == MOMENT_CLOCK) {
		log_msg(level, "  The clock of this machine says %s.",
			buf_cstr(&b));
		return;
	}
	buf_str(&b, ", so ");
	date_enc(&b, m->at);
	log_msg(level, "  The clock of this machine says %s was used: %s%s.",
		buf_cstr(&b), m->source == MOMENT_RELEASE
			? "the day this version was released"
			: "the newest state of this account, the time of the "
			"file ", m->source == MOMENT_STATE ? state : "");
}
