/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A node's promises come back from the disk as they were, or not at all. */
#include "core/node/cluster/cluster_file.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static char directory[] = "/tmp/nacre-cluster-file-XXXXXX";
static char path[64];

static void setup(void)
{
	cr_assert_not_null(mkdtemp(directory));
	(void)snprintf(path, sizeof path, "%s/cluster", directory);
}

static void teardown(void)
{
	(void)unlink(path);
	(void)rmdir(directory);
}

TestSuite(cluster_file, .init = setup, .fini = teardown);

static struct nc_cluster_record sample(void)
{
	struct nc_cluster_record record = { .phase = NC_HELLO_PLEDGED,
		                            .cluster_id = "0123456789abcde",
		                            .proposer = 12,
		                            .node_count = 2 };
	record.nodes[0] = (struct nc_cluster_node){ 12, "n1", true };
	record.nodes[1] = (struct nc_cluster_node){ UINT64_MAX, "n2", false };
	return record;
}

Test(cluster_file, comes_back_as_it_was)
{
	struct nc_cluster_record record = sample(), got = { 0 };
	cr_assert_eq(nc_cluster_file_read(directory, &got), NC_NOTFOUND);
	cr_assert_eq(nc_cluster_file_write(directory, &record), NC_OK);
	record.phase = NC_HELLO_MEMBER;
	cr_assert_eq(nc_cluster_file_write(directory, &record), NC_OK);
	cr_assert_eq(nc_cluster_file_read(directory, &got), NC_OK);
	cr_expect(got.phase == NC_HELLO_MEMBER && got.proposer == 12 && got.node_count == 2);
	cr_expect_arr_eq(got.cluster_id, record.cluster_id, NC_PEER_CLUSTER_ID_SIZE);
	cr_expect_str_eq(nc_cluster_record_find(&got, UINT64_MAX)->name, "n2");
	cr_expect(nc_cluster_record_find(&got, 12)->founder);
}

Test(cluster_file, with_a_flipped_bit_anywhere_is_corrupt)
{
	struct nc_cluster_record record = sample(), got;
	uint8_t bytes[512];
	cr_assert_eq(nc_cluster_file_write(directory, &record), NC_OK);
	FILE *file = fopen(path, "r+b");
	size_t size = fread(bytes, 1, sizeof bytes, file);
	cr_assert(size > 30 && size < sizeof bytes);
	for (size_t bit = 0; bit < size * 8; bit += 3) {
		uint8_t wrong = bytes[bit / 8] ^ (uint8_t)(1u << bit % 8);
		(void)fseek(file, (long)(bit / 8), SEEK_SET);
		(void)fwrite(&wrong, 1, 1, file);
		(void)fflush(file);
		cr_expect_eq(nc_cluster_file_read(directory, &got), NC_CORRUPT, "bit %zu", bit);
		(void)fseek(file, (long)(bit / 8), SEEK_SET);
		(void)fwrite(&bytes[bit / 8], 1, 1, file);
		(void)fflush(file);
	}
	(void)fclose(file);
	cr_expect_eq(nc_cluster_file_read(directory, &got), NC_OK);
	cr_assert_eq(truncate(path, (off_t)size - 1), 0);
	cr_expect_eq(nc_cluster_file_read(directory, &got), NC_CORRUPT);
}
