/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * milter/detect/brake.h - against mass action by mistake: how many may be
 * throttled or quarantined in an hour, and whether filters are to be believed.
 * Counted in the store under network:(all), so for the whole fleet.  All but
 * create and destroy is thread-safe; those that count wait for the store.
 */
#ifndef MORTSAFE_MILTER_DETECT_BRAKE_H
#define MORTSAFE_MILTER_DETECT_BRAKE_H

#include <stdbool.h>
#include <stdint.h>

#include "milter/journal.h"
#include "policy/charge.h"
#include "policy/store/store.h"

enum {
    BRAKE_HOUR_S = 3600,
    BRAKE_SHARE_S = 900,   /* over which flagged mail is compared ... */
    BRAKE_MEAN_S = 604800, /* ... with what is usual */
    BRAKE_VERDICTS = 200,  /* fewer tell nothing */
    BRAKE_QUARANTINES = 5, /* an hour, and at least 0.1 % of those active */
    BRAKE_THROTTLES = 20,  /* and at least 0.5 % of them */
    BRAKE_FREEZE_S = 3600, /* behind the last sign */
    BRAKE_WAIT_MS = 2000   /* for the store */
};

struct brake;

/* All borrowed for its life. */
struct brake_needs {
    struct store *store;
    struct journal *journal;
    /* Filters are not to be believed until UNTIL_S, on all hosts; and the
     * number of the freeze that holds at NOW, 0: none does.  Both NULL: this
     * host is alone. */
    void (*freeze)(void *arg, int64_t until_s);
    uint64_t (*frozen)(void *arg, struct wall now);
    void *arg;
};

enum ms_err brake_create(const struct brake_needs *needs, struct brake **out);
void brake_destroy(struct brake *brake); /* NULL is fine */

/* N subjects were seen for the first time in the day (UTC) of NOW. */
void brake_active(struct brake *brake, uint32_t n, struct store_time now);

/*
 * Somebody is to stand TO (throttled, quarantined); OBSERVED ones are counted
 * apart.  False: too many have come to that in this hour; told in the log once
 * an hour.  A store that does not answer allows it: the update that follows
 * fails with it.
 */
bool brake_allows(struct brake *brake, enum standing to, bool observed,
                  struct store_time now);

/* Filters have judged JUDGED messages, FLAGGED of them as spam, of subjects
 * that stood neither throttled nor quarantined: one that sends nothing but spam
 * says nothing about a filter. */
void brake_heard(struct brake *brake, uint32_t judged, uint32_t flagged,
                 struct store_time now);

/* The number of the freeze that holds at NOW; 0: filters are believed. */
uint64_t brake_freeze(struct brake *brake, struct wall now);

/* Has the first been refused within the last hour? */
bool brake_is_braking(struct brake *brake, struct wall now);

#endif
