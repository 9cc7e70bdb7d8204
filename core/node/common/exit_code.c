/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What nacred exits with. */
#include "core/node/common/exit_code.h"

#include "core/base/err.h"

int nc_exit_of_start(int err)
{
	switch (err) {
	case NC_OK:
		return NC_EXIT_OK;
	case NC_CORRUPT:
	case NC_UNSUPPORTED:
		return NC_EXIT_CORRUPT;
	case NC_NOTFOUND:
	case NC_BUSY:
	case NC_CONFLICT:
	case NC_IO:
	case NC_FULL:
		return NC_EXIT_DIRECTORY;
	case NC_INVALID:
		return NC_EXIT_SETTINGS;
	default:
		return NC_EXIT_RUNTIME;
	}
}

int nc_exit_of_fatal(int err)
{
	if (err == NC_CORRUPT || err == NC_UNSUPPORTED)
		return NC_EXIT_CORRUPT;
	/* another serves the store; or the directory is gone */
	return err == NC_CONFLICT || err == NC_NOTFOUND ? NC_EXIT_DIRECTORY : NC_EXIT_RUNTIME;
}
