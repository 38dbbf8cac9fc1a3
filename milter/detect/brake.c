/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * milter/detect/brake.c - windows of everybody together.  Who was active is
 * counted by the day (UTC), each day in one of four windows: a fresh one, while
 * that of yesterday still shows all.
 */
#include <config.h>

#include "milter/detect/brake.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <syslog.h>

#include "policy/detector/evidence.h"

enum { DAY_S = 86400, DAYS = 4 };

#define WINDOW(n) (UINT64_C(0x6272616b65000000) + (n))

enum {
    WINDOW_ACTIVE,
    WINDOW_THROTTLED = WINDOW_ACTIVE + DAYS, /* then of those only observed */
    WINDOW_QUARANTINED = WINDOW_THROTTLED + 2,
    WINDOW_JUDGED = WINDOW_QUARANTINED + 2,
    WINDOW_FLAGGED
};

struct brake {
    struct brake_needs is;
    struct subject all;
    _Atomic int64_t braked_s, told_s; /* last, by the wall clock; 0: never */
    _Atomic uint64_t own;             /* freeze of a host that is alone */
    _Atomic int64_t until_s;          /* its end */
};

enum ms_err
brake_create(const struct brake_needs *needs, struct brake **out)
{
    struct brake *brake = calloc(1, sizeof(*brake));

    if (brake == NULL)
        return MS_NOMEM;
    brake->is = *needs;
    (void)subject_make(SUBJECT_NETWORK, "(all)", &brake->all);
    *out = brake;
    return MS_OK;
}

void
brake_destroy(struct brake *brake)
{
    free(brake);
}

/* Charge N items about everybody; false: the store does not answer. */
static bool
charge(struct brake *brake, struct charge_item *items, size_t n,
       struct store_time now, struct charge_answers *out)
{
    struct store_ticket *ticket = NULL;
    struct mono until = {now.mono.ms + BRAKE_WAIT_MS};

    for (size_t i = 0; i < n; i++)
        items[i].subject = &brake->all;
    if (store_submit(brake->is.store, items, n, now, &ticket) != MS_OK)
        return false;
    return store_collect(brake->is.store, ticket, until, out) == MS_OK;
}

static struct charge_item
note(unsigned window, uint32_t span_s, uint32_t n)
{
    struct charge_item item = {.window = WINDOW(window),
                               .span_s = span_s,
                               .n = n,
                               .limit = UINT32_MAX,
                               .kind = CHARGE_NOTE};

    return item;
}

/* ----- who is active */

static unsigned
window_of_day(int64_t day)
{
    return WINDOW_ACTIVE + (unsigned)((day % DAYS + DAYS) % DAYS);
}

void
brake_active(struct brake *brake, uint32_t n, struct store_time now)
{
    struct charge_item item =
        note(window_of_day(now.wall.s / DAY_S), 2 * DAY_S, n);
    struct charge_answers answers;

    (void)charge(brake, &item, 1, now, &answers);
}

/* ----- the breaker */

/* How many may come to stand TO in an hour; 0: nobody can tell. */
static uint32_t
most(struct brake *brake, enum standing to, struct store_time now)
{
    const uint64_t parts = to == STANDING_QUARANTINED ? 1000 : 200;
    const uint64_t least =
        to == STANDING_QUARANTINED ? BRAKE_QUARANTINES : BRAKE_THROTTLES;
    int64_t day = now.wall.s / DAY_S;
    struct charge_item items[] = {
        note(window_of_day(day), 2 * DAY_S, 0),
        note(window_of_day(day - 1), 2 * DAY_S, 0),
    };
    struct charge_answers answers;
    uint64_t active;

    items[0].kind = items[1].kind = CHARGE_LOOK;
    if (!charge(brake, items, 2, now, &answers))
        return 0;
    active = answers.item[0].used > answers.item[1].used ? answers.item[0].used
                                                         : answers.item[1].used;
    active /= parts;
    if (active < least)
        active = least;
    return active < UINT32_MAX ? (uint32_t)active : UINT32_MAX;
}

