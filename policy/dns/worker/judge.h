/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * policy/dns/worker/judge.h - one run of libspf2 over the answers that are
 * known: a result, or the question whose answer is missing.
 *
 * libspf2 is never handed a record as its owner wrote it.  Each is read by
 * worker/record.h first, and given to the library one term at a time, what
 * follows being told as a redirect to a name of ours, and what it is about as
 * another: so it is known which term asks what, and what the library gets wrong
 * can be put right here.
 */
#ifndef MORTSAFE_POLICY_DNS_WORKER_JUDGE_H
#define MORTSAFE_POLICY_DNS_WORKER_JUDGE_H

#include "policy/dns/spf_wire.h"

struct judge;

/* Make it in *OUT; it asks the host its name, so do it before the door closes.
 * judge_destroy() ends it.  MS_NOMEM. */
enum ms_err judge_create(struct judge **out);
void judge_destroy(struct judge *judge);

/* Evaluate REQUEST.  It may not return at all: what libspf2 cannot stand ends
 * the process. */
void judge_run(struct judge *judge, const struct spf_request *request,
               struct spf_reply *out);

#endif
