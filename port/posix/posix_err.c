/*
 * The one place where errno becomes an error of ours. What the errors mean
 * for a message, folder or account is decided in base/err; here they are only
 * sorted by what a person would have to do about them.
 */
#include "port/posix/posix.h"

#include <errno.h>
#include <string.h>

static enum err
sort_errno(int e)
{
	switch (e) {
	case ENOENT:
	case ENOTDIR:
		return ERR_NOENT;
	case EEXIST:
	case ENOTEMPTY:
		return ERR_EXIST;
	case ENOSPC:
	case EDQUOT:
		return ERR_SPACE;
	case EROFS:
		return ERR_READONLY;
	case EACCES:
	case EPERM:
		return ERR_PERM;
	case ENAMETOOLONG:
	case EMFILE:
	case ENFILE:
	case EFBIG:
		return ERR_LIMIT;
	default:
		return ERR_IO;
	}
}

enum err
posix_fail(const char *call, const char *name)
{
	int e = errno;
	const char *gap = name != NULL ? " " : "";

	if (name == NULL) {
		name = "";
	}
	return err_set(sort_errno(e), "%s%s%s: %s", call, gap, name,
		strerror(e));
}

enum err
posix_net_fail(const char *call)
{
	return err_set(ERR_NET, "%s: %s", call, strerror(errno));
}
