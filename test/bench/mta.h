/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test/bench/mta.h - one SMTP session of an MTA as a milter sees it: protocol 6
 * as Postfix 3.7 speaks it (its src/milter/milter8.c), one connection, several
 * messages.  Event-driven: it never waits.
 */
#ifndef MORTSAFE_TEST_BENCH_MTA_H
#define MORTSAFE_TEST_BENCH_MTA_H

#include "policy/err.h"
#include "test/bench/endpoint.h"
#include "test/bench/plan.h"
#include "test/bench/score.h"

struct mta;

enum mta_state {
    MTA_READS,  /* wants to hear when it can read */
    MTA_WRITES, /* wants to hear when it can write */
    MTA_HOLDS,  /* an idle session, past HELO */
    MTA_OVER    /* the session has ended; the socket is closed */
};

/*
 * An MTA without a session in *OUT; mta_destroy() ends it.  What it is given is
 * borrowed for as long as it lives; PLAN and SCORE are shared by all MTAs of
 * one thread.  MS_NOMEM.
 */
enum ms_err mta_create(const struct endpoint *milter, struct plan *plan,
                       struct score *score, struct mta **out);
void mta_destroy(struct mta *mta);

/*
 * Begin a session; the caller has taken its first message (plan_take()) unless
 * the plan is to idle.  MS_BUSY: the milter's backlog is full, try again soon;
 * MS_UNAVAIL: it cannot be reached (errno says why).
 */
enum ms_err mta_start(struct mta *mta);

/* The socket of the session. */
int mta_fd(const struct mta *mta);

/* Do all that can be done now. */
enum mta_state mta_go(struct mta *mta);

#endif
