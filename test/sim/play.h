/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test/sim/play.h - a detector watches one subject's mail: standings day by
 * day, and what gets through.  Throttling is by windows, as in the daemon.
 */
#ifndef MORTSAFE_TEST_SIM_PLAY_H
#define MORTSAFE_TEST_SIM_PLAY_H

#include "policy/detector/detector.h"
#include "policy/window.h"
#include "test/sim/traffic.h"

/* Who judges. */
struct play_judge {
    bool limit;                    /* no detector: 100 recipients an hour */
    struct detector_tuning tuning; /* else */
    int64_t release_s;    /* an operator lets go as usual so long after a
                             throttle or quarantine; 0: never */
    int64_t count_from_s; /* honest mail before it is not counted */
};

/* When it came first; -1: never. */
struct play_result {
    unsigned watched, throttled, quarantined; /* days before any attack */
    uint64_t honest, honest_held;             /* recipients */
    uint64_t spam, leaked;                    /* recipients; let through */
    int64_t first_spam_s, throttled_s, quarantined_s;
    uint64_t leaked_throttled, leaked_quarantined; /* let through until then */
    int64_t last_day[STANDING_PROBATION + 1];
    bool attacked;
};

struct play {
    const struct play_judge *judge;
    struct detector d;
    struct window window; /* of what passes while throttled; of the limit */
    int64_t release_at_s;
    struct play_result result;
};

void play_begin(struct play *p, const struct play_judge *judge);

/* MAIL to the hashes RECIPIENT; returns how many are let through. */
uint32_t play_mail(struct play *p, const struct mail *mail,
                   const uint64_t *recipient);

/* All of T. */
void play_traffic(const struct traffic *t, const struct play_judge *judge,
                  struct play_result *out);

#endif
