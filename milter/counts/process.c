/* SPDX-License-Identifier: BSD-2-Clause */
#include <config.h>

#include "milter/counts/process.h"

#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

enum { STAT_LINE = 1024 };

/* From proc(5): the fields of /proc/self/stat behind the program's name, which
 * may have anything in it. */
static bool
read_stat(struct process *out)
{
    FILE *in = fopen("/proc/self/stat", "re");
    unsigned long long user, system, threads, bytes, pages;
    char line[STAT_LINE];
    const char *at = NULL;
    int n = 0;

    if (in == NULL)
        return false;
    if (fgets(line, sizeof(line), in) != NULL)
        at = strrchr(line, ')');
    if (at != NULL)
        n = sscanf(at,
                   ") %*c %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %llu %llu "
                   "%*s %*s %*s %*s %llu %*s %*s %llu %llu",
                   &user, &system, &threads, &bytes, &pages);
    (void)fclose(in);
    if (n != 5)
        return false;
    out->cpu_us =
        (user + system) * 1000000 / (unsigned long long)sysconf(_SC_CLK_TCK);
    out->threads = threads;
    out->virtual_bytes = bytes;
    out->resident_bytes = pages * (unsigned long long)sysconf(_SC_PAGESIZE);
    return true;
}

static bool
count_fds(struct process *out)
{
    DIR *dir = opendir("/proc/self/fd");
    const struct dirent *entry;

    if (dir == NULL)
        return false;
    while ((entry = readdir(dir)) != NULL)
        out->open_fds += entry->d_name[0] != '.';
    (void)closedir(dir);
    if (out->open_fds > 0)
        out->open_fds--; /* that of the directory itself */
    return true;
}

bool
process_read(struct process *out)
{
    struct rlimit limit;

    memset(out, 0, sizeof(*out));
    if (!read_stat(out) || !count_fds(out) ||
        getrlimit(RLIMIT_NOFILE, &limit) != 0) {
        memset(out, 0, sizeof(*out));
        return false;
    }
    out->max_fds =
        limit.rlim_cur == RLIM_INFINITY ? UINT64_MAX : limit.rlim_cur;
    return true;
}
