/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * policy/policy.h - the engine, in two pure steps: policy_ask() says what a
 * decision needs, policy_answer() gives the verdict or asks for more.  The
 * daemon, explain, replay and the scenarios all call these two.
 */
#ifndef MORTSAFE_POLICY_POLICY_H
#define MORTSAFE_POLICY_POLICY_H

#include <stdbool.h>
#include <stddef.h>

#include "policy/charge.h"
#include "policy/config.h"
#include "policy/scene.h"
#include "policy/verdict.h"

enum stage {
    STAGE_CONNECT, /* charges `connections`; its answers are used at MAIL */
    STAGE_MAIL,
    STAGE_RCPT,
    STAGE_REFUSED, /* a recipient that the MTA refused */
    STAGE_END      /* end of message */
};

enum { POLICY_WOULD = 8 };

/* A limit that has come near its number. */
struct policy_warning {
    const struct limit *limit;
    struct rate rate;
    uint64_t used;
    struct subject subject;
};

/*
 * One step of one message: what is needed, then what follows.  The caller
 * provides the room (about 60 KB; on the stack) and gives it to both calls.
 */
struct policy {
    enum stage stage;
    struct scene scene;
    bool wants; /* items are to be charged; else answer at once */
    struct charge_item items[CHARGE_ITEMS];
    size_t n_items;
    struct subject subjects[CHARGE_SUBJECTS];
    size_t n_subjects;

    struct verdict verdict;             /* when policy_answer() returned true */
    struct verdict would[POLICY_WOULD]; /* trials that would have refused */
    size_t n_would;
    struct policy_warning warning[POLICY_WOULD];
    size_t n_warnings;
    bool external; /* STAGE_RCPT: the recipient is outside `domains` */
    bool ordinary; /* ... and was counted by limits */
    bool unlisted; /* ... the MTA takes it for its own, `domains` does not */
    bool hold;     /* the message is to be held at its end: keep a copy of
                      `verdict` for facts.held */
    struct address recipient; /* STAGE_RCPT: as parsed */

    /* The engine's own from here on. */
    const struct limit *made_by[CHARGE_SUBJECTS]; /* each subject */
    struct {
        const struct limit *limit;
        struct rate rate;
    } source[CHARGE_ITEMS]; /* whence each item came */
    struct verdict holding; /* of a limit that holds; else CONTINUE */
    enum policy_phase {
        POLICY_FREE,   /* the verdict stands already */
        POLICY_DESK,   /* may this mail to postmaster pass unlimited? */
        POLICY_LIMITS, /* the limits' answers decide */
        POLICY_HELD    /* over a limit that holds: is there room to? */
    } phase;
    const struct config *config;
    const struct facts *facts;
};

/*
 * Begin STAGE of FACTS under CONFIG in P.  If p->wants, charge p->items (all
 * in one step) and hand the answers to policy_answer(); if not, hand it NULL.
 * CONFIG and FACTS must live until the verdict.  Pure.
 */
void policy_ask(const struct config *config, const struct facts *facts,
                enum stage stage, struct policy *p);

/*
 * Take ANSWERS (NULL: there were no items).  True: p->verdict stands.  False:
 * p->items hold more to charge.  Receipts of earlier rounds of a step whose
 * verdict refuses are to be given back.  Pure: what STAGE_CONNECT asked may be
 * collected later by asking again with the same configuration and facts,
 * which gives the same items in the same order.
 */
bool policy_answer(struct policy *p, const struct charge_answers *answers);

/*
 * Count the recipient that P (STAGE_RCPT, STAGE_REFUSED) was about into FACTS,
 * for the message's next steps: accepted, or refused as unknown.  What P
 * refused, observed or not, is not counted.
 */
void policy_count(const struct policy *p, struct facts *facts);

/* Does P's verdict refuse, be it only in observe mode? */
bool policy_refuses(const struct policy *p);

#endif
