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
#include <time.h>

#include "milter/detect/brake.h"
#include "milter/detect/detect.h"
#include "milter/detect/doubt.h"
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
    struct doubts *doubts;

    _Atomic uint64_t updates, retries, failed, damaged, newer, braked;
    _Atomic uint64_t changes[STANDING_PROBATION + 1];
    _Atomic uint64_t standing[STANDING_PROBATION + 1];
    _Atomic int64_t damage_told_s;

    /* Of whoever has the turn. */
    struct timespec until;       /* the next beat is due */
    int64_t pass_ms;             /* when that is due */
    uint64_t freeze;             /* the one that was last applied to all */
    uint64_t freeze_tried;       /* the same, to as many as it went */
    int64_t freeze_ms;           /* then it is tried again */
    uint32_t active;             /* subjects that were new to their day */
    uint32_t judged, flagged;    /* verdicts for the brake */
    uint64_t trail_told;         /* messages whose loss is told */
    struct detect_others others; /* that are not told yet */
    int64_t trail_ms, others_ms; /* from when on they may be told */

    pthread_mutex_t lock; /* guards all below; a leaf */
    pthread_cond_t wake, settled;
    pthread_t thread;
    bool started, stop, hot;
    bool ended;               /* and all that waited is judged */
    bool turn;                /* somebody judges, the thread or another */
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
    bool observed;                    /* the rule only looks on */
    const struct detect_under *under; /* borrowed; under which words, as they
                                         are AT, these three are to be found:
                                         by the state; NULL: they are given */
    struct wall at;
    struct store_time now;
    enum update_do (*apply)(struct update *update, struct detector *d);
    const void *arg;
    const struct detect_word *word; /* NULL: nobody's */

    /* Out; rule, class and observed, too, as soon as the state was read. */
    struct detector_tuning tuning; /* filled in before apply() */
    uint64_t freeze;               /* the same; 0: filters are believed */
    struct detector before, after;
    bool always; /* apply(): a change is told of in any case */
    bool moved;  /* the standing is another: CHANGE tells, and was told */
    struct change change;
    uint64_t token; /* written with what this does */
    bool doubtful;  /* it failed, and the store may have it all the same */

    /* Of update.c. */
    unsigned tries;
    bool read, sent; /* at the last try */
    bool quiet;      /* apply() did nothing */
    bool lapsed; /* what was earned in observe mode is watched now; apply() was
                    not called */
    bool damaged;
    bool anew;             /* its standing was known, and not since when */
    enum standing allowed; /* by the brake: the worst */
    enum standing refused; /* by the brake: the least; NORMAL: none */
    enum standing wants;   /* the brake is to be asked about it */
    uint32_t throttle;
};

/* Find out by UPDATE->under who judges its subject, whom RULE judged last; and
 * by which tuning.  update_run() does so itself. */
void update_find(struct update *update, uint64_t rule);

/*
 * Do it, and tell of another standing.  Errors of store_update(); MS_VERSION: a
 * newer version's state, which is left alone.  A change that the store may have
 * or not is told when it is seen there.
 */
enum ms_err update_run(struct detect *detect, struct update *update);

/* Look after those of which that is not known. */
void update_settle(struct detect *detect);

/* ----- judge.c: what waits */

/* Judge those that are to be judged at once, MOST of them; and all that waits
 * now.  One that cannot be stored waits on; false: the store does not answer,
 * and what is left waits on. */
bool judge_hot(struct detect *detect, size_t most);
bool judge_all(struct detect *detect);

/* How long one goes on though the store fails: it may be one of its nodes
 * only. */
enum {
    PATIENCE_ROW = 16, /* failures, one after the other */
    PATIENCE_MS = 2000 /* that all of them may take */
};
struct patience {
    unsigned row;
    int64_t lost_ms;
};

/* An update begun at SINCE has ended with ERR; false: it is no use to go on. */
bool patience_has(struct patience *patience, struct detect *detect,
                  struct mono since, enum ms_err err);

/* ----- detect.c */

/* Between two steps of something long: judge whoever is hot; all, if somebody
 * waits for that or a beat is due.  False: the thread is to end. */
bool detect_between(struct detect *detect);

/* ----- pass.c: what time does */

void pass_all(struct detect *detect, struct store_time now);

/* What filters have said is taken back from all who stand throttled or
 * quarantined, once for each freeze. */
void pass_freeze(struct detect *detect, struct store_time now);

#endif
