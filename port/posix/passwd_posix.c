/* The home directory by the user database, which brings a good part of libc's
 * stdio with it into a static program. */
#include "port/posix/posix.h"

#include <pwd.h>
#include <unistd.h>

const char *
posix_passwd_home(void)
{
	const struct passwd *pw = getpwuid(getuid());

	return pw != NULL ? pw->pw_dir : NULL;
}
