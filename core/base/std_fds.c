/* SPDX-License-Identifier: Apache-2.0 */
/* What stands in for closed standard descriptors. */
#include "core/base/std_fds.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

bool nc_std_fds_hold(void)
{
	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) {
		if (fcntl(fd, F_GETFD) >= 0)
			continue;
		/* The lowest number that is free. Not to be read, or not to be written. */
		if (errno != EBADF ||
		    open("/dev/null", fd == STDIN_FILENO ? O_WRONLY : O_RDONLY) != fd)
			return false;
	}
	return true;
}
