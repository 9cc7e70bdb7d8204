/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Limits, another user, Landlock, seccomp. */
#include "plugins/host/cell_confine.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/landlock.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "core/base/parent.h"

#define NOBODY 65534 /* uid and gid of nobody, who owns nothing */

#if defined(__x86_64__)
#define CELL_ARCH AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define CELL_ARCH AUDIT_ARCH_AARCH64
#endif

static bool fail(char *why, size_t why_size, const char *what)
{
	(void)snprintf(why, why_size, "cannot be isolated on this machine: %s: %s", what,
	               strerror(errno));
	return false;
}

/* ---- Limits --------------------------------------------------------------------------------- */

static bool limit(int what, rlim_t most)
{
	const struct rlimit limit = { most, most };
	return setrlimit((__rlimit_resource_t)what, &limit) == 0;
}

/* Bytes of address space that are mapped already. */
static size_t mapped(void)
{
	char line[256]; /* its first number is the pages */
	FILE *file = fopen("/proc/self/statm", "re");
	if (file == NULL)
		return 0;
	unsigned long pages = fgets(line, sizeof line, file) == NULL ? 0 : strtoul(line, NULL, 10);
	(void)fclose(file);
	return pages * (size_t)sysconf(_SC_PAGESIZE);
}

static bool limits_set(void)
{
	bool good = limit(RLIMIT_CORE, 0) && limit(RLIMIT_FSIZE, 0) && limit(RLIMIT_NPROC, 0) &&
	            limit(RLIMIT_NOFILE, 32) && limit(RLIMIT_MEMLOCK, 0);
	/* The sanitizers map terabytes. */
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
	good = good && limit(RLIMIT_AS, mapped() + NC_CELL_MEMORY_MAX);
#endif
	(void)mapped;
	return good;
}

void nc_cell_cpu_renew(void)
{
	struct rusage used;
	struct rlimit limit;
	if (getrusage(RUSAGE_SELF, &used) != 0 || getrlimit(RLIMIT_CPU, &limit) != 0)
		return;
	limit.rlim_cur = (rlim_t)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) + NC_CELL_CPU_S;
	(void)setrlimit(RLIMIT_CPU, &limit);
}

/* ---- Whose it is ---------------------------------------------------------------------------- */

static bool user_leave(void)
{
	if (geteuid() != 0)
		return true;
	/* Without a network; where a container forbids that, seccomp leaves no socket either. */
	(void)unshare(CLONE_NEWNET | CLONE_NEWIPC);
	return setgroups(0, NULL) == 0 && setresgid(NOBODY, NOBODY, NOBODY) == 0 &&
	       setresuid(NOBODY, NOBODY, NOBODY) == 0;
}

/* ---- What can be read ----------------------------------------------------------------------- */

static void allow_read(int rules, int fd, bool directory)
{
	const struct landlock_path_beneath_attr beneath = {
		.allowed_access = LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_EXECUTE |
		                  (directory ? LANDLOCK_ACCESS_FS_READ_DIR : 0u),
		.parent_fd = fd,
	};
	(void)syscall(SYS_landlock_add_rule, rules, LANDLOCK_RULE_PATH_BENEATH, &beneath, 0);
}

/* A kernel without Landlock leaves what its user may read; seccomp still forbids to write. */
static void files_hide(int plugin_fd)
{
	static const char *const places[] = { "/lib",       "/lib64",         "/usr/lib",
		                              "/usr/lib64", "/usr/local/lib", "/etc/ld.so.cache" };
	const struct landlock_ruleset_attr attr = {
		.handled_access_fs = LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_WRITE_FILE |
		                     LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR |
		                     LANDLOCK_ACCESS_FS_REMOVE_DIR |
		                     LANDLOCK_ACCESS_FS_REMOVE_FILE | LANDLOCK_ACCESS_FS_MAKE_REG,
	};
	int rules = (int)syscall(SYS_landlock_create_ruleset, &attr, sizeof attr, 0);
	if (rules < 0)
		return;
	for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
		int fd = open(places[i], O_PATH | O_CLOEXEC);
		if (fd < 0)
			continue;
		allow_read(rules, fd, strcmp(places[i], "/etc/ld.so.cache") != 0);
		(void)close(fd);
	}
	allow_read(rules, plugin_fd, false);
	(void)syscall(SYS_landlock_restrict_self, rules, 0);
	(void)close(rules);
}

/* ---- System calls --------------------------------------------------------------------------- */

#ifdef CELL_ARCH

#define LOAD(member) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, member))
#define GIVE(what)   BPF_STMT(BPF_RET | BPF_K, (what))
/* If the loaded value is `value`, run the next instruction, else skip it. */
#define WHEN(value)  BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (value), 0, 1)
#define ALLOW(name)  WHEN(SYS_##name), GIVE(SECCOMP_RET_ALLOW)
/* Calls that no program makes by accident: they end the process. */
#define END(name)    WHEN(SYS_##name), GIVE(SECCOMP_RET_KILL_PROCESS)

