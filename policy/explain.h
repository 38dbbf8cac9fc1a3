/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * policy/explain.h - what would be answered, and every rule that was passed on
 * the way, with where it is written.  Calls the engine's own two steps and
 * changes nothing.
 */
#ifndef MORTSAFE_POLICY_EXPLAIN_H
#define MORTSAFE_POLICY_EXPLAIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "policy/charge.h"
#include "policy/config.h"
#include "policy/err.h"
#include "policy/policy.h"
#include "policy/scene.h"
#include "policy/verdict.h"

enum explain_outcome {
    EXPLAIN_INFO,   /* what is so: which listener, network, login */
    EXPLAIN_PASS,   /* a rule that has nothing against it */
    EXPLAIN_REFUSE, /* the rule that refuses (defers, holds) */
    EXPLAIN_WOULD,  /* it would, were it not for observe mode */
    EXPLAIN_SKIP    /* it does not apply here; TEXT says why */
};

enum { EXPLAIN_TEXT = 256 };

/* One line of the way. */
struct explain_step {
    enum stage stage;
    enum explain_outcome outcome;
    char rule[VERDICT_RULE]; /* "listener.submission", "limit.user" */
    struct origin origin;    /* file NULL: built in */
    char text[EXPLAIN_TEXT]; /* plain words, no full stop */
    const char *recipient;   /* at RCPT: which (borrowed); else NULL */
    bool counted;            /* the rest is of a limit */
    bool known;              /* USED and ROOM_S: somebody has looked */
    struct subject subject;
    enum metric metric;
    struct rate rate; /* that applies: the limit's, a table's, a raised one */
    uint64_t used;    /* without this message */
    uint64_t room_s;  /* until there is room; 0: now; UINT64_MAX: never */
};

/* "info", "pass", "refuse", "would", "skip"; "connect", "mail", ... */
const char *explain_outcome_name(enum explain_outcome outcome);
const char *explain_stage_name(enum stage stage);

struct explain_asked {
    const struct config *config;
    struct facts facts; /* of the session and MAIL, and of a message that is
                           under way; recipient unused */
    const char *const *recipients;
    size_t n_recipients; /* 0: only up to MAIL */
    /*
     * Look (CHARGE_LOOK) at N items, add nothing.  NULL: no counts are known,
     * and limits pass.  Its errors end the explanation.
     */
    enum ms_err (*look)(void *arg, const struct charge_item *items, size_t n,
                        struct charge_answers *out);
    void *arg;
};

/*
 * Hand each step to EACH(TO), in the order of a session, and the verdict that
 * the client would meet first in *OUT (VERDICT_CONTINUE: none), at *STAGE; the
 * last step says it in words.  The way ends at a refusal before RCPT, and
 * goes on with the next recipient behind one at RCPT.  A limit is told of once,
 * and again where it refuses.  Steps are borrowed for the call.  Needs about
 * 100 KB of stack.  What LOOK returns.
 */
enum ms_err policy_explain(const struct explain_asked *asked,
                           void (*each)(void *to,
                                        const struct explain_step *step),
                           void *to, struct verdict *out, enum stage *stage);

#endif
