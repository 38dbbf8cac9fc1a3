/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * milter/daemon.h - what all sessions share: the configuration of the hour,
 * the store, the journal, counters, and refunds on their way to the store.
 * All functions are thread-safe unless they say otherwise.
 */
#ifndef MORTSAFE_MILTER_DAEMON_H
#define MORTSAFE_MILTER_DAEMON_H

#include <stdbool.h>
#include <stdint.h>

#include "milter/crowd.h"
#include "milter/journal.h"
#include "milter/pool.h"
#include "policy/config.h"
#include "policy/store/store.h"
#include "policy/verdict.h"

struct acts;
struct clerk;
struct daemon;
struct detect;
struct history;
struct lookup;
struct metrics;
struct pictures;
struct sights;
struct top;

/* Receipts of one message: a block on the heap that grows, and then travels
 * whole, so that giving it back needs no memory. */
struct receipts {
    struct receipts *next; /* in the queue of refunds */
    size_t n, room;
    struct receipt item[];
};

/* The working memory of callbacks: blocks for a struct step each. */
struct pool *daemon_steps(const struct daemon *daemon);

/* For the status line and the metrics. */
struct daemon_counts {
    uint64_t sessions;     /* open now */
    uint64_t sessions_all; /* since the start */
    uint64_t capped;       /* turned away: too many at once */
    uint64_t accepted;     /* messages */
    uint64_t waits;        /* for the store, of all that were accepted */
    uint64_t waits_max;    /* of one of them */
    uint64_t local; /* steps that this host has decided for a shared store */
    uint64_t done[VERDICT_HOLD + 1], would[VERDICT_HOLD + 1]; /* decisions */
    uint64_t errors;   /* failures of our own in a decision */
    uint64_t running;  /* callbacks now */
    uint64_t finished; /* callbacks since the start */
    int64_t heard_s;   /* the wall clock when daemon_beat() last saw that some
                          had; 0: none yet */
};

/* Which of the counts of a decision goes up. */
enum daemon_count { DAEMON_CAPPED, DAEMON_LOCAL, DAEMON_ERROR, DAEMON_COUNTS };

/*
 * Make a daemon in *OUT, which owns CONFIG, STORE and STEPS (blocks of the
 * size of a struct step) from then on; JOURNAL is borrowed.  MS_NOMEM.
 */
enum ms_err daemon_create(struct config *config, struct store *store,
                          struct pool *steps, struct journal *journal,
                          struct daemon **out);

/*
 * Give refunds that still wait to the store, and end that and the
 * configuration: all but DAEMON itself, which a late callback may still ask
 * whether it is closed.  It is, and no callback runs.
 */
void daemon_retire(struct daemon *daemon);

/* daemon_retire(), unless that has been done, and free DAEMON.  NULL is
 * fine. */
void daemon_destroy(struct daemon *daemon);

/* Who hears what is decided and counted, for those that ask later.  All
 * borrowed; NULL: nobody.  Set once, before the first callback. */
struct daemon_ears {
    struct clerk *clerk;
    struct metrics *metrics;
    struct history *history;
    struct pictures *pictures;
    struct top *top;
    struct detect *detect;
    struct sights *sights;
};
void daemon_set_ears(struct daemon *daemon, const struct daemon_ears *ears);
const struct daemon_ears *daemon_ears(const struct daemon *daemon);

/* Who looks up what the DNS says of strangers; borrowed, NULL: nobody.  Set
 * once, before the first callback. */
void daemon_set_lookup(struct daemon *daemon, struct lookup *lookup);
struct lookup *daemon_lookup(struct daemon *daemon);

struct store *daemon_store(struct daemon *daemon);
struct journal *daemon_journal(struct daemon *daemon);
struct crowd *daemon_crowd(struct daemon *daemon);

/* A counted reference to the configuration of now; daemon_config_put() gives
 * it back (NULL is fine). */
const struct config *daemon_config_get(struct daemon *daemon);
void daemon_config_put(struct daemon *daemon, const struct config *config);
/* One more reference to CONFIG, of which the caller has one. */
const struct config *daemon_config_again(struct daemon *daemon,
                                         const struct config *config);

/* From now on CONFIG (moved) is what daemon_config_get() gives. */
void daemon_config_swap(struct daemon *daemon, struct config *config);

/* The same of what operators have set beside it (policy/acts.h): a reference,
 * which acts_put() gives back, or NULL; from now on ACTS (moved, NULL is
 * fine). */
struct acts *daemon_acts_get(struct daemon *daemon);
void daemon_acts_swap(struct daemon *daemon, struct acts *acts);

/* The mode in force at NOW, of both together. */
enum mode daemon_mode(struct daemon *daemon, struct wall now);

/*
 * A callback begins, and ends.  False: the daemon is closed, so the callback
 * must touch nothing; it calls daemon_leave() all the same.
 */
bool daemon_enter(struct daemon *daemon);
void daemon_leave(struct daemon *daemon);

/* To be called about once a second by one thread: has any callback ended? */
void daemon_beat(struct daemon *daemon, struct wall now);

/* No callback may do anything any more. */
void daemon_close(struct daemon *daemon);

/* A session begins, and ends.  False: there would be more than MAX; it counts
 * all the same. */
bool daemon_session_begin(struct daemon *daemon, unsigned max);
void daemon_session_end(struct daemon *daemon);

/* Give back what RECEIPTS (moved; NULL is fine) prove, later: never waits and
 * needs no memory, for abort and close. */
void daemon_refund(struct daemon *daemon, struct receipts *receipts);

/* Give all refunds that wait to the store, and wait for another thread that
 * does, so that a client which tries again finds its room. */
void daemon_refund_now(struct daemon *daemon);

/*
 * Wait until refunds have come or UNTIL has, and give them to the store: one
 * thread's work.  daemon_wake() ends the wait.
 */
void daemon_refund_wait(struct daemon *daemon, struct mono until);
void daemon_wake(struct daemon *daemon);

/*
 * The store has failed a decision: true for the first, which is to be told.
 * It has served one: how many it had failed until then; 0 almost always.
 */
bool daemon_store_failed(struct daemon *daemon);
uint64_t daemon_store_served(struct daemon *daemon);

void daemon_count(struct daemon *daemon, enum daemon_count count);

/* A message was accepted whose steps have waited WAITS times for the store. */
void daemon_count_accepted(struct daemon *daemon, uint32_t waits);
void daemon_count_verdict(struct daemon *daemon, const struct verdict *verdict,
                          enum journal_deed deed);
void daemon_counts(struct daemon *daemon, struct daemon_counts *out);

#endif
