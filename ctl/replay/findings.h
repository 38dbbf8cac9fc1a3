/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ctl/replay/findings.h - what a replay has found: who would have been stopped
 * by which rule, whose standing would have changed and why, and how much the
 * others did, from which limits are suggested.  One thread.
 */
#ifndef MORTSAFE_CTL_REPLAY_FINDINGS_H
#define MORTSAFE_CTL_REPLAY_FINDINGS_H

#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

#include "policy/config.h"
#include "policy/detector/evidence.h"
#include "policy/err.h"
#include "policy/subject.h"
#include "policy/verdict.h"

struct findings;

enum ms_err findings_create(struct findings **out); /* MS_NOMEM */
void findings_destroy(struct findings *findings);   /* NULL is fine */

/* How much there was; the caller counts. */
struct findings_totals {
    uint64_t connections, messages, recipients, stopped; /* recipients that a
                                                            rule would stop */
    int64_t first_s, last_s;
};
struct findings_totals *findings_totals(struct findings *findings);

/* VERDICT would have stopped something for SUBJECT at AT_S.  MS_NOMEM, as
 * below. */
enum ms_err findings_stop(struct findings *findings,
                          const struct verdict *verdict,
                          const struct subject *subject, int64_t at_s);

/* The standing of SUBJECT has changed by the rule called RULE. */
enum ms_err findings_change(struct findings *findings, const char *rule,
                            const struct subject *subject,
                            const struct evidence *evidence);

/* SUBJECT has used USED of LIMIT's RATE at AT_S. */
enum ms_err findings_use(struct findings *findings, const struct limit *limit,
                         struct rate rate, const struct subject *subject,
                         uint64_t used, int64_t at_s);

/*
 * All of it: {"from", "until", "connections", "messages", "recipients",
 * "stopped", "stops": [{subject, rule, action, times, first, last, used,
 * rate}], "changes": [{at, subject, rule, from, to, why}], "limits": [{limit,
 * rate, periods, subjects, most, p999, suggested, over}]}; times are RFC 3339.
 * Stops with the most times first, changes in order.  NULL without memory.
 */
json_t *findings_json(struct findings *findings);

#endif
