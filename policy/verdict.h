/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * policy/verdict.h - what is answered, and why: plain data that reply, log
 * and explain all tell from.
 */
#ifndef MORTSAFE_POLICY_VERDICT_H
#define MORTSAFE_POLICY_VERDICT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "policy/address.h"
#include "policy/config.h"
#include "policy/scene.h"
#include "policy/subject.h"

enum verdict_action {
    VERDICT_CONTINUE,
    VERDICT_ACCEPT, /* only for `skip`: this session is none of ours */
    VERDICT_DEFER,
    VERDICT_REJECT,
    VERDICT_HOLD
};

enum { VERDICT_RULE = 96, VERDICT_TEXT = 451 };

struct verdict {
    enum verdict_action action;
    bool observed; /* would be done, is not */
    bool failed;   /* of our own: what an operator says for RULE does not fit */
    uint16_t code; /* SMTP reply code; 0: none */
    char enhanced[8];
    char rule[VERDICT_RULE]; /* "limit.user"; "" if no rule spoke */
    const char *reason; /* built-in words for this rule (static, borrowed) */

    /* Of a limit, or of what is let through while throttled: what was counted.
     */
    const struct limit *limit; /* borrowed from the configuration; or NULL */
    struct rate rate;
    uint64_t used;          /* with this attempt */
    uint64_t retry_s;       /* until room returns; UINT64_MAX: never as it is */
    struct subject subject; /* kind SUBJECT_KINDS: none */

    /* Of what the DNS says. */
    const struct dnsbl *list; /* borrowed from the configuration; or NULL */
    char domain[ADDRESS_DOMAIN_MAX + 1]; /* that was looked up; "" */

    /* Of a rule about zombies. */
    const struct zombie *zombie; /* borrowed from the configuration; or NULL */
    enum standing standing;
};

const char *verdict_action_name(enum verdict_action action);

/* "12 minutes": an exact span in its largest unit, another one rounded up to a
 * unit that a person would use.  Returns BUF. */
char *verdict_span(uint64_t seconds, char buf[RATE_TEXT]);

/* What METRIC counts, as a person says it: "recipients elsewhere". */
const char *verdict_counted(enum metric metric);

/* Nothing against it. */
void verdict_continue(struct verdict *out);

/* Set what is answered: the code's class fits ACTION and ENHANCED. */
void verdict_refuse(struct verdict *v, enum verdict_action action,
                    uint16_t code, const char *enhanced);

/*
 * The reply's text for VERDICT, without code: the operator's words for the
 * rule or ours, with what was counted for logins and own networks, for rules of
 * zombies where help is, and REF.
 * Printable ASCII, at most 450 bytes.  RECIPIENT may be NULL.  Pure.
 */
void verdict_text(const struct verdict *verdict, const struct config *config,
                  const struct scene *scene, const char *recipient,
                  const char *ref, char out[VERDICT_TEXT]);

#endif
