/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * policy/charge.h - what the engine asks of a store and is told: items,
 * answers, receipts.  Plain data, so that policy/ knows no store.
 */
#ifndef MORTSAFE_POLICY_CHARGE_H
#define MORTSAFE_POLICY_CHARGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "policy/subject.h"

enum { CHARGE_ITEMS = 64, CHARGE_SUBJECTS = 32 }; /* of one step */

enum charge_kind {
    CHARGE_TAKE, /* refuse if used + n > limit, else add */
    CHARGE_NOTE, /* always add; over only tells */
    CHARGE_LOOK  /* refuse if used + n > limit, add nothing */
};

/* One window of one subject.  A step's items are checked together; then all
 * are added, or none if a live one refuses. */
struct charge_item {
    const struct subject *subject; /* borrowed for the call */
    uint64_t window;               /* limit_window(): name, key, metric, span */
    uint32_t span_s;               /* 12 to 31622400 */
    uint32_t n;                    /* events */
    uint32_t limit;                /* events per span */
    enum charge_kind kind;
    bool observe;   /* a trial: not added if it refuses; stops nobody */
    bool throttled; /* counts only while the subject stands throttled, and
                       then against the rate stored beside its standing */
    bool host;      /* scope = host: never leaves this machine */
};

enum standing {
    STANDING_NORMAL,
    STANDING_WATCHED,
    STANDING_THROTTLED,
    STANDING_QUARANTINED,
    STANDING_PROBATION
};

/* Proof of what was added, for a refund. */
struct receipt {
    uint8_t key[16];  /* of the subject, as the store made it */
    uint64_t epoch;   /* of the record: new at creation, reset and import */
    uint64_t window;
    uint32_t span_s;
    uint32_t slice;
    uint32_t n; /* 0: nothing was added */
};

struct charge_answer {
    bool over;           /* it refuses, or, if noted, is beyond its limit */
    uint64_t used;       /* count with this attempt */
    uint64_t room_ms;    /* until N would fit; UINT64_MAX: never */
    enum standing standing; /* of the item's subject */
    struct receipt receipt; /* n = 0 unless added */
};

/* The answers to one step, in the order of its items. */
struct charge_answers {
    bool added; /* every item that is neither look nor a refusing trial */
    size_t n;
    struct charge_answer item[CHARGE_ITEMS];
};

#endif
