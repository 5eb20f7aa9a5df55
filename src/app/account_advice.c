/* account_advice: what well-known servers want in place of a password. */
#include <string.h>

#include "app/account.h"
#include "base/log.h"

#if CFG_ADVICE

void
account_advise(const struct account *a)
{
	static const struct {
		const char *host, *advice;
	} rows[] = {
		{"gmail.com", "Google wants an app password (2-step "
			"verification on) or OAuth2"},
		{"googlemail.com", "Google wants an app password (2-step "
			"verification on) or OAuth2"},
		{"outlook.", "Microsoft has switched passwords off for IMAP; "
			"it wants OAuth2"},
		{"office365.com", "Microsoft has switched passwords off for "
			"IMAP; it wants OAuth2"},
		{"mail.me.com", "iCloud wants an app-specific password"},
		{"yahoo.", "Yahoo wants an app password"},
		{"aol.com", "AOL wants an app password"},
		{"gmx.", "IMAP has to be switched on in GMX's settings"},
		{"web.de", "IMAP has to be switched on in web.de's settings"},
		{"fastmail.com", "Fastmail wants an app password"},
		{"yandex.", "Yandex wants an app password"},
		{"zoho.", "Zoho wants an app password and IMAP switched on"},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (strstr(a->conf.host, rows[i].host) != NULL) {
			log_msg(LOG_ERROR, "%s.", rows[i].advice);
			return;
		}
	}
}

#endif
