/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * policy/quarantine.h - what a standing means for a step of a message, as a
 * verdict.  Pure.
 */
#ifndef MORTSAFE_POLICY_QUARANTINE_H
#define MORTSAFE_POLICY_QUARANTINE_H

#include <stdbool.h>

#include "policy/charge.h"
#include "policy/policy.h"
#include "policy/verdict.h"

/* SUBJECT stands quarantined by ZOMBIE: rejected, deferred or held.  Mail that
 * did not come by SMTP is only ever held. */
void quarantine_stop(const struct policy *p, const struct zombie *zombie,
                     const struct subject *subject, struct verdict *out);

/* It stands throttled, and ANSWER says that it is over its rate. */
void quarantine_slow(const struct policy *p, const struct zombie *zombie,
                     const struct subject *subject,
                     const struct charge_answer *answer, struct verdict *out);

/* It stands throttled, and a filter flags this message. */
void quarantine_flag(const struct policy *p, const struct zombie *zombie,
                     const struct subject *subject, struct verdict *out);

/* V holds, and there is no room to: refused with its code. */
void quarantine_overflow(struct verdict *v);

#endif
