/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ctl/doctor/finding.h - what a check has found: a state, a sentence, and the
 * command that mends it.
 */
#ifndef MORTSAFE_CTL_DOCTOR_FINDING_H
#define MORTSAFE_CTL_DOCTOR_FINDING_H

#include <stddef.h>

#include <jansson.h>

#include "ctl/out.h"

enum finding_state {
    FINDING_OK,
    FINDING_WARN,
    FINDING_FAIL,
    FINDING_SKIP, /* could not be looked at; the sentence says why */
    FINDING_STATES
};

enum { FINDING_TEXT = 1024, FINDING_CURE = 2048 };

struct findings {
    json_t *list;      /* of objects: check, state, text, cure */
    const char *check; /* whose findings are added; borrowed */
    size_t n[FINDING_STATES];
};

/* False: no memory. */
bool findings_start(struct findings *out);
void findings_end(struct findings *findings);

/* "ok", "warn", "FAIL", "skip". */
const char *finding_state_name(enum finding_state state);

/* What is as it should be, and what could not be looked at. */
void finding_ok(struct findings *findings, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void finding_skip(struct findings *findings, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* What is not.  CURE: the command that mends it; "": there is none that could
 * be given. */
void finding_bad(struct findings *findings, enum finding_state state,
                 const char *cure, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* Print all from number FROM on: a table for people, with the command below
 * its finding; for programs an object a line. */
void findings_print(const struct findings *findings, const struct out *out,
                    size_t from);

#endif
