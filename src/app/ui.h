/*
 * ui: what a person sees. A UI is a row of a table: where lines go, which
 * levels, whether there is a live line. Everything is escaped on its way out;
 * the live line is redrawn at most four times a second.
 */
#ifndef WHERRY_APP_UI_H
#define WHERRY_APP_UI_H

#include <stdbool.h>

#include "base/err.h"
#include "base/span.h"
#include "port/fs.h"

/* name: ttyui, basic, quiet (case and a prefix up to the last dot ignored, as
 * OfflineIMAP reads them). ERR_USAGE if unknown. Installs the log sink. */
enum err ui_begin(const char *name, bool wire);
enum err ui_log_file(const char *path); /* lines are appended there too */
bool ui_is_live(void);	/* a terminal with a live line */
bool ui_may_ask(void);	/* may ask for a password */
/* Shows text as the live line. */
void ui_live(struct span text, int64_t now_ms);
/* To standard output, as it is. */
void ui_out(struct span text);
void ui_end(void);

#endif
