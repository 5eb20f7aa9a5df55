/* outcome: causes as bits in order of gravity; see outcome.h. */
#include "app/outcome.h"

static const int gravity[] = {EXIT_CONFIG, EXIT_CANNOT_WRITE, EXIT_LOGIN,
	EXIT_PERSON, EXIT_FAILED, EXIT_TEMPORARY};
#define CAUSES (sizeof(gravity) / sizeof(gravity[0]))

static unsigned causes;

void
outcome_exit(int status)
{
	for (unsigned i = 0; i < CAUSES; i++) {
		if (gravity[i] == status) {
			causes |= 1u << i;
		}
	}
}

static int
status_of(enum err e)
{
	switch (e) {
	case ERR_OK:
	case ERR_AGAIN:
	case ERR_END:
	case ERR_STOPPED:
		return EXIT_CONVERGED;
	case ERR_CONF:
		return EXIT_CONFIG;
	case ERR_IO:
	case ERR_SPACE:
	case ERR_READONLY:
	case ERR_PERM:
		return EXIT_CANNOT_WRITE;
	case ERR_AUTH:
		return EXIT_LOGIN;
	case ERR_CERT:
	case ERR_PRIVACY:
	case ERR_UIDVALIDITY:
	case ERR_GUARD:
		return EXIT_PERSON;
	case ERR_NET:
	case ERR_TIMEOUT:
	case ERR_TLS:
	case ERR_CLOCK:
	case ERR_LOCKED:
		return EXIT_TEMPORARY;
	default:
		return EXIT_FAILED;
	}
}

void
outcome_err(enum err e)
{
	outcome_exit(status_of(e));
}

int
outcome_status(void)
{
	for (unsigned i = 0; i < CAUSES; i++) {
		if (causes >> i & 1) {
			return gravity[i];
		}
	}
	return EXIT_CONVERGED;
}
