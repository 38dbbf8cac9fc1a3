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

/* What decides an item while the store that a fleet shares is away. */
enum charge_fallback {
    FALLBACK_LOCAL,    /* this host's share of the limit, and its own counts */
    FALLBACK_TEMPFAIL, /* nothing: its answer is `unknown` */
    FALLBACK_ACCEPT    /* nothing: it passes and is not counted */
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
    bool early; /* a look that the message will ask again before it is let in */
    bool returned; /* a note that is given back if the step is refused */
    enum charge_fallback fallback;
    /* Of a shared store to the store in this host that shadows it; else 0: */
    uint16_t hosts; /* compare with one host's share of LIMIT among so many */
    uint64_t fleet; /* what all hosts have counted, N included: from the two
                       counts this host's part follows */
};

enum standing {
    STANDING_NORMAL,
    STANDING_WATCHED,
    STANDING_THROTTLED,
    STANDING_QUARANTINED,
    STANDING_PROBATION
};

/* Where a store that a fleet shares has counted. */
struct proof {
    uint8_t key[16];
    uint64_t epoch; /* 0: it has not */
    uint32_t slice;
    bool waits; /* it is to be told: the counts wait in this host */
};

/* Proof of what was added, for a refund. */
struct receipt {
    uint8_t key[16]; /* of the subject, as the store made it */
    uint64_t epoch;  /* of the record: new at creation, reset and import */
    uint64_t window;
    uint32_t span_s;
    uint32_t slice;
    uint32_t n;          /* 0: nothing was added */
    struct proof shared; /* the fields above are this host's then */
};

struct charge_answer {
    bool over;              /* it refuses, or, if noted, is beyond its limit */
    bool unknown;           /* it could not be found out: FALLBACK_TEMPFAIL */
    uint64_t used;          /* count with this attempt */
    uint64_t room_ms;       /* until N would fit; UINT64_MAX: never */
    enum standing standing; /* of the item's subject */
    uint32_t first_s;       /* when that was first seen, by the wall clock; 0:
                               it was not */
    uint32_t throttle;      /* recipients per hour, if it is throttled */
    struct receipt receipt; /* n = 0 unless added */
};

/* The answers to one step, in the order of its items. */
struct charge_answers {
    bool added;    /* every item that is neither look nor a refusing trial */
    bool degraded; /* the shared store was away: this host has decided */
    bool waited;   /* for a round trip to another process */
    size_t n;
    struct charge_answer item[CHARGE_ITEMS];
};

#endif
