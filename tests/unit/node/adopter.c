/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "core/node/data/adopter.h"

#include <criterion/criterion.h>
#include <sys/wait.h>

#include "core/base/parent.h"

/* How a process ends that verifies what is not there, as one that `node` has started. */
static int ends(const char *node)
{
	int status;
	pid_t pid = fork();
	cr_assert_geq(pid, 0);
	if (pid == 0)
		_exit(nc_adopter_main("/nowhere/install", node) == 0 ? 0 : 1);
	cr_assert_eq(waitpid(pid, &status, 0), pid);
	return status;
}

Test(adopter, looks_at_nothing_where_the_node_is_gone)
{
	char node[NC_PARENT_SIZE];
	nc_parent_put(node);
	int status = ends(node);
	cr_expect(WIFEXITED(status) && WEXITSTATUS(status) == 1, "there is no state");
	status = ends("0");
	cr_expect(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}
