/* SPDX-License-Identifier: BSD-2-Clause */
#include <config.h>

#include "milter/clerk/walk.h"

#include <pthread.h>
#include <stdlib.h>

#include "milter/wait.h"

struct clerk_walk {
    struct clerk_walk_needs is;
    pthread_t thread;
    unsigned some; /* records since the last pause */

    pthread_mutex_t lock; /* guards all below; a leaf */
    pthread_cond_t wake;
    bool stop;
};

/* Wait so long.  False: it is to end. */
static bool
pause_ms(struct clerk_walk *walk, int64_t ms)
{
    struct timespec until = wait_until(ms);
    bool stop;
    int rc = 0;

    (void)pthread_mutex_lock(&walk->lock);
    while (!walk->stop && rc == 0)
        rc = pthread_cond_timedwait(&walk->wake, &walk->lock, &until);
    stop = walk->stop;
    (void)pthread_mutex_unlock(&walk->lock);
    return !stop;
}

static bool
look(void *arg, const struct store_record *record)
{
    struct clerk_walk *walk = arg;

    walk->is.rank(walk->is.arg, record);
    if (++walk->some < CLERK_WALK_SOME)
        return true;
    walk->some = 0;
    return pause_ms(walk, CLERK_WALK_PAUSE_MS);
}

static void *
run(void *arg)
{
    struct clerk_walk *walk = arg;

    do {
        for (int kind = 0; kind < SUBJECT_KINDS; kind++)
            (void)store_list(walk->is.store, (enum subject_kind)kind,
                             walk->is.now(walk->is.arg), look, walk);
    } while (pause_ms(walk, CLERK_WALK_REST_MS));
    return NULL;
}

static void
destroy(struct clerk_walk *walk)
{
    (void)pthread_cond_destroy(&walk->wake);
    (void)pthread_mutex_destroy(&walk->lock);
    free(walk);
}

enum ms_err
clerk_walk_start(const struct clerk_walk_needs *needs, struct clerk_walk **out)
{
    struct clerk_walk *walk = calloc(1, sizeof(*walk));

    if (walk == NULL)
        return MS_NOMEM;
    walk->is = *needs;
    (void)pthread_mutex_init(&walk->lock, NULL);
    wait_init(&walk->wake);
    if (pthread_create(&walk->thread, NULL, run, walk) != 0) {
        destroy(walk);
        return MS_UNAVAIL;
    }
    *out = walk;
    return MS_OK;
}

void
clerk_walk_stop(struct clerk_walk *walk)
{
    if (walk == NULL)
        return;
    (void)pthread_mutex_lock(&walk->lock);
    walk->stop = true;
    (void)pthread_cond_signal(&walk->wake);
    (void)pthread_mutex_unlock(&walk->lock);
    (void)pthread_join(walk->thread, NULL);
    destroy(walk);
}