/* Allow opening a file, but neither for writing nor to create it. */
#define READ_ONLY(name, flags)                                                               \
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_##name, 0, 5), LOAD(args[flags]),            \
	        BPF_STMT(BPF_ALU | BPF_AND | BPF_K, O_ACCMODE | O_CREAT | O_TRUNC), WHEN(0), \
	        GIVE(SECCOMP_RET_ALLOW), GIVE(SECCOMP_RET_ERRNO | EPERM)

#define HEAD                                                              \
	LOAD(arch), BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, CELL_ARCH, 1, 0), \
	        GIVE(SECCOMP_RET_KILL_PROCESS), LOAD(nr)

/* Everything else fails with EPERM: a library that only asks goes on. */
#define TAIL GIVE(SECCOMP_RET_ERRNO | EPERM)

#define EACH_CALL_NEEDS                                                                            \
	ALLOW(read), ALLOW(write), ALLOW(mmap), ALLOW(munmap), ALLOW(mremap), ALLOW(mprotect),     \
	        ALLOW(madvise), ALLOW(brk), ALLOW(futex), ALLOW(rt_sigreturn),                     \
	        ALLOW(rt_sigprocmask), ALLOW(rt_sigaction), ALLOW(sigaltstack), ALLOW(exit),       \
	        ALLOW(exit_group), ALLOW(clock_gettime), ALLOW(clock_nanosleep), ALLOW(nanosleep), \
	        ALLOW(restart_syscall), ALLOW(gettimeofday), ALLOW(getpid), ALLOW(gettid),         \
	        ALLOW(getrandom), ALLOW(sched_yield), ALLOW(getrusage)

#define NOBODY_NEEDS                                                                       \
	END(socket), END(socketpair), END(clone), END(clone3), END(execve), END(execveat), \
	        END(ptrace), END(process_vm_readv), END(process_vm_writev), END(kill), END(tkill)

static bool filter_install(struct sock_filter *code, size_t count)
{
	const struct sock_fprog program = { .len = (unsigned short)count, .filter = code };
	return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) == 0;
}

/* Allow signals to the own thread, which abort() sends, and to no other. And the own limits. */
#define TO_SELF(self)                                                                             \
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_tgkill, 0, 4), LOAD(args[0]), WHEN(self),         \
	        GIVE(SECCOMP_RET_ALLOW), GIVE(SECCOMP_RET_KILL_PROCESS),                          \
	        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_prlimit64, 0, 4), LOAD(args[0]), WHEN(0), \
	        GIVE(SECCOMP_RET_ALLOW), GIVE(SECCOMP_RET_ERRNO | EPERM)

static bool calls_limit(bool loaded)
{
	const unsigned self = (unsigned)getpid();
	struct sock_filter running[] = { HEAD, EACH_CALL_NEEDS, NOBODY_NEEDS, TO_SELF(self), TAIL };
#ifdef SYS_open
#define OLD_NAMES                                                                                 \
	READ_ONLY(open, 1), ALLOW(stat), ALLOW(lstat), ALLOW(access), ALLOW(readlink), END(fork), \
	        END(vfork),
#else
#define OLD_NAMES
#endif
	struct sock_filter loading[] = { HEAD,
		                         EACH_CALL_NEEDS,
		                         OLD_NAMES NOBODY_NEEDS,
		                         READ_ONLY(openat, 2),
		                         ALLOW(close),
		                         ALLOW(fstat),
		                         ALLOW(newfstatat),
		                         ALLOW(statx),
		                         ALLOW(faccessat),
		                         ALLOW(faccessat2),
		                         ALLOW(readlinkat),
		                         ALLOW(pread64),
		                         ALLOW(lseek),
		                         ALLOW(fcntl),
		                         ALLOW(getdents64),
		                         ALLOW(getcwd),
		                         ALLOW(uname),
		                         ALLOW(sched_getaffinity),
		                         ALLOW(seccomp),
		                         TO_SELF(self),
		                         TAIL };
	return loaded ? filter_install(running, sizeof running / sizeof running[0])
	              : filter_install(loading, sizeof loading / sizeof loading[0]);
}

#else

static bool calls_limit(bool loaded)
{
	(void)loaded;
	errno = ENOSYS;
	return false;
}

#endif

/* ---- All of it ------------------------------------------------------------------------------ */

bool nc_cell_confine(pid_t node, int plugin_fd, char *why, size_t why_size)
{
	(void)nice(10); /* events of others go before */
	if (!user_leave())
		return fail(why, why_size, "another user");
	if (!limits_set())
		return fail(why, why_size, "limits");
	/* Set after the change of user, which would undo it. */
	if (!nc_parent_follow(node) || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
		return fail(why, why_size, "prctl");
	files_hide(plugin_fd);
	return calls_limit(false) || fail(why, why_size, "seccomp");
}

bool nc_cell_confine_more(char *why, size_t why_size)
{
	return calls_limit(true) || fail(why, why_size, "seccomp");
}
