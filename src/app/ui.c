/* ui: see ui.h. */
#include <string.h>

#include "app/ui.h"
#include "base/codec.h"
#include "base/log.h"
#include "base/mem.h"
#include "config.h"
#include "port/sys.h"

#define LINE 4096
#define REDRAW_MS 250

static const struct ui {
	const char *name;
	int fd;
	enum log_level most;
	bool live, ask;
} uis[] = {
	{"ttyui", 2, LOG_INFO, true, true},
	{"basic", 1, LOG_INFO, false, false},
	{"quiet", 2, LOG_WARN, false, false},
};

static char ui_line[LINE];
static struct {
	const struct ui *ui;
	fs_fd file;
	bool live, shown;
	int64_t drawn_ms;
} ui_state = {.ui = &uis[0], .file = FS_NONE};

const struct mem_row ui_mem = {"ui_line", sizeof(ui_line),
	"the line that is being shown"};

static void
clear_live(void)
{
	if (ui_state.shown) {
		sys_write(2, "\r\033[K", 4);
		ui_state.shown = false;
	}
}

static void
sink(void *user, enum log_level level, struct span text)
{
	struct buf b;

	(void)user;
	buf_init(&b, ui_line, sizeof(ui_line) - 4);
	if (level == LOG_ERROR) {
		buf_str(&b, "ERROR: ");
	} else if (level == LOG_WARN) {
		buf_str(&b, "WARNING: ");
	}
	escape(&b, text);
	ui_line[b.n++] = '\n';
	if (level <= ui_state.ui->most || level == LOG_WIRE) {
		clear_live();
		sys_write(ui_state.ui->fd, ui_line, b.n);
	}
	if (ui_state.file != FS_NONE) {
		(void)fs_write(ui_state.file, ui_line, b.n);
	}
}

enum err
ui_begin(const char *name, bool wire)
{
	struct span word = span_of(name != NULL && *name ? name : "ttyui");

	for (size_t dot; (dot = span_find(word, '.')) < word.n;) {
		word = span_from(word, dot + 1);
	}
	for (size_t i = 0; i < sizeof(uis) / sizeof(uis[0]); i++) {
		if (!span_iis(word, uis[i].name)) {
			continue;
		}
		ui_state.ui = &uis[i];
		ui_state.live = CFG_PROGRESS && uis[i].live &&
			sys_isatty(2) && !wire;
		log_limit(wire ? LOG_WIRE : LOG_INFO);
		log_to(sink, NULL);
		return ERR_OK;
	}
	return err_set(ERR_USAGE, "unknown ui \"%s\" (there are ttyui, basic "
		"and quiet)", name);
}

enum err
ui_log_file(const char *path)
{
	return fs_open(FS_CWD, path, FS_WRITE | FS_CREATE | FS_APPEND, 0600,
		&ui_state.file);
}

bool
ui_is_live(void)
{
	return ui_state.live;
}

bool
ui_may_ask(void)
{
	return ui_state.ui->ask && sys_isatty(2);
}

#if CFG_PROGRESS
void
ui_live(struct span text, int64_t now_ms)
{
	struct buf b;
	size_t n;

	if (!ui_state.live ||
		(ui_state.shown && now_ms - ui_state.drawn_ms < REDRAW_MS)) {
		return;
	}
	buf_init(&b, ui_line, sizeof(ui_line));
	buf_str(&b, "\r\033[K");
	n = (size_t)sys_columns(2) - 1;
	while (n > 0 && n < text.n && ((unsigned char)text.p[n] & 0xc0) == 0x80) {
		n--; /* not in the middle of a UTF-8 sequence */
	}
	escape(&b, span_upto(text, n));
	sys_write(2, ui_line, b.n);
	ui_state.shown = true;
	ui_state.drawn_ms = now_ms;
}
#endif

void
ui_out(struct span text)
{
	clear_live();
	sys_write(1, text.p, text.n);
}

void
ui_end(void)
{
	clear_live();
	fs_close(&ui_state.file);
}
