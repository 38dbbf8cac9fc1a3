/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * milter/clerk/walk.h - a thread that slowly looks through all records of a
 * store, again and again, so that the busiest are known right after a start,
 * and whatever was missed.
 */
#ifndef MORTSAFE_MILTER_CLERK_WALK_H
#define MORTSAFE_MILTER_CLERK_WALK_H

#include "policy/store/store.h"

enum {
    CLERK_WALK_SOME = 100,      /* records between two pauses, */
    CLERK_WALK_PAUSE_MS = 5,    /* each so long: at most 20,000 a second */
    CLERK_WALK_REST_MS = 300000 /* between two walks */
};

struct clerk_walk;

struct clerk_walk_needs {
    struct store *store; /* whose records are this host's own */
    void (*rank)(void *arg, const struct store_record *record);
    struct store_time (*now)(void *arg);
    void *arg;
};

/* Start it in *OUT; clerk_walk_stop() ends it.  MS_NOMEM, MS_UNAVAIL. */
enum ms_err clerk_walk_start(const struct clerk_walk_needs *needs,
                             struct clerk_walk **out);
void clerk_walk_stop(struct clerk_walk *walk); /* NULL is fine */

#endif
