/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * milter/desk.h - all that an operator's question may touch: what the API's
 * handlers, the page and the metrics are given.  Everything in it is borrowed,
 * and thread-safe.
 */
#ifndef MORTSAFE_MILTER_DESK_H
#define MORTSAFE_MILTER_DESK_H

#include "milter/alias.h"
#include "milter/clerk.h"
#include "milter/daemon.h"
#include "milter/diary.h"
#include "milter/history.h"
#include "milter/metrics.h"
#include "milter/picture.h"
#include "milter/self.h"
#include "milter/top.h"
#include "policy/store/store.h"

struct desk {
    struct daemon *daemon; /* configuration, acts, store, counts, journal */
    struct clerk *clerk;
    struct diary *diary;
    struct history *history;
    struct pictures *pictures;
    struct top *top;
    struct metrics *metrics;
    struct alias *alias;
    struct self *self;
    struct store *shared;  /* NULL: no fleet */
    struct store *denials; /* NULL: none; emptied when acts change */
    enum store_type type;
    const char *path; /* of the configuration */
    const char *host;
    int64_t started_s;

    /* Read the configuration again, handing each line that the log is told to
     * LINE(TO).  MS_INVALID: the old one stays. */
    enum ms_err (*reload)(void *arg,
                          void (*line)(void *to, int level, const char *text),
                          void *to);
    struct store_time (*now)(void *arg);
    void *arg;
};

#endif
