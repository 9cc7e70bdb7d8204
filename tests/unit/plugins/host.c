/* SPDX-License-Identifier: GPL-3.0-or-later */
/* plugins/host: what is loaded, what is refused and why. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/unit/plugins/support.h"

TestSuite(plugin_host, .init = home_make, .fini = home_remove);

/* What a list says of the file whose path ends in `end`. */
struct found {
	const char *end;
	int count;
	enum nc_plugin_state state;
	bool bundled;
	char reason[512];
	char sha256[65];
};

static void find(void *ctx, const struct nc_plugin_info *info)
{
	struct found *found = ctx;
	size_t size = strlen(info->path);
	size_t end = strlen(found->end);
	if (size < end || strcmp(info->path + size - end, found->end) != 0)
		return;
	found->count++;
	found->state = info->state;
	found->bundled = info->bundled;
	(void)snprintf(found->reason, sizeof found->reason, "%s", info->reason);
	(void)snprintf(found->sha256, sizeof found->sha256, "%s", info->sha256);
}

static struct found listed(struct nc_plugin_host *host, const char *end)
{
	struct found found = { .end = end };
	nc_plugin_host_list(host, find, &found);
	return found;
}

static void refused(struct nc_plugin_host *host, const char *end, const char *reason)
{
	struct found found = listed(host, end);
	cr_assert_eq(found.count, 1, "%s is listed %d times", end, found.count);
	cr_expect_eq(found.state, NC_PLUGIN_REFUSED);
	cr_expect(strstr(found.reason, reason) != NULL, "%s: %s", end, found.reason);
	cr_expect(strstr(said, found.reason) != NULL, "the log does not say why");
}

static const char *in_home(const char *name)
{
	static char path[512];
	(void)snprintf(path, sizeof path, "%s/%s", home, name);
	return path;
}

static void copy(const char *from, const char *to)
{
	FILE *in = fopen(from, "rb");
	FILE *out = fopen(to, "wb");
	cr_assert(in != NULL && out != NULL, "%s to %s", from, to);
	char bytes[65536];
	for (size_t size; (size = fread(bytes, 1, sizeof bytes, in)) > 0;)
		cr_assert_eq(fwrite(bytes, 1, size, out), size);
	(void)fclose(in);
	(void)fclose(out);
}

Test(plugin_host, loads_what_is_bundled)
{
	struct nc_plugin_host *host = host_open(PLUGIN_DIR, NULL);
	struct nc_plugin_info info;
	cr_assert_eq(nc_plugin_host_find(host, NC_SLICE("by_stream"), &info), NC_OK, "%s", said);
	cr_expect_eq(info.state, NC_PLUGIN_LOADED);
	cr_expect(info.bundled);
	cr_expect_str_eq(info.name, "by_stream");
	cr_expect_str_neq(info.build, "");
	cr_expect_str_neq(info.summary, "");
	cr_expect_eq(strlen(info.sha256), 64u);
	cr_expect_str_eq(info.path, PLUGIN_DIR "/by_stream.so");
	cr_expect_str_eq(info.reason, "");
	cr_expect_eq(nc_plugin_host_find(host, NC_SLICE("by_event_type"), &info), NC_OK);
	cr_expect_eq(nc_plugin_host_find(host, NC_SLICE("by_strea"), &info), NC_NOTFOUND);
	nc_plugin_host_close(host);
}

Test(plugin_host, runs_a_private_copy_named_by_its_sha256)
{
	cr_assert_eq(mkdir(in_home("mine"), 0755), 0);
	copy(PLUGIN_DIR "/by_stream.so", in_home("mine/renamed.so"));
	char dir[512];
	strcpy(dir, in_home("mine"));
	struct nc_plugin_host *host = host_open(NULL, dir);
	struct found found = listed(host, "/renamed.so");
	cr_assert_eq(found.state, NC_PLUGIN_LOADED, "%s", found.reason);
	cr_expect_not(found.bundled);
	char name[256];
	(void)snprintf(name, sizeof name, "private/%s.so", found.sha256);
	struct stat stat_now;
	cr_assert_eq(stat(in_home(name), &stat_now), 0);
	cr_expect_eq(stat_now.st_mode & 0777, 0555u);
	/* The original may be overwritten while its code runs. */
	FILE *out = fopen(in_home("mine/renamed.so"), "r+b");
	cr_assert_not_null(out);
	for (int i = 0; i < 100000; i++)
		(void)fputc(0, out);
	(void)fclose(out);
	struct nc_filter *filter = compiled(host, "by_stream", "\"a\"");
	struct nc_event event = event_of("a", "T", "{}");
	cr_expect(matches(filter, &event));
	nc_filter_unref(filter);
	nc_plugin_host_close(host);
}

