/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * milter/detect/doubt.h - changes of standing that a store was given and did
 * not answer: they are told as soon as a state shows that it has them.  Each
 * has a token, which is written with it.  Thread-safe; a leaf lock.
 */
#ifndef MORTSAFE_MILTER_DETECT_DOUBT_H
#define MORTSAFE_MILTER_DETECT_DOUBT_H

#include <stdbool.h>
#include <stdint.h>

#include "milter/diary/change.h"
#include "policy/clock.h"
#include "policy/detector/detector.h"
#include "policy/err.h"
#include "policy/subject.h"

enum {
    DOUBTS = 32,  /* that are remembered; of more the oldest are not */
    DOUBT_S = 600 /* for so long: then the store has never had it */
};

struct doubts;

enum ms_err doubts_create(struct doubts **out); /* MS_NOMEM */
void doubts_destroy(struct doubts *doubts);     /* NULL is fine */

/* CHANGE (copied) was given under TOKEN. */
void doubts_add(struct doubts *doubts, uint64_t token,
                const struct change *change, struct wall now);

/* Is there one of SUBJECT that D, its state as it is stored, shows?  It is not
 * in doubt any more, and in *OUT. */
bool doubts_clear(struct doubts *doubts, const struct subject *subject,
                  const struct detector *d, struct change *out);

/* The subjects that are in doubt at NOW; how many. */
unsigned doubts_subjects(struct doubts *doubts, struct wall now,
                         struct subject out[DOUBTS]);

#endif
