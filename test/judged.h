/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test/judged.h - somebody in a store whom rules of zombies judge: made to
 * stand somehow, or judged by what it sends.  As the daemon's detector does it,
 * but at once.  All fail the test if the store does.
 */
#ifndef MORTSAFE_TEST_JUDGED_H
#define MORTSAFE_TEST_JUDGED_H

#include <stdbool.h>

#include "policy/acts.h"
#include "policy/config.h"
#include "policy/detector/detector.h"
#include "policy/store/store.h"

/* Whom, by which configuration, when. */
struct judged {
    struct store *store;
    const struct config *config;
    const struct acts *acts; /* NULL: none */
    struct store_time now;
    struct subject subject;
};

/* It stands so, whatever it has done; RATE recipients an hour if throttled. */
void judged_stand(const struct judged *judged, enum standing standing,
                  uint32_t rate);

/* It was first seen then; MS_INVALID: the store cannot say so. */
void judged_seen(const struct judged *judged, struct wall first);

/* Change its state by CHANGE, as the rule that judges it is tuned; RULE is
 * NULL where none does. */
void judged_change(const struct judged *judged,
                   void (*change)(void *arg, struct detector *d,
                                  const struct detector_tuning *tuning,
                                  const struct zombie *rule),
                   void *arg);

/* What is known of it, and the rate that is kept beside; false: nothing. */
bool judged_get(const struct judged *judged, struct detector *out,
                struct store_state *state);

#endif
