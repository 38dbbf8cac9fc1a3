/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test/wall_clock.c - another program's wall clock (a Redis server's), loaded
 * before its libraries: it is what the file MORTSAFE_CLOCK says, as for
 * test/stepped_clock.c.  Its other clocks run.
 */
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static pthread_once_t once = PTHREAD_ONCE_INIT;
static const _Atomic int64_t *wall_s;

static void
map(void)
{
    const char *path = getenv("MORTSAFE_CLOCK");
    int fd = path != NULL ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    void *at = MAP_FAILED;

    if (fd >= 0)
        at = mmap(NULL, sizeof(*wall_s), PROT_READ, MAP_SHARED, fd, 0);
    if (at == MAP_FAILED)
        _exit(70);
    (void)close(fd);
    wall_s = at;
}

int
gettimeofday(struct timeval *restrict out, void *restrict zone)
{
    (void)zone;
    (void)pthread_once(&once, map);
    *out = (struct timeval){.tv_sec = (time_t)atomic_load(wall_s)};
    return 0;
}

time_t
time(time_t *out)
{
    time_t now;

    (void)pthread_once(&once, map);
    now = (time_t)atomic_load(wall_s);
    if (out != NULL)
        *out = now;
    return now;
}
