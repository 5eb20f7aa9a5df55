/*
 * Walking with opendir(). It allocates, so it is for systems that have
 * nothing else; port/linux/ reads entries into the caller's buffer. A dirent
 * is not told its type in POSIX, so every name is looked at.
 */
#include "port/posix/posix.h"

#include <dirent.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

enum err
posix_walk_open(struct fs_walk *w, fs_fd dir, const char *name, void *buf,
	size_t cap)
{
	enum err e;

	memset(w, 0, sizeof(*w));
	w->fd = FS_NONE;
	w->buf = buf;
	w->cap = cap;
	/* Opened even if it is `dir`: its own place in the directory. */
	e = fs_open_dir(dir, name, &w->fd);
	if (e != ERR_OK) {
		return e;
	}
	w->sys = fdopendir(w->fd);
	if (w->sys == NULL) {
		e = posix_fail("read directory", NULL);
		fs_close(&w->fd);
	}
	return e;
}

enum err
posix_walk_next(struct fs_walk *w, const char **name, enum fs_type *type)
{
	const struct dirent *ent;
	size_t n;

	if (w->sys == NULL) {
		return ERR_END;
	}
	do {
		errno = 0;
		ent = readdir(w->sys);
		if (ent == NULL) {
			return errno == 0 ? ERR_END
					  : posix_fail("read directory", NULL);
		}
	} while (strcmp(ent->d_name, ".") == 0 ||
		strcmp(ent->d_name, "..") == 0);
	n = strlen(ent->d_name);
	if (n >= w->cap) {
		return err_set(ERR_LIMIT,
			"directory entry longer than the %zu bytes of a walk",
			w->cap);
	}
	memcpy(w->buf, ent->d_name, n + 1);
	*name = w->buf;
	*type = posix_type_of(w->fd, w->buf);
	return ERR_OK;
}

void
posix_walk_close(struct fs_walk *w)
{
	if (w->sys != NULL) {
		closedir(w->sys); /* and w->fd with it */
		w->sys = NULL;
		w->fd = FS_NONE;
	}
	fs_close(&w->fd);
}
