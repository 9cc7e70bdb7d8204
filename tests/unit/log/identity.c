/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Whose data directory it is. */
#include "storage/log/identity.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tests/unit/log/directory.h"

static struct nc_identity_file *file;
static char fault[NC_IDENTITY_FAULT_SIZE];

static int open_as(const char *store, const char *node)
{
	file = NULL;
	return nc_identity_open(directory_make(), store, node, &file, fault);
}

static void reopen(void)
{
	nc_identity_close(file);
	cr_assert_eq(open_as("orders", "a"), NC_OK, "%s", fault);
}

static void setup(void)
{
	cr_assert_eq(open_as("orders", "a"), NC_OK, "%s", fault);
}

static void teardown(void)
{
	nc_identity_close(file);
	(void)rmdir(directory_path("log"));
	directory_remove();
}

TestSuite(identity, .init = setup, .fini = teardown);

Test(identity, stays_and_counts_the_starts)
{
	struct nc_identity before = *nc_identity_get(file);
	cr_expect_eq(before.boot_epoch, 1u);
	cr_assert_eq(nc_identity_high_water(file, 77), NC_OK);
	reopen();
	const struct nc_identity *after = nc_identity_get(file);
	cr_expect_arr_eq(after->cluster_id, before.cluster_id, 16);
	cr_expect_eq(after->boot_epoch, 2u);
	cr_expect_eq(after->high_water, 77u);
	cr_assert_eq(nc_identity_high_water(file, 5), NC_OK);
	cr_expect_eq(nc_identity_get(file)->high_water, 77u, "it never falls");
}

/* What is not on the disk is not remembered, and is tried again. */
Test(identity, remembers_nothing_that_could_not_be_written)
{
	const char *names[] = { "identity", "identity.copy" };
	for (int i = 0; i < 2; i++) {
		char path[384], away[392];
		(void)snprintf(path, sizeof path, "%s", directory_path(names[i]));
		(void)snprintf(away, sizeof away, "%s.away", path);
		cr_assert_eq(rename(path, away), 0);
		cr_assert_eq(mkdir(path, 0700), 0); /* cannot be written, also by root */
		uint64_t mark = 10 + (uint64_t)i;
		cr_expect_eq(nc_identity_high_water(file, mark), NC_IO);
		cr_expect_eq(nc_identity_high_water(file, mark), NC_IO, "taken for written");
		cr_expect_eq(nc_identity_renumber(file, 9), NC_IO);
		cr_expect_eq(nc_identity_get(file)->number, 1u);
		cr_assert_eq(rmdir(path), 0);
		cr_assert_eq(rename(away, path), 0);
		cr_expect_eq(nc_identity_high_water(file, mark), NC_OK);
		reopen();
		cr_expect_eq(nc_identity_get(file)->high_water, mark);
	}
}

Test(identity, keeps_a_second_one_out)
{
	struct nc_identity_file *first = file;
	cr_expect_eq(open_as("orders", "a"), NC_BUSY);
	cr_expect_not_null(strstr(fault, "in use"));
	file = first;
	reopen();
}

/* What a killed node leaves behind for a moment: a child that holds the lock until it is gone. */
Test(identity, waits_for_the_last_child_of_a_process_that_was_killed)
{
	pid_t child = fork();
	cr_assert(child >= 0);
	if (child == 0) {
		static const struct timespec dying = { 0, 200000000 };
		(void)nanosleep(&dying, NULL);
		_exit(0);
	}
	nc_identity_close(file); /* the child still has the lock */
	cr_expect_eq(open_as("orders", "a"), NC_OK);
	cr_expect_eq(waitpid(child, NULL, 0), child);
}

Test(identity, takes_another_number)
{
	cr_assert_eq(nc_identity_renumber(file, 1ull << 51), NC_OK);
	reopen();
	cr_expect_eq(nc_identity_get(file)->number, 1ull << 51);
}

Test(identity, refuses_another_store_or_node)
{
	nc_identity_close(file);
	cr_expect_eq(open_as("payments", "a"), NC_CONFLICT);
	cr_expect_eq(open_as("orders", "b"), NC_CONFLICT);
	cr_expect_eq(open_as("orders", "a"), NC_OK);
}

/* Every byte of either copy, flipped or cut away: the other one holds. */
Test(identity, survives_any_damage_to_one_copy, .timeout = 120)
{
	static const char *const copies[] = { "identity", "identity.copy" };
	struct nc_buf image = { 0 };
	struct nc_identity before = *nc_identity_get(file);
	for (int i = 0; i < 2; i++) {
		for (size_t at = 0; at < 256; at++) {
			nc_identity_close(file);
			cr_assert(directory_load(copies[i], &image));
			image.data[at] ^= 0x10;
			cr_assert(directory_store(copies[i], image.data,
			                          at % 2 == 0 ? image.size : at));
			cr_assert_eq(open_as("orders", "a"), NC_OK, "%s, byte %zu: %s", copies[i],
			             at, fault);
			cr_assert_arr_eq(nc_identity_get(file)->cluster_id, before.cluster_id, 16);
		}
	}
	nc_buf_release(&image);
}

Test(identity, refuses_when_neither_copy_holds)
{
	nc_identity_close(file);
	cr_assert(directory_store("identity", "x", 1));
	cr_assert(directory_store("identity.copy", "x", 1));
	cr_expect_eq(open_as("orders", "a"), NC_CORRUPT);
}

Test(identity, refuses_data_without_an_identity)
{
	nc_identity_close(file);
	cr_assert_eq(mkdir(directory_path("log"), 0700), 0);
	cr_assert_eq(unlink(directory_path("identity")), 0);
	cr_assert_eq(unlink(directory_path("identity.copy")), 0);
	cr_expect_eq(open_as("orders", "a"), NC_CORRUPT);
	cr_assert(directory_store("identity", "x", 1));
	cr_expect_eq(open_as("orders", "a"), NC_CORRUPT);
}

/* The power went while the first copy was written, for the first time: nothing had been promised.
 */
Test(identity, begins_anew_after_a_first_start_that_was_cut_short)
{
	struct nc_buf image = { 0 };
	nc_identity_close(file);
	cr_assert(directory_load("identity", &image));
	for (size_t size = 0; size < image.size; size += 15) {
		cr_assert(directory_store("identity", image.data, size));
		(void)unlink(directory_path("identity.copy"));
		cr_expect_eq(open_as("orders", "a"), NC_OK, "%zu bytes: %s", size, fault);
		cr_expect(file != NULL && nc_identity_get(file)->boot_epoch == 1);
		nc_identity_close(file);
	}
	file = NULL;
	nc_buf_release(&image);
}
