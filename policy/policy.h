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
    STAGE_CONNECT, /* charges `connections`; its answers are used at MAIL.
                      Nobody's standing: whether it is a client's or a login's
                      that counts is known at MAIL */
    STAGE_MAIL,
    STAGE_RCPT,
    STAGE_REFUSED, /* a recipient that the MTA refused */
    STAGE_END      /* end of message */
};

enum {
    POLICY_WOULD = 8,
    POLICY_JUDGED = 10 /* rules of zombies, and a second name of one who has
                          two */
};

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
    bool looks; /* what was looked up decides first: have it in *facts->lookups
                   before policy_answer(), which gets no items then */
    struct charge_item items[CHARGE_ITEMS];
    size_t n_items;
    bool spent; /* these items stay counted, whatever becomes of the message:
                   their receipts are not kept */
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
    struct policy_maker {
        const struct limit_key *key;
        size_t n_keys;
        const struct table *map;
        bool local; /* a rule of zombies, of mail that came not by SMTP */
    } made_by[CHARGE_SUBJECTS]; /* whose keys each subject was made of */
    struct {
        const struct limit *limit; /* NULL: a rule of zombies asks */
        struct rate rate;
    } source[CHARGE_ITEMS]; /* whence each item came */
    struct policy_judged {
        const struct zombie *zombie;
        size_t item; /* whose answer tells the standing; CHARGE_ITEMS:
                        it could not be asked */
        enum standing standing; /* as answered */
    } judged[POLICY_JUDGED];    /* the rules that hold here */
    size_t n_judged;
    const struct zombie *throttled; /* a rule by which the sender is */
    bool put_off; /* refused for what was not yet known, once */
    struct facts_seen seen[FACTS_SEEN];
    size_t seen_item[FACTS_SEEN]; /* whose answer tells it */
    size_t n_seen;
    struct verdict stopped; /* at MAIL: by a standing, should it not be let
                               begin; else CONTINUE */
    struct verdict holding; /* of what holds mail; else CONTINUE */
    enum policy_phase {
        POLICY_FREE,    /* the verdict stands already */
        POLICY_LOOKUPS, /* what the DNS says of a stranger decides first */
        POLICY_DESK,    /* may this mail to postmaster pass unlimited? */
        POLICY_LIMITS,  /* standings and limits decide */
        POLICY_HELP,    /* quarantined: may the message begin all the same, to
                           reach help? */
        POLICY_HELD     /* over what holds mail: is there room to? */
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
 * verdict refuses are to be given back, but for those of a round that was
 * p->spent when it was charged: these are neither given back nor kept with the
 * message.  Pure: what STAGE_CONNECT asked may be collected later by asking
 * again with the same configuration and facts, which gives the same items in
 * the same order.
 */
bool policy_answer(struct policy *p, const struct charge_answers *answers);

/*
 * Take what P has found out over into FACTS, which are kept with the message
 * for its next steps.  To be called once the verdict of a stage stands, and
 * after it has been told:
 *
 * STAGE_MAIL, unless it refuses: when newcomers among its subjects were first
 * seen (seen, n_seen).
 * STAGE_RCPT, STAGE_REFUSED: counts the recipient, accepted or refused as
 * unknown; and by which rule its sender is throttled (throttled).  What P
 * refused, observed or not, is not counted.
 *
 * Beside these the caller keeps a copy of `verdict` for facts.held when `hold`
 * is set, sets facts.birth at each stage, and facts.flag at STAGE_END.
 */
void policy_count(const struct policy *p, struct facts *facts);

/* Does P's verdict refuse, be it only in observe mode? */
bool policy_refuses(const struct policy *p);

#endif