static void
tell(struct brake *brake, enum standing to, uint32_t limit, struct wall now)
{
    int64_t told_s = atomic_load(&brake->told_s);

    atomic_store(&brake->braked_s, now.s);
    if (told_s != 0 && now.s >= told_s && now.s - told_s < BRAKE_HOUR_S)
        return;
    if (!atomic_compare_exchange_strong(&brake->told_s, &told_s, now.s))
        return; /* another thread does */
    journal_say(
        brake->is.journal, LOG_ERR,
        "detector: more than %lu would be %s within an hour: a filter "
        "or rule that is wrong about everybody?  The others are watched, "
        "or stay as they were; see mortsafectl zombies",
        (unsigned long)limit, standing_name(to));
}

bool
brake_allows(struct brake *brake, enum standing to, bool observed,
             struct store_time now)
{
    uint32_t limit = most(brake, to, now);
    struct charge_item item = {
        .window = WINDOW((to == STANDING_QUARANTINED ? WINDOW_QUARANTINED
                                                     : WINDOW_THROTTLED) +
                         (observed ? 1U : 0U)),
        .span_s = BRAKE_HOUR_S,
        .n = 1,
        .limit = limit,
        .kind = CHARGE_TAKE};
    struct charge_answers answers;

    if (limit == 0 || !charge(brake, &item, 1, now, &answers) ||
        !answers.item[0].over)
        return true;
    tell(brake, to, limit, now.wall);
    return false;
}

bool
brake_is_braking(struct brake *brake, struct wall now)
{
    int64_t braked_s = atomic_load(&brake->braked_s);

    return braked_s != 0 && now.s - braked_s < BRAKE_HOUR_S;
}

/* ----- the freeze */

/* Is FLAGGED of JUDGED, in the last quarter of an hour, far more than in the
 * week before? */
static bool
is_sign(const struct charge_answers *answers)
{
    uint64_t judged = answers->item[0].used, flagged = answers->item[1].used;
    uint64_t week = answers->item[2].used, week_flagged = answers->item[3].used;

    week -= week < judged ? week : judged;
    week_flagged -= week_flagged < flagged ? week_flagged : flagged;
    if (judged < BRAKE_VERDICTS || 20 * flagged <= judged)
        return false;
    return week < BRAKE_VERDICTS || flagged * week > 2 * week_flagged * judged;
}

uint64_t
brake_freeze(struct brake *brake, struct wall now)
{
    if (brake->is.frozen != NULL)
        return brake->is.frozen(brake->is.arg, now);
    return now.s < atomic_load(&brake->until_s) ? atomic_load(&brake->own) : 0;
}

static void
freeze(struct brake *brake, const struct charge_answers *answers,
       struct wall now)
{
    uint64_t flagged = answers->item[1].used, judged = answers->item[0].used;

    if (brake_freeze(brake, now) == 0) {
        journal_say(brake->is.journal, LOG_ERR,
                    "detector: filters have flagged %llu of %llu messages "
                    "within 15 minutes, far more than usual: they are not "
                    "believed for an hour, and what they said in the last one "
                    "is taken back",
                    (unsigned long long)flagged, (unsigned long long)judged);
        atomic_store(&brake->own, now.s > 0 ? (uint64_t)now.s : 1);
    }
    atomic_store(&brake->until_s, now.s + BRAKE_FREEZE_S);
    if (brake->is.freeze != NULL)
        brake->is.freeze(brake->is.arg, now.s + BRAKE_FREEZE_S);
}

void
brake_heard(struct brake *brake, uint32_t judged, uint32_t flagged,
            struct store_time now)
{
    struct charge_item items[] = {
        note(WINDOW_JUDGED, BRAKE_SHARE_S, judged),
        note(WINDOW_FLAGGED, BRAKE_SHARE_S, flagged),
        note(WINDOW_JUDGED, BRAKE_MEAN_S, judged),
        note(WINDOW_FLAGGED, BRAKE_MEAN_S, flagged),
    };
    struct charge_answers answers;

    if (charge(brake, items, sizeof(items) / sizeof(items[0]), now, &answers) &&
        is_sign(&answers))
        freeze(brake, &answers, now.wall);
}
