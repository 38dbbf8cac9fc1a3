/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test/stepped_clock.c - the daemon's clocks, in place of milter/now.c, for
 * tests that compare its answers word by word: they stand still until the test
 * steps them.  MORTSAFE_CLOCK names a file of two numbers of 64 bits in this
 * machine's order: the wall clock in seconds since 1970, and the other clock
 * in milliseconds.
 */
#include <config.h>

#include "milter/now.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

struct clocks {
    _Atomic int64_t wall_s, mono_ms;
};

static pthread_once_t once = PTHREAD_ONCE_INIT;
static const struct clocks *clocks;

static void
map(void)
{
    const char *path = getenv("MORTSAFE_CLOCK");
    int fd = path != NULL ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    void *at = MAP_FAILED;

    if (fd >= 0)
        at = mmap(NULL, sizeof(*clocks), PROT_READ, MAP_SHARED, fd, 0);
    if (at == MAP_FAILED) {
        (void)fputs("MORTSAFE_CLOCK must name a file with two numbers\n",
                    stderr);
        _exit(70);
    }
    (void)close(fd);
    clocks = at;
}

struct store_time
now_read(void)
{
    struct store_time now;

    (void)pthread_once(&once, map);
    now.mono.ms = atomic_load(&clocks->mono_ms);
    now.wall.s = atomic_load(&clocks->wall_s);
    return now;
}

int64_t
now_us(void)
{
    (void)pthread_once(&once, map);
    return atomic_load(&clocks->mono_ms) * 1000;
}