Test(plugin_host, refuses_bad_plugins_with_a_reason_and_goes_on)
{
	struct nc_plugin_host *host = host_open(PLUGIN_DIR, REFUSED_DIR);
	refused(host, "/no_symbol.so", "no symbol nacre_filter_plugin_v1");
	refused(host, "/other_abi.so", "speaks version 2, this host version 1");
	refused(host, "/small_table.so", "wrong ABI: its table has 64 bytes");
	refused(host, "/bad_name.so", "its name is not");
	refused(host, "/no_match.so", "lacks compile, destroy or match");
	refused(host, "/refuses_host.so", "refuses this host (ABI 1.0)");
	refused(host, "/clashes.so", "the name by_stream is taken by " PLUGIN_DIR "/by_stream.so");
	cr_expect_eq(listed(host, "/by_event_type.so").state, NC_PLUGIN_LOADED);
	nc_plugin_host_close(host);
}

Test(plugin_host, refuses_files_that_are_no_shared_objects)
{
	cr_assert_eq(mkdir(in_home("mine"), 0755), 0);
	FILE *out = fopen(in_home("mine/text.so"), "w");
	(void)fputs("not a shared object at all", out);
	(void)fclose(out);
	out = fopen(in_home("mine/empty.so"), "w");
	(void)fclose(out);
	out = fopen(in_home("mine/torn.so"), "w");
	(void)fputs("\177ELF and nothing more", out);
	(void)fclose(out);
	cr_assert_eq(mkdir(in_home("mine/folder.so"), 0755), 0);
	cr_assert_eq(mkfifo(in_home("mine/fifo.so"), 0644), 0);
	cr_assert_eq(symlink("nowhere", in_home("mine/gone.so")), 0);
	out = fopen(in_home("mine/README.md"), "w");
	(void)fclose(out);
	char dir[512];
	strcpy(dir, in_home("mine"));
	struct nc_plugin_host *host = host_open(NULL, dir);
	refused(host, "/text.so", "no ELF header");
	refused(host, "/empty.so", "is not a shared object: 0 bytes");
	refused(host, "/torn.so", "cannot be loaded");
	refused(host, "/folder.so", "is not a regular file");
	refused(host, "/fifo.so", "is not a regular file");
	refused(host, "/gone.so", "cannot be opened");
	cr_expect_eq(listed(host, "README.md").count, 0);
	nc_plugin_host_close(host);
}

Test(plugin_host, refuses_what_everybody_may_write_to)
{
	cr_assert_eq(mkdir(in_home("mine"), 0755), 0);
	copy(PLUGIN_DIR "/by_stream.so", in_home("mine/open.so"));
	cr_assert_eq(chmod(in_home("mine/open.so"), 0757), 0);
	cr_assert_eq(mkdir(in_home("shared"), 0755), 0);
	copy(PLUGIN_DIR "/by_stream.so", in_home("shared/inside.so"));
	cr_assert_eq(chmod(in_home("shared"), 01777), 0);
	char dirs[1200];
	(void)snprintf(dirs, sizeof dirs, "%s/mine:%s/shared::%s/absent", home, home, home);
	struct nc_plugin_host *host = host_open(NULL, dirs);
	refused(host, "/open.so", "the file is writable for everybody");
	refused(host, "/shared", "the directory is writable for everybody");
	refused(host, "/absent", "is no directory");
	cr_expect_eq(listed(host, "/inside.so").count, 0);
	nc_plugin_host_close(host);
}

Test(plugin_host, refuses_what_belongs_to_somebody_else)
{
	if (geteuid() != 0)
		cr_skip("only root can give files away");
	cr_assert_eq(mkdir(in_home("mine"), 0755), 0);
	copy(PLUGIN_DIR "/by_stream.so", in_home("mine/theirs.so"));
	cr_assert_eq(chown(in_home("mine/theirs.so"), 12345, 12345), 0);
	char dir[512];
	strcpy(dir, in_home("mine"));
	struct nc_plugin_host *host = host_open(NULL, dir);
	refused(host, "/theirs.so", "belongs to user 12345");
	nc_plugin_host_close(host);
}

Test(plugin_host, will_not_load_from_a_private_directory_that_others_may_write_to)
{
	cr_assert_eq(mkdir(in_home("open"), 0755), 0);
	cr_assert_eq(chmod(in_home("open"), 0777), 0);
	char dir[512];
	strcpy(dir, in_home("open"));
	const struct nc_plugin_host_config config = { .bundled_dir = PLUGIN_DIR,
		                                      .private_dir = dir };
	struct nc_plugin_host *host = NULL;
	cr_expect_eq(nc_plugin_host_open(&config, &host), NC_INVALID);
	strcpy(dir, in_home("absent/deep"));
	cr_expect_eq(nc_plugin_host_open(&config, &host), NC_IO);
	cr_expect_null(host);
}

