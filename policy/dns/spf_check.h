/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * policy/dns/spf_check.h - one evaluation of SPF (RFC 7208): what is known so
 * far, what it has cost, and what comes next.  Pure: somebody else asks the
 * DNS, and has mortsafe-spf run.
 */
#ifndef MORTSAFE_POLICY_DNS_SPF_CHECK_H
#define MORTSAFE_POLICY_DNS_SPF_CHECK_H

#include <stddef.h>
#include <stdint.h>

#include "policy/dns/resolver.h"
#include "policy/dns/spf.h"
#include "policy/err.h"
#include "policy/lookups.h"

struct spf_check;

enum spf_step {
    SPF_STEP_ASK, /* the DNS, spf_check_question(), then spf_check_answer() */
    SPF_STEP_RUN, /* the worker on spf_check_frame(), then spf_check_reply() or
                     spf_check_died() */
    SPF_STEP_DONE /* spf_check_found() */
};

/* Begin to evaluate ASK (copied) in *OUT; spf_check_destroy() ends it.
 * MS_NOMEM. */
enum ms_err spf_check_create(const struct spf_ask *ask, struct spf_check **out);
void spf_check_destroy(struct spf_check *check);

/* What comes next.  Once it is done it stays so. */
enum spf_step spf_check_step(const struct spf_check *check);

const char *spf_check_question(const struct spf_check *check,
                               enum resolver_type *type);
/* The answer to that question; RESOLVER_CROWDED is as good as FAILED. */
void spf_check_answer(struct spf_check *check,
                      const struct resolver_answer *answer);

const uint8_t *spf_check_frame(const struct spf_check *check, size_t *len);
/* What the worker said; what is no frame is as good as its death. */
enum ms_err spf_check_reply(struct spf_check *check, const uint8_t *data,
                            size_t len);
void spf_check_died(struct spf_check *check);

/* It ends here, with a temperror: DETAIL says why. */
void spf_check_give_up(struct spf_check *check, const char *detail);

/* Its result (KNOWN), borrowed; while it is not done, only its domain. */
const struct spf_finding *spf_check_found(const struct spf_check *check);

#endif
