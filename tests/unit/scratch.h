/*
 * scratch: an empty directory of the test's own, and whole files in it.
 */
#ifndef WHERRY_TEST_SCRATCH_H
#define WHERRY_TEST_SCRATCH_H

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "port/fs.h"

struct scratch {
	char path[256];
	fs_fd dir;
};

static inline void
scratch_make(struct scratch *s)
{
	const char *tmp = getenv("TMPDIR");

	snprintf(s->path, sizeof(s->path), "%s/wherry-test-XXXXXX",
	    tmp != NULL ? tmp : "/tmp");
	if (mkdtemp(s->path) == NULL ||
	    fs_open_dir(FS_CWD, s->path, &s->dir) != ERR_OK) {
		perror("scratch_make");
		abort();
	}
}

/* Removes the files in it (it has no directories). */
static inline void
scratch_empty(struct scratch *s)
{
	DIR *d = opendir(s->path);
	struct dirent *e;

	while (d != NULL && (e = readdir(d)) != NULL) {
		if (e->d_name[0] != '.') {
			unlinkat(dirfd(d), e->d_name, 0);
		}
	}
	if (d != NULL) {
		closedir(d);
	}
}

static inline void
scratch_free(struct scratch *s)
{
	scratch_empty(s);
	fs_close(&s->dir);
	rmdir(s->path);
}

/* Files in it. */
static inline int
scratch_count(struct scratch *s)
{
	DIR *d = opendir(s->path);
	struct dirent *e;
	int n = 0;

	while (d != NULL && (e = readdir(d)) != NULL) {
		n += e->d_name[0] != '.';
	}
	if (d != NULL) {
		closedir(d);
	}
	return n;
}

static inline void
scratch_path(struct scratch *s, const char *name, char out[512])
{
	snprintf(out, 512, "%s/%s", s->path, name);
}

static inline int
scratch_has(struct scratch *s, const char *name)
{
	char p[512];

	scratch_path(s, name, p);
	return access(p, F_OK) == 0;
}

static inline void
scratch_write(struct scratch *s, const char *name, const void *p, size_t n)
{
	char path[512];
	FILE *f;

	scratch_path(s, name, path);
	f = fopen(path, "wb");
	if (f == NULL || fwrite(p, 1, n, f) != n || fclose(f) != 0) {
		perror("scratch_write");
		abort();
	}
}

/* Bytes of the file, at most cap; -1 if it is not there. */
static inline long
scratch_read(struct scratch *s, const char *name, void *p, size_t cap)
{
	char path[512];
	FILE *f;
	size_t n;

	scratch_path(s, name, path);
	f = fopen(path, "rb");
	if (f == NULL) {
		return -1;
	}
	n = fread(p, 1, cap, f);
	fclose(f);
	return (long)n;
}

static inline long
scratch_size(struct scratch *s, const char *name)
{
	char path[512];
	struct stat st;

	scratch_path(s, name, path);
	return stat(path, &st) == 0 ? (long)st.st_size : -1;
}

static inline void
scratch_cut(struct scratch *s, const char *name, long size)
{
	char path[512];

	scratch_path(s, name, path);
	if (truncate(path, size) != 0) {
		perror("scratch_cut");
		abort();
	}
}

/* Overwrites bytes in place. */
static inline void
scratch_poke(struct scratch *s, const char *name, long at, const void *p,
    size_t n)
{
	char path[512];
	int fd;

	scratch_path(s, name, path);
	fd = open(path, O_WRONLY);
	if (fd < 0 || pwrite(fd, p, n, at) != (ssize_t)n || close(fd) != 0) {
		perror("scratch_poke");
		abort();
	}
}

#endif
