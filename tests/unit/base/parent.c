/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <criterion/criterion.h>
#include <errno.h>
#include <sys/wait.h>
#include <time.h>

#include "core/base/parent.h"

static int ends[2];

/* Follow `parent`, and tell that we live. */
static _Noreturn void child_main(pid_t parent)
{
	char word[NC_PARENT_SIZE];
	(void)snprintf(word, sizeof word, "%ld", (long)parent);
	bool follows = nc_parent_follow(nc_parent_get(word));
	_exit(write(ends[1], "+", 1) == 1 && follows ? 0 : 1);
}

static size_t told(void)
{
	char byte;
	ssize_t count;
	(void)close(ends[1]);
	while ((count = read(ends[0], &byte, 1)) < 0 && errno == EINTR)
		;
	(void)close(ends[0]);
	cr_assert_geq(count, 0);
	return (size_t)count;
}

Test(parent, one_that_lives_is_followed)
{
	pid_t parent = getpid();
	int status;
	cr_assert_eq(pipe(ends), 0);
	pid_t child = fork();
	cr_assert_geq(child, 0);
	if (child == 0)
		child_main(parent);
	cr_expect_eq(told(), 1);
	cr_assert_eq(waitpid(child, &status, 0), child);
	cr_expect(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

Test(parent, one_that_ended_before_it_could_be_followed_takes_its_child_along)
{
	int status;
	cr_assert_eq(pipe(ends), 0);
	pid_t middle = fork();
	cr_assert_geq(middle, 0);
	if (middle == 0) {
		pid_t parent = getpid();
		if (fork() != 0)
			_exit(0);
		while (getppid() == parent)
			(void)nanosleep(&(struct timespec){ .tv_nsec = 1000000 }, NULL);
		child_main(parent);
	}
	cr_assert_eq(waitpid(middle, &status, 0), middle);
	cr_expect_eq(told(), 0, "the child is gone without a word");
}

Test(parent, a_word_that_is_no_number_is_nobody)
{
	char word[NC_PARENT_SIZE];
	nc_parent_put(word);
	cr_expect_eq(nc_parent_get(word), getpid());
	cr_expect_eq(nc_parent_get("x"), 0);
}
