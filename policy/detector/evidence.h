/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * policy/detector/evidence.h - why a standing is what it is: the families,
 * their decibels, and the numbers behind them.  Plain data of fixed size, from
 * which log, API, page and notices all tell.
 */
#ifndef MORTSAFE_POLICY_DETECTOR_EVIDENCE_H
#define MORTSAFE_POLICY_DETECTOR_EVIDENCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "policy/charge.h"

enum family {
    FAMILY_BULK,      /* volume against its own past, new recipients */
    FAMILY_CONTENT,   /* an upstream filter's verdicts */
    FAMILY_RECEPTION, /* unknown recipients, bounces, complaints */
    FAMILY_SPREAD,    /* client networks */
    FAMILY_IDENTITY,  /* sender addresses */
    FAMILIES
};

/* Who or what has changed a standing. */
enum evidence_cause {
    CAUSE_NONE,
    CAUSE_EVIDENCE, /* the score */
    CAUSE_TIME,     /* quiet long enough; an end that was set */
    CAUSE_OPERATOR, /* quarantine, release by hand */
    CAUSE_CUSTOMER, /* a signed code */
    CAUSE_BREAKER,  /* too many at once */
    CAUSE_FREEZE,   /* a filter that flags everybody */
    CAUSE_ENFORCE,  /* the change from observe to enforce */
    CAUSE_LEASE,    /* a new customer */
    CAUSE_LADDER,   /* lifted by the configured ladder */
    CAUSES
};

struct evidence {
    int64_t at_s;
    enum standing from, to;
    enum evidence_cause cause;
    uint16_t tenths[FAMILIES]; /* of a decibel */
    uint32_t hour, usual_hour; /* recipients in the last hour; the usual peak,
                                  at least the class's floor */
    uint32_t day, usual_day;
    uint32_t new_day, usual_new; /* never written to before */
    uint32_t spam, judged;       /* messages in 24 h: flagged, of so many */
    uint32_t unknown;            /* recipients in 24 h */
    uint32_t complaints;
    uint32_t networks, usual_networks; /* today and yesterday */
    uint32_t senders, usual_senders;   /* today */
};

enum { EVIDENCE_TEXT = 160 };

/* "bulk", "content", "reception", "spread", "identity". */
const char *family_name(enum family family);
/* "evidence", "time", "operator", ... */
const char *cause_name(enum evidence_cause cause);
/* The reverse, in *OUT; false: none is called so. */
bool cause_of(const char *name, enum evidence_cause *out);

/* "normal", "watched", "throttled", "quarantined", "probation". */
const char *standing_name(enum standing standing);
bool standing_of(const char *name, enum standing *out);
/* Is A worse than B?  normal < probation < watched < throttled < quarantined.
 */
bool standing_worse(enum standing a, enum standing b);

/* The sum of its families, in tenths. */
uint32_t evidence_score(const struct evidence *e);

/* What FAMILY says, in plain English, without a full stop: "311 recipients in
 * the last hour, the usual peak is 24; 290 of today's were never written to
 * before".  "" if it says nothing (0 decibels).  Returns OUT.  Pure. */
char *evidence_say(const struct evidence *e, enum family family,
                   char out[EVIDENCE_TEXT]);

/* All of them in one line, the strongest first: "score 62.1: +38.0 12 of 20
 * messages flagged as spam; +24.1 311 recipients ...".  Cut with "..." at SIZE.
 * Returns OUT. */
char *evidence_line(const struct evidence *e, char *out, size_t size);

#endif