Test(plugin_host, finds_what_is_dropped_in_later_and_lists_nothing_twice)
{
	cr_assert_eq(mkdir(in_home("mine"), 0755), 0);
	FILE *out = fopen(in_home("mine/text.so"), "w");
	(void)fputs("not a shared object", out);
	(void)fclose(out);
	char dir[512];
	strcpy(dir, in_home("mine"));
	struct nc_plugin_host *host = host_open(NULL, dir);
	struct nc_plugin_info info;
	cr_expect_eq(nc_plugin_host_find(host, NC_SLICE("by_stream"), &info), NC_NOTFOUND);
	copy(PLUGIN_DIR "/by_stream.so", in_home("mine/by_stream.so"));
	cr_assert_eq(nc_plugin_host_scan(host), NC_OK);
	cr_expect_eq(nc_plugin_host_find(host, NC_SLICE("by_stream"), &info), NC_OK);
	cr_assert_eq(nc_plugin_host_scan(host), NC_OK);
	cr_expect_eq(listed(host, "/by_stream.so").count, 1);
	cr_expect_eq(listed(host, "/text.so").count, 1);
	nc_plugin_host_close(host);
}

Test(plugin_host, a_replaced_file_serves_new_filters_and_the_old_one_goes_on)
{
	cr_assert_eq(mkdir(in_home("mine"), 0755), 0);
	copy(PLUGIN_DIR "/by_stream.so", in_home("mine/by_stream.so"));
	char dir[512];
	strcpy(dir, in_home("mine"));
	struct nc_plugin_host *host = host_open(NULL, dir);
	struct nc_filter *old = compiled(host, "by_stream", "\"a\"");
	/* Bytes behind an ELF file are nobody's, and make another SHA-256. */
	FILE *out = fopen(in_home("mine/by_stream.so"), "ab");
	(void)fputs("newer", out);
	(void)fclose(out);
	cr_assert_eq(nc_plugin_host_scan(host), NC_OK);
	struct nc_filter *new = compiled(host, "by_stream", "\"a\"");
	struct nc_event event = event_of("a", "T", "{}");
	cr_expect(matches(old, &event));
	cr_expect(matches(new, &event));
	cr_expect_eq(nc_filter_plugin(old).state, NC_PLUGIN_REPLACED);
	cr_expect_eq(nc_filter_plugin(new).state, NC_PLUGIN_LOADED);
	cr_expect_str_neq(nc_filter_plugin(old).sha256, nc_filter_plugin(new).sha256);
	struct nc_plugin_info info;
	cr_assert_eq(nc_plugin_host_find(host, NC_SLICE("by_stream"), &info), NC_OK);
	cr_expect_str_eq(info.sha256, nc_filter_plugin(new).sha256);
	cr_assert_eq(nc_plugin_host_scan(host), NC_OK);
	cr_expect_eq(listed(host, "/by_stream.so").count, 2);
	/* And back again. */
	copy(PLUGIN_DIR "/by_stream.so", in_home("mine/by_stream.so"));
	cr_assert_eq(nc_plugin_host_scan(host), NC_OK);
	cr_assert_eq(nc_plugin_host_find(host, NC_SLICE("by_stream"), &info), NC_OK);
	cr_expect_str_eq(info.sha256, nc_filter_plugin(old).sha256);
	nc_filter_unref(old);
	nc_filter_unref(new);
	nc_plugin_host_close(host);
}

static void touch(const char *name)
{
	FILE *file = fopen(in_home(name), "w");
	cr_assert_not_null(file);
	cr_assert_eq(fclose(file), 0);
}

Test(plugin_host, forgets_copies_of_an_earlier_run_and_nothing_else)
{
	static const char a[] = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
	char old[120], draft[120];
	(void)snprintf(old, sizeof old, "private/%s.so", a);
	(void)snprintf(draft, sizeof draft, "private/.%s.42", a);
	cr_assert_eq(mkdir(in_home("private"), 0700), 0);
	touch(old);
	touch(draft);
	touch("private/mine.so");
	struct nc_plugin_host *host = host_open(PLUGIN_DIR, NULL);
	cr_expect_neq(access(in_home(old), F_OK), 0);
	cr_expect_neq(access(in_home(draft), F_OK), 0);
	cr_expect_eq(access(in_home("private/mine.so"), F_OK), 0);
	struct nc_plugin_info info;
	cr_assert_eq(nc_plugin_host_find(host, NC_SLICE("by_stream"), &info), NC_OK);
	(void)snprintf(old, sizeof old, "private/%s.so", info.sha256);
	cr_expect_eq(access(in_home(old), F_OK), 0, "what is loaded stays");
	nc_plugin_host_close(host);
}
