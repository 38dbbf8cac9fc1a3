/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * milter/step.h - one step of judging a message: what is asked is charged,
 * the verdict told in the log and answered to the MTA.  The one place where
 * failures of our own become answers.
 */
#ifndef MORTSAFE_MILTER_STEP_H
#define MORTSAFE_MILTER_STEP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <libmilter/mfapi.h>

#include "milter/counts/metrics.h"
#include "milter/counts/sights.h"
#include "milter/session.h"
#include "policy/lookups.h"
#include "policy/policy.h"

enum {
    STEP_DEADLINE_MS = 5000, /* of one callback; Sendmail waits for 10 s */
    STEP_ROUNDS = 4          /* of asking the store */
};

/* What has failed, as the log's `rule` names it. */
enum step_fault {
    STEP_STORE,  /* counts and standings: `on_error` decides */
    STEP_NOTE,   /* the same where nothing depends on it: goes on */
    STEP_MEMORY, /* no memory for a session or message: always deferred */
    STEP_ORDER,  /* the MTA tells of a recipient without a message */
    STEP_FULL    /* more sessions than are configured */
};

/* The working memory of one callback, some 70 KB on its stack. */
struct step {
    SMFICTX *ctx;
    struct daemon *daemon;
    struct session *session;     /* NULL: none; only step_fail() takes that */
    enum metrics_stage stage;    /* which callback it is */
    const struct config *config; /* borrowed */
    const struct acts *acts;     /* borrowed; NULL: none */
    struct store_time now;
    struct mono deadline;
    int64_t began_us;
    bool has_scene; /* policy.scene is made */
    bool local;     /* decided in this host, for a shared store is away */
    struct facts facts;
    struct lookups lookups; /* what facts.lookups points to */
    struct policy policy;
    struct charge_answers answers;
    struct receipt receipts[STEP_ROUNDS * CHARGE_ITEMS];
    size_t n_receipts;
};

/* Begin STEP of SESSION (may be NULL) at STAGE; its configuration and acts are
 * set by whoever knows which. */
void step_begin(struct step *step, SMFICTX *ctx, struct daemon *daemon,
                struct session *session, enum metrics_stage stage);

/*
 * Ask STAGE of step->facts, charge until there is a verdict in step->policy.
 * If it refuses, and on failure, all receipts are given back.  Waits until the
 * callback's deadline at most.  MS_TIMEOUT, MS_UNAVAIL, MS_NOMEM.
 */
enum ms_err step_judge(struct step *step, enum stage stage);

/* Ask STAGE_CONNECT again for the ticket that SESSION has kept, under the
 * configuration of then.  The same errors; the ticket is gone. */
enum ms_err step_judge_connect(struct step *step);

/* Note the recipient that the MTA has refused; waits for nothing. */
enum ms_err step_note_refused(struct step *step);

/* Only find out who is here, for the log. */
void step_look(struct step *step);

/*
 * Tell of the verdict and what came with it, set the reply and return its
 * status: SMFIS_CONTINUE where it is nothing, only observed, or a hold.
 */
sfsistat step_answer(struct step *step);

/* A failure of our own: told, counted, answered. */
sfsistat step_fail(struct step *step, enum step_fault fault, enum ms_err err);

/* Have the MTA hold the message for the verdict that step_answer() has passed
 * over; deferred if the MTA cannot. */
sfsistat step_hold(struct step *step);

/*
 * Look at the HELO name and the sender's domain at MAIL, and tell if they give
 * a NAT, a proxy or a gateway away.  One machine that may relay has one name
 * and few sender domains; a gateway or a list server has many.  The built-in
 * network loopback is no gateway that anybody has chosen: a proxy on this host
 * makes the world look like it.
 */
void step_note_crowd(struct step *step);

/* The MTA was asked for MACRO, and has said VALUE (NULL: nothing). */
void step_note_macro(struct step *step, enum sights_macro macro,
                     const char *value);

/* The one line of a message that goes through. */
void step_accepted(struct step *step);

#endif
