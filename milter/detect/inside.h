/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * milter/detect/inside.h - what the files of this room know of each other.
 */
#ifndef MORTSAFE_MILTER_DETECT_INSIDE_H
#define MORTSAFE_MILTER_DETECT_INSIDE_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "milter/detect/brake.h"
#include "milter/detect/detect.h"
#include "milter/detect/queue.h"
#include "milter/detect/trail.h"

struct held_node {
    struct held_node *next;
    struct held held;
};

struct detect {
    struct detect_needs is;
    struct detect_queue *queue;
    struct brake *brake;
    struct trail *trail;

    _Atomic uint64_t updates, retries, failed, damaged, newer, braked;
    _Atomic uint64_t changes[STANDING_PROBATION + 1];
    _Atomic uint64_t standing[STANDING_PROBATION + 1];
    _Atomic int64_t damage_told_s;

    /* Of the thread, or of detect_beat(). */
    int64_t pass_ms;          /* when that is due */
    uint64_t freeze;          /* the one that was last applied to all */
    uint32_t active;          /* subjects that were new to their day */
    uint32_t judged, flagged; /* verdicts for the brake */
    uint64_t trail_told;      /* messages whose loss is told */

    pthread_mutex_t lock; /* guards all below; a leaf */
    pthread_cond_t wake, settled;
    pthread_t thread;
    bool started, stop, hot;
    bool resting;             /* the thread looks by itself, soon */
    uint64_t asked, answered; /* detect_settle() */
    struct held_node *held, **last_held;
};

/* ----- update.c: a subject's state is read, changed and written */

/* What a verb does with a state. */
enum update_do {
    UPDATE_WRITE,
    UPDATE_NOTHING /* it stays as it was */
};

struct update {
    const struct subject *subject;
    const struct zombie *rule; /* borrowed; NULL: none judges it */
    enum network_class class;
    bool observed; /* the rule only looks on */
    struct store_time now;
    enum update_do (*apply)(struct update *update, struct detector *d);
    const void *arg;
    const struct detect_word *word; /* NULL: nobody's */

    /* Out. */
    struct detector_tuning tuning; /* filled in before apply() */
    uint64_t freeze;               /* the same; 0: filters are believed */
    struct detector before, after;
    bool always; /* apply(): a change is told of in any case */
    bool moved;  /* the standing is another: CHANGE tells, and was told */
    struct change change;

    /* Of update.c. */
    unsigned tries;
    bool quiet;  /* apply() did nothing */
    bool lapsed; /* what was earned in observe mode is watched now; apply() was
                    not called */
    bool damaged;
    enum standing allowed; /* by the brake: the worst */
    enum standing refused; /* by the brake: the least; NORMAL: none */
    enum standing wants;   /* the brake is to be asked about it */
    uint32_t throttle;
};

/* Who judges update->subject, for one who is known by name, UNDER which words
 * as they are at AT. */
void update_find(const struct detect_under *under, struct wall at,
                 struct update *update);

/* The same under those that are in force now. */
void update_find_now(struct detect *detect, const struct config *config,
                     struct update *update);

/*
 * Do it, and tell of another standing.  Errors of store_update(); MS_VERSION: a
 * newer version's state, which is left alone.
 */
enum ms_err update_run(struct detect *detect, struct update *update);

/* ----- judge.c: what waits */

/* Judge those that are to be judged at once; and all that waits.  False: the
 * store does not answer, and what is left waits on. */
bool judge_hot(struct detect *detect);
bool judge_all(struct detect *detect);

/* ----- pass.c: what time does */

void pass_all(struct detect *detect, struct store_time now);

/* What filters have said is taken back from all who stand throttled or
 * quarantined, once for each freeze. */
void pass_freeze(struct detect *detect, struct store_time now);

#endif
