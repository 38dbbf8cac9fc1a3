/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * policy/explain_say.h - an explanation on its way: what policy_explain() and
 * its two narrators share, and how they put a step into words.
 */
#ifndef MORTSAFE_POLICY_EXPLAIN_SAY_H
#define MORTSAFE_POLICY_EXPLAIN_SAY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "policy/acts.h"
#include "policy/explain.h"
#include "policy/limit.h"
#include "policy/option_block.h"

/* What was learnt of one window at this stage. */
struct explain_look {
    uint64_t window;
    const struct limit *limit;
    struct rate rate;
    uint32_t n;      /* events that this stage brings */
    bool over;       /* they do not fit */
    bool unknown;    /* nobody could tell, and the limit puts mail off then */
    bool held;       /* it is the window of what is held, not of the limit */
    bool kept;       /* they would be added if the stage refuses nothing */
    uint64_t used;   /* without this message */
    uint32_t own;    /* by this message, at earlier stages */
    uint64_t room_s; /* until they fit */
};

enum { EXPLAIN_LOOKS = 2 * CHARGE_ITEMS };

/* What was learnt at this stage of one whom a rule of zombies judges. */
struct explain_stand {
    const struct zombie *zombie;
    struct subject subject;
    enum standing standing;
    uint32_t throttle; /* recipients per hour, while throttled */
    uint64_t used;     /* of them, without this message */
    bool over;
    uint64_t room_s;
};

struct explanation {
    const struct explain_asked *asked;
    void (*each)(void *to, const struct explain_step *step);
    void *to;
    struct facts facts;
    enum stage stage;
    const char *recipient; /* at RCPT */
    struct policy p;
    struct explain_look look[EXPLAIN_LOOKS]; /* of this stage */
    size_t n_looks;
    struct explain_stand stand[POLICY_JUDGED]; /* of this stage */
    size_t n_stands;
    struct {
        uint64_t window;
        uint32_t n;
    } own[EXPLAIN_LOOKS]; /* what this message would have added so far */
    size_t n_own;
    size_t n_refused;         /* recipients */
    bool shown[CHARGE_ITEMS]; /* limits that have been told of, by index */
    bool shown_lookups;       /* what the DNS says, and asks nobody about */
    uint64_t shown_zombies;   /* the same of rules of zombies: bits */
    struct verdict held;      /* for the facts */
    struct verdict first;     /* that the client meets */
    enum stage first_stage;
    struct origin first_origin; /* of its rule */
    struct explain_step step;   /* being put together */
    bool full;                  /* its text has no room for more */
};

/* Begin a step about RULE, written at ORIGIN. */
void explain_begin(struct explanation *e, const char *rule,
                   struct origin origin);

/* Add words to it.  Too long a text ends in "...". */
void explain_say(struct explanation *e, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Add how ACT came about: "act 7K2M9QXD by ann (uid 1000), until ...: why". */
void explain_say_act(struct explanation *e, const struct act *act);

/* Add the day or the minute of WHEN, in UTC. */
void explain_say_day(struct explanation *e, struct wall when);
void explain_say_minute(struct explanation *e, struct wall when);

/* Add why a rule, which has IN and "counts" or "judges" (VERB), does not hold
 * here: by STATE, which is not LIMIT_APPLIES. */
void explain_say_state(struct explanation *e, const uint8_t *in,
                       const char *verb, enum limit_state state,
                       const struct limit_reason *reason);

/* Add which exemption it is. */
void explain_say_exempt(struct explanation *e, const struct exempt *exempt);

/* Add why one with N keys finds nobody here. */
void explain_say_nobody(struct explanation *e, const struct limit_key *key,
                        size_t n, const char *verb);

/* Hand it on as OUTCOME; as what refuses: by the mode of the scene. */
void explain_end(struct explanation *e, enum explain_outcome outcome);
void explain_end_refusal(struct explanation *e);

/* Where OPTION of the block of KIND called TITLE is written; where the block
 * is, if it is not.  File NULL: built in. */
struct origin explain_origin(const struct explanation *e,
                             enum option_block kind, const char *title,
                             const char *option);

/* ----- the narrators */

/* Listener, network, mode, and whether the session is looked at. */
void explain_connection(struct explanation *e);

/* Login, TLS, port and sender, as the engine's verdict has them. */
void explain_mail(struct explanation *e);

/* Where the recipient is, and whether mail may go there. */
void explain_recipient(struct explanation *e);

/* How all stand whom rules of zombies judge, and what follows. */
void explain_zombies(struct explanation *e);

/* What the DNS says of a stranger, as far as it was handed in, and what follows
 * from it. */
void explain_lookups(struct explanation *e);

/* All limits that this stage asks, and those that it would but for a reason. */
void explain_limits(struct explanation *e);

/* At the end: those that no stage had anything to count for. */
void explain_idle_limits(struct explanation *e);

#endif
