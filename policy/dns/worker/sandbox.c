/* SPDX-License-Identifier: BSD-2-Clause */
#include <config.h>

#include "policy/dns/worker/sandbox.h"

#include <errno.h>
#include <limits.h>
#include <seccomp.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

/* The daemon kills what runs for over 100 ms, and ends a worker after some
 * thousand runs: the limit on time is for one whose daemon has gone. */
enum { MEMORY = 192 * 1024 * 1024, CPU_S = 900 };

void
sandbox_close_files(void)
{
    struct rlimit most;

    if (close_range(1, UINT_MAX, 0) == 0)
        return;
    /* a kernel before 5.9; nothing of the daemon's is inherited anyway */
    if (getrlimit(RLIMIT_NOFILE, &most) != 0 || most.rlim_cur > 65536)
        most.rlim_cur = 65536;
    for (int fd = 1; fd < (int)most.rlim_cur; fd++)
        (void)close(fd);
}

static bool
limit(void)
{
    static const struct {
        __rlimit_resource_t what;
        rlim_t most;
    } limits[] = {
#ifndef MS_SANITIZED
        {RLIMIT_AS, MEMORY},
#endif
        {RLIMIT_CPU, CPU_S}, {RLIMIT_CORE, 0},
        {RLIMIT_FSIZE, 0},   {RLIMIT_NOFILE, 1},
    };

    for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++) {
        const struct rlimit to = {limits[i].most, limits[i].most};

        if (setrlimit(limits[i].what, &to) != 0)
            return false;
    }
    return true;
}

#ifndef MS_SANITIZED
static bool
allow_calls(scmp_filter_ctx filter)
{
    static const int calls[] = {SCMP_SYS(brk),        SCMP_SYS(munmap),
                                SCMP_SYS(mremap),     SCMP_SYS(madvise),
                                SCMP_SYS(getrandom),  SCMP_SYS(exit),
                                SCMP_SYS(exit_group), SCMP_SYS(rt_sigreturn)};

    for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++)
        if (seccomp_rule_add(filter, SCMP_ACT_ALLOW, calls[i], 0) != 0)
            return false;
    return seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(mmap), 1,
                            SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0)) == 0 &&
           seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(read), 1,
                            SCMP_A0(SCMP_CMP_EQ, 0)) == 0 &&
           seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(write), 1,
                            SCMP_A0(SCMP_CMP_EQ, 0)) == 0;
}

static bool
filter_calls(void)
{
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_KILL_PROCESS);
    bool done = false;

    if (filter == NULL)
        return false;
    done = allow_calls(filter) && seccomp_load(filter) == 0;
    /* to free what the filter took is within what it allows */
    seccomp_release(filter);
    return done;
}
#else
static bool
filter_calls(void)
{
    return true;
}
#endif

bool
sandbox_enter(void)
{
    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
           prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) == 0 && limit() && filter_calls();
}
