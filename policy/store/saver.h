/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * policy/store/saver.h - the thread that copies what is dirty in a ledger to
 * the embedded store's file, about once a second, and goes on trying when it
 * cannot.
 */
#ifndef MORTSAFE_POLICY_STORE_SAVER_H
#define MORTSAFE_POLICY_STORE_SAVER_H

#include "policy/err.h"
#include "policy/store/ledger.h"
#include "policy/store/sqlite.h"
#include "policy/store/statedir.h"
#include "policy/store/statefile.h"
#include "policy/store/store.h"

struct saver;

/* All borrowed for the saver's life, but FILE, which is moved. */
struct saver_needs {
    struct ledger *ledger;
    struct statedir *dir;
    struct statefile *file; /* NULL: there is none yet */
    const char *boot;
    struct store_clock clock;
    struct store_events events;
};

/*
 * Start a thread, which blocks all signals; *OUT is ended by saver_stop().
 * MS_NOMEM: nothing was moved.
 */
enum ms_err saver_start(const struct saver_needs *needs, struct saver **out);

/* Something should be saved at once, not within a second.  Does not wait. */
void saver_kick(struct saver *saver);

/* Save now, and wait until it is done.  MS_UNAVAIL and the like. */
enum ms_err saver_flush(struct saver *saver, struct why *why);

/* Fill in the saver's part of OUT. */
void saver_stats(struct saver *saver, struct store_stats *out);

/* Save all, mark the file clean, end the thread.  NULL is fine. */
void saver_stop(struct saver *saver);

/* What a transaction at NOW writes about time. */
void saver_meta(struct ledger *ledger, const char *boot, struct store_time now,
                struct statefile_meta *out);

/*
 * Move a damaged file (WHY tells how) aside, and tell it.  MS_UNAVAIL: that
 * cannot be done; WHY tells then why.
 */
enum ms_err saver_move_aside(struct statedir *dir, struct store_time now,
                             struct store_events events, struct why *why);

#endif
