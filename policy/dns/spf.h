/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * policy/dns/spf.h - is this client allowed to use this name (RFC 7208)?  The
 * records are read by libspf2 in a process of its own, which can neither ask
 * nor wait; the resolver asks, within the budget that the RFC sets.
 */
#ifndef MORTSAFE_POLICY_DNS_SPF_H
#define MORTSAFE_POLICY_DNS_SPF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "policy/clock.h"
#include "policy/err.h"
#include "policy/lookups.h"

struct resolver;
struct spf;
struct spf_task;
struct why;

/* RFC 7208 section 4.6.4, and what stops trees that it lets grow. */
enum {
    SPF_TERMS = 10,
    SPF_VOID = 2,
    SPF_QUESTIONS = 40,
    SPF_WORK_MS = 100 /* one run of the worker; then it is killed */
};

struct spf_options {
    const char *program; /* path of mortsafe-spf */
    struct mono (*now)(void);
    /* Told, from any thread, when the worker dies or cannot be started; TEXT is
     * one line without its end. */
    void (*say)(void *arg, const char *text);
    void *arg;
};

/*
 * Make it in *OUT and start its worker; no thread yet.  Call it before any
 * thread is, and as the user that stays: nobody else could end the worker.
 * MS_NOMEM; MS_UNAVAIL: it cannot be started (WHY).  spf_destroy() ends both:
 * tasks in flight are done with temperror before.
 */
enum ms_err spf_create(const struct spf_options *options, struct spf **out,
                       struct why *why);
void spf_destroy(struct spf *spf);

/* Begin to work, in a thread; RESOLVER is borrowed until spf_destroy().
 * MS_NOMEM. */
enum ms_err spf_run(struct spf *spf, struct resolver *resolver);

struct spf_ask {
    const struct sockaddr *client;
    const char *helo;     /* as it was said */
    const char *sender;   /* without brackets; "" of <>: postmaster@helo is
                             asked about.  NULL: the HELO name itself is */
    const char *receiver; /* this host's name; %{r} */
};

/*
 * Evaluate ASK (copied); DONE(ARG, finding) comes once, from a thread of the
 * engine's, by DEADLINE: what is not known then is a temperror.  *OUT is a
 * reference for spf_forget().  MS_NOMEM, MS_BUSY (too many at once).
 * Thread-safe; never waits.
 */
enum ms_err spf_begin(struct spf *spf, const struct spf_ask *ask,
                      struct mono deadline,
                      void (*done)(void *arg, const struct spf_finding *found),
                      void *arg, struct spf_task **out);

/* As resolver_forget(); not behind spf_destroy(). */
void spf_forget(struct spf_task *task);

struct spf_counts {
    uint64_t done[SPF_RESULTS];
    uint64_t deaths;   /* of workers: by a signal, by themselves, or killed
                          when they ran for too long */
    uint64_t restarts; /* that worked */
    uint64_t in_flight;
    bool alive;
};
void spf_counts(struct spf *spf, struct spf_counts *out);

#endif
